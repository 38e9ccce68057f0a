//! Identification and authorization of callers: only the event's IAM identity counts.

use serde_json::json;

use crate::support::{CALLER, DynamoDb, Event, Function};

const STRANGER: &str = "444455556666";
const OWNER: &str = "999999999999";

/// For each source, an event without a caller's identity.
fn without_identity() -> [Event; 3] {
    Event::of_each_source().map(Event::anonymous)
}

fn is_rest(event: &Event) -> bool {
    event.0["requestContext"].get("identity").is_some()
}

fn account(event: &Event) -> &'static str {
    if is_rest(event) {
        "/requestContext/identity/accountId"
    } else {
        "/requestContext/authorizer/iam/accountId"
    }
}

fn arn(event: &Event) -> &'static str {
    if is_rest(event) {
        "/requestContext/identity/userArn"
    } else {
        "/requestContext/authorizer/iam/userArn"
    }
}

#[tokio::test]
async fn the_caller_is_the_iam_identity() {
    for (events, caller) in [(Event::of_each_source(), CALLER), (without_identity(), "anonymous")] {
        for event in events {
            let dynamodb = DynamoDb::start().await;
            let function = Function::start(&dynamodb).await;
            let event = event.set("/requestContext/accountId", json!(OWNER));

            let reply = function.invoke(&event).await;

            assert_eq!(reply.status, 201, "{}: {reply:?}", event.0);
            let [item] = &dynamodb.items().await[..] else { panic!("{}: one item", event.0) };
            assert_eq!(item["AccountId"].as_s().unwrap(), caller, "{}", event.0);
        }
    }
}

