//! Identification and authorization of callers: only the event's IAM identity counts.

use serde_json::json;

use crate::support::{CALLER, DynamoDb, Event, Function};

/// For each source, an event with a caller's identity and one without.
const WITH_IDENTITY: [&str; 3] = ["rest-create", "http-iam", "url-create"];
const WITHOUT_IDENTITY: [&str; 3] = ["rest-anonymous", "http-create", "url-anonymous"];

const STRANGER: &str = "444455556666";
const OWNER: &str = "999999999999";

fn account(event: &str) -> &'static str {
    if event.starts_with("rest") {
        "/requestContext/identity/accountId"
    } else {
        "/requestContext/authorizer/iam/accountId"
    }
}

fn arn(event: &str) -> &'static str {
    if event.starts_with("rest") {
        "/requestContext/identity/userArn"
    } else {
        "/requestContext/authorizer/iam/userArn"
    }
}

#[tokio::test]
async fn the_caller_is_the_iam_identity() {
    for (events, caller) in [(WITH_IDENTITY, CALLER), (WITHOUT_IDENTITY, "anonymous")] {
        for name in events {
            let dynamodb = DynamoDb::start().await;
            let function = Function::start(&dynamodb).await;
            let event = Event::named(name).set("/requestContext/accountId", json!(OWNER));

            let reply = function.invoke(&event).await;

            assert_eq!(reply.status, 201, "{name}: {reply:?}");
            let [item] = &dynamodb.items().await[..] else { panic!("{name}: one item") };
            assert_eq!(item["AccountId"].as_s().unwrap(), caller, "{name}");
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
    for name in WITHOUT_IDENTITY {
        let mut event = Event::named(name).body(&body.to_string());
        event.0["headers"].as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
        event.0["queryStringParameters"] = query.clone();
        event.0["accountId"] = json!(STRANGER);
        event.0["identity"] = identity.clone();
        event.0["requestContext"]["accountId"] = json!(STRANGER);
        // Fields of Lambda and JWT authorizers, and of the other event format.
        let authorizer =
            json!({"accountId": STRANGER, "lambda": identity, "jwt": {"claims": identity}});
        event.0["requestContext"]["authorizer"] = authorizer;
        if name.starts_with("rest") {
            event.0["requestContext"]["authorizer"]["iam"] = identity.clone();
        } else {
            event.0["requestContext"]["identity"] = identity.clone();
        }

        let reply = function.invoke(&event).await;

        assert_eq!(reply.status, 401, "{name}: {reply:?}");
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn a_caller_without_an_identity_is_rejected_where_one_is_required() {
    let dynamodb = DynamoDb::start().await;
    let settings = [("REQUIRE_IAM_CALLER", "true"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];
    let function = Function::start_with(&dynamodb, &settings).await;
    for name in WITHOUT_IDENTITY {
        // The body is not even read.
        for event in [Event::named(name), Event::named(name).body("{")] {
            let reply = function.invoke(&event).await;

            reply.assert_modelled();
            assert_eq!(reply.status, 401, "{name}: {reply:?}");
            assert_eq!(
                reply.message(),
                "The request has no IAM identity, and one is required. Sign it with AWS Signature Version 4.",
            );
            function.process.logged(&reply.headers["x-amzn-requestid"]).await;
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
    for name in WITH_IDENTITY {
        for nobody in [json!(null), json!("")] {
            let event = Event::named(name).set(account(name), nobody);
            assert_eq!(function.invoke(&event).await.status, 401, "{name}");
        }
        assert_eq!(function.invoke(&Event::named(name)).await.status, 201, "{name}");
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
        for (number, name) in WITH_IDENTITY.into_iter().enumerate() {
            let its_arn = format!("arn:aws:sts::{STRANGER}:assumed-role/backend/instance-{number}");
            let stranger = Event::named(name)
                .set(account(name), json!(STRANGER))
                .set(arn(name), json!(its_arn))
                .set("/requestContext/accountId", json!(CALLER));
            for event in [stranger.clone(), stranger.body("{")] {
                let reply = function.invoke(&event).await;

                reply.assert_modelled();
                assert_eq!(reply.status, 403, "{name}: {reply:?}");
                assert_eq!(
                    reply.message(),
                    "The account 444455556666 is not allowed to call this endpoint.",
                );
            }
            function.process.logged(&its_arn).await;
        }
        for name in WITHOUT_IDENTITY {
            assert_eq!(function.invoke(&Event::named(name)).await.status, 401, "{name}");
        }
        assert_eq!(dynamodb.take_requests(), 0);
        for name in WITH_IDENTITY {
            assert_eq!(function.invoke(&Event::named(name)).await.status, 201, "{name}");
        }
        let invalid = function.invoke(&Event::named("rest-invalid")).await;
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
            "rest-create",
            json!({"requestId": "5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e", "accountId": CALLER, "callerArn": arn}),
        ),
        (
            "http-iam",
            json!({"requestId": "BkQyEh2xoAMEPzg=", "accountId": CALLER, "callerArn": arn}),
        ),
        (
            "url-anonymous",
            json!({"requestId": "0c6d2b41-3f7e-4d57-8f0a-6b1c2d3e4f50", "accountId": "anonymous", "callerArn": null}),
        ),
    ];
    for (name, _) in &expected {
        function.invoke(&Event::named(name)).await;
    }

    let records = function.process.records(expected.len()).await;

    for ((name, fields), record) in expected.iter().zip(records) {
        assert_eq!((&record["level"], &record["outcome"]), (&json!("WARN"), &json!("refused")));
        for (field, value) in fields.as_object().unwrap() {
            assert_eq!(&record[field], value, "{name}: {record}");
        }
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_are_reported_to_anonymous_callers() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[("REQUIRE_IAM_CALLER", "true")]).await;
    let elsewhere = Event::named("rest-anonymous").set("/resource", json!("/attendees"));
    let otherwise = Event::named("rest-anonymous").set("/httpMethod", json!("PUT"));
    assert_eq!(function.invoke(&elsewhere).await.status, 404);
    assert_eq!(function.invoke(&otherwise).await.status, 405);
}

#[tokio::test]
async fn the_same_token_from_two_accounts_creates_two_meetings() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for name in WITH_IDENTITY {
        let own = Event::named(name);
        let strangers = own.clone().set(account(name), json!(STRANGER));
        // A different request, which would be a mismatch for the same account.
        let other = r#"{"ClientRequestToken": "TOKEN", "MediaRegion": "eu-west-1"}"#;
        let other = other
            .replace("TOKEN", &format!("{}-standup-2026-11-22", &name[..name.find('-').unwrap()]));

        let first = function.invoke(&own).await;
        let second = function.invoke(&strangers.body(&other)).await;

        assert_eq!((first.status, first.is_replay()), (201, false), "{name}: {first:?}");
        assert_eq!((second.status, second.is_replay()), (201, false), "{name}: {second:?}");
        assert_ne!(first.meeting_id(), second.meeting_id());
        assert_eq!(function.invoke(&own.body(&other)).await.status, 400);
    }
}