#[tokio::test]
async fn a_client_or_an_authorizer_cannot_forge_the_caller() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[("REQUIRE_IAM_CALLER", "true")]).await;
    let identity = json!({"accountId": STRANGER, "userArn": "arn:aws:iam::444455556666:root"});
    let headers = json!({
        "accountid": STRANGER,
        "authorization": format!("AWS4-HMAC-SHA256 Credential={STRANGER}/20261122/us-east-1/chime/aws4_request"),
        "x-amz-account-id": STRANGER,
        "x-amzn-iam-account-id": STRANGER,
        "x-aws-account-id": STRANGER,
    });
    let body = json!({"ClientRequestToken": "token", "accountId": STRANGER, "AccountId": STRANGER});
    let query = json!({"accountId": STRANGER});
    for event in without_identity() {
        let mut event = event.body(&body.to_string());
        event.0["headers"].as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
        event.0["queryStringParameters"] = query.clone();
        event.0["accountId"] = json!(STRANGER);
        event.0["identity"] = identity.clone();
        event.0["requestContext"]["accountId"] = json!(STRANGER);
        // Fields of Lambda and JWT authorizers, and of the other event format.
        let authorizer =
            json!({"accountId": STRANGER, "lambda": identity, "jwt": {"claims": identity}});
        event.0["requestContext"]["authorizer"] = authorizer;
        if is_rest(&event) {
            event.0["requestContext"]["authorizer"]["iam"] = identity.clone();
        } else {
            event.0["requestContext"]["identity"] = identity.clone();
        }

        let reply = function.invoke(&event).await;

        assert_eq!(reply.status, 401, "{}: {reply:?}", event.0);
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn a_caller_without_an_identity_is_rejected_where_one_is_required() {
    let dynamodb = DynamoDb::start().await;
    let settings = [("REQUIRE_IAM_CALLER", "true"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let function = Function::start_with(&dynamodb, &settings).await;
    for event in without_identity() {
        // The body is not even read.
        for event in [event.clone(), event.body("{")] {
            let reply = function.invoke(&event).await;

            reply.assert_modelled();
            assert_eq!(reply.status, 401, "{}: {reply:?}", event.0);
            assert_eq!(
                reply.message(),
                "The request has no IAM identity, and one is required. Sign it with AWS Signature Version 4.",
            );
            function.process.logged(&reply.headers["x-amzn-requestid"]).await;
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
    for event in Event::of_each_source() {
        for nobody in [json!(null), json!("")] {
            let event = event.clone().set(account(&event), nobody);
            assert_eq!(function.invoke(&event).await.status, 401, "{}", event.0);
        }
        assert_eq!(function.invoke(&event).await.status, 201, "{}", event.0);
    }
    let log = function.process.stop().await;
    assert!(log.contains("UnauthorizedClientException: The request has no IAM identity"), "{log}");
}

#[tokio::test]
async fn a_caller_from_an_account_not_on_the_allow_list_is_rejected() {
    let dynamodb = DynamoDb::start().await;
    let allowed = format!("000000000001, {CALLER}");
    for required in ["", "true"] {
        let settings = [
            ("ALLOWED_ACCOUNT_IDS", &*allowed),
            ("REQUIRE_IAM_CALLER", required),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
        ];
        let function = Function::start_with(&dynamodb, &settings).await;
        dynamodb.take_requests();
        for (number, event) in Event::of_each_source().into_iter().enumerate() {
            let its_arn = format!("arn:aws:sts::{STRANGER}:assumed-role/backend/instance-{number}");
            let (account, arn) = (account(&event), arn(&event));
            let stranger = event
                .set(account, json!(STRANGER))
                .set(arn, json!(its_arn))
                .set("/requestContext/accountId", json!(CALLER));
            for event in [stranger.clone(), stranger.body("{")] {
                let reply = function.invoke(&event).await;

                reply.assert_modelled();
                assert_eq!(reply.status, 403, "{}: {reply:?}", event.0);
                assert_eq!(
                    reply.message(),
                    "The account 444455556666 is not allowed to call this endpoint.",
                );
            }
            function.process.logged(&its_arn).await;
        }
        for event in without_identity() {
            assert_eq!(function.invoke(&event).await.status, 401, "{}", event.0);
        }
        assert_eq!(dynamodb.take_requests(), 0);
        for event in Event::of_each_source() {
            assert_eq!(function.invoke(&event).await.status, 201, "{}", event.0);
        }
        let invalid = function.invoke(&Event::rest().invalid()).await;
        assert_eq!(invalid.status, 400, "allowed callers get the validation error: {invalid:?}");
    }
}

#[tokio::test]
async fn a_rejected_caller_is_logged_with_account_and_arn() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(
        &dynamodb,
        &[("ALLOWED_ACCOUNT_IDS", "000000000001"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")],
    )
    .await;
    let arn = "arn:aws:sts::111122223333:assumed-role/backend/backend";
    let expected = [
        (
            Event::rest(),
            json!({"requestId": "5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e", "accountId": CALLER, "callerArn": arn}),
        ),
        (
            Event::http(),
            json!({"requestId": "BkQyEh2xoAMEPzg=", "accountId": CALLER, "callerArn": arn}),
        ),
        (
            Event::url().anonymous(),
            json!({"requestId": "0c6d2b41-3f7e-4d57-8f0a-6b1c2d3e4f50", "accountId": "anonymous", "callerArn": null}),
        ),
    ];
    for (event, _) in &expected {
        function.invoke(event).await;
    }

    let records = function.process.records(expected.len()).await;

    for ((_, fields), record) in expected.iter().zip(records) {
        assert_eq!((&record["level"], &record["outcome"]), (&json!("WARN"), &json!("refused")));
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&record[field], value, "{record}");
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_reported_to_anonymous_callers() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[("REQUIRE_IAM_CALLER", "true")]).await;
    let elsewhere = Event::rest().anonymous().set("/resource", json!("/attendees"));
    let otherwise = Event::rest().anonymous().set("/httpMethod", json!("PUT"));
    assert_eq!(function.invoke(&elsewhere).await.status, 404);
    assert_eq!(function.invoke(&otherwise).await.status, 405);
}

#[tokio::test]
async fn the_same_token_from_two_accounts_creates_two_meetings() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for own in Event::of_each_source() {
        // A different request, which would be a mismatch for the same account.
        let other = own.clone().mismatch();
        let strangers = other.clone().set(account(&own), json!(STRANGER));

        let first = function.invoke(&own).await;
        let second = function.invoke(&strangers).await;

        assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
        assert_eq!((second.status, second.is_replay()), (201, false), "{second:?}");
        assert_ne!(first.meeting_id(), second.meeting_id());
        assert_eq!(function.invoke(&other).await.status, 400);
    }
}
