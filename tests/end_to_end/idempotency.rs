//! One meeting per account and token, whatever is requested and however often.

use serde_json::{Value, json};

use crate::support::{DynamoDb, Event, Function, program};

fn full() -> Value {
    json!({
        "ClientRequestToken": "token",
        "ExternalMeetingId": "external",
        "MeetingHostId": "host",
        "NotificationsConfiguration": {
            "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:topic",
            "SqsQueueArn": "arn:aws:sqs:us-east-1:111122223333:queue",
        },
        "Tags": [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}],
    })
}

#[tokio::test]
async fn a_replay_is_byte_for_byte_the_first_response() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    // The stored response is returned even if the settings have changed.
    let function_later = Function::start_with(&dynamodb, &[("MEDIA_DOMAIN", "new.test")]).await;
    let event = Event::create(&full());

    let first = function.invoke(&event).await;
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");

    for function in [&function, &function_later] {
        let replay = function.invoke(&event).await;
        assert_eq!((replay.status, replay.is_replay()), (201, true), "{replay:?}");
        assert_eq!(replay.body, first.body);
    }
    assert_eq!(dynamodb.items().await.len(), 1);
}

#[tokio::test]
async fn equivalent_requests_are_replays() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let first = function.invoke(&Event::create(&full())).await;
    let with = |member: &str, value: Value| {
        let mut request = full();
        request[member] = value;
        request.to_string()
    };
    let other_order = r#"
        { "Tags": [ {"Value": "2", "Key": "b"}, {"Key": "\u0061", "Value": "1"} ],
          "NotificationsConfiguration": {
            "SqsQueueArn": "arn:aws:sqs:us-east-1:111122223333:queue",
            "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:topic" },
          "MeetingHostId": "host", "ExternalMeetingId": "external", "ClientRequestToken": "token" }
    "#;
    for body in [
        other_order.to_owned(),
        with("MediaRegion", json!("us-east-1")),
        with("MediaRegion", json!(null)),
        with("MeetingFeatures", json!({"Audio": {"EchoReduction": "AVAILABLE"}})),
    ] {
        let replay = function.invoke(&Event::create(&json!({})).body(&body)).await;
        assert_eq!((replay.status, replay.is_replay()), (201, true), "{body}: {replay:?}");
        assert_eq!(replay.body, first.body);
    }

    // An empty object is equivalent to a missing one.
    let bare = |extra: &str| format!(r#"{{"ClientRequestToken": "bare"{extra}}}"#);
    let first = function.invoke(&Event::create(&json!({})).body(&bare(""))).await;
    for extra in [
        r#", "NotificationsConfiguration": {}"#,
        r#", "NotificationsConfiguration": {"SnsTopicArn": null}"#,
        r#", "Tags": null, "ExternalMeetingId": null, "MeetingHostId": null"#,
    ] {
        let replay = function.invoke(&Event::create(&json!({})).body(&bare(extra))).await;
        assert_eq!((replay.is_replay(), replay.body), (true, first.body.clone()), "{extra}");
    }
}

#[tokio::test]
async fn a_different_request_is_rejected_and_the_differing_members_are_named() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let first = function.invoke(&Event::create(&full())).await;
    let topic = "arn:aws:sns:us-east-1:111122223333:topic";
    let queue = "arn:aws:sqs:us-east-1:111122223333:queue";
    for (changes, differing) in [
        (json!({"ExternalMeetingId": "other"}), "ExternalMeetingId"),
        (json!({"ExternalMeetingId": null}), "ExternalMeetingId"),
        (json!({"MediaRegion": "us-east-2"}), "MediaRegion"),
        (json!({"MeetingHostId": "HOST"}), "MeetingHostId"),
        (
            json!({"NotificationsConfiguration": {"SqsQueueArn": queue}}),
            "NotificationsConfiguration.SnsTopicArn",
        ),
        (
            json!({"NotificationsConfiguration": {"SnsTopicArn": topic, "SqsQueueArn": format!("{queue}2")}}),
            "NotificationsConfiguration.SqsQueueArn",
        ),
        (json!({"Tags": [{"Key": "a", "Value": "1"}]}), "Tags"),
        (json!({"Tags": [{"Key": "a", "Value": "2"}, {"Key": "b", "Value": "1"}]}), "Tags"),
        (
            json!({"ExternalMeetingId": "x-x", "MediaRegion": "eu-west-1", "Tags": null}),
            "ExternalMeetingId, MediaRegion, Tags",
        ),
    ] {
        let mut request = full();
        request.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());

        let reply = function.invoke(&Event::create(&request)).await;

        assert_eq!(reply.status, 400, "{changes}");
        assert_eq!(reply.headers["x-amzn-errortype"], "BadRequestException");
        assert_eq!(
            reply.message(),
            format!(
                "This ClientRequestToken was already used with different values for: {differing}. \
                 Use a new token for a new meeting."
            ),
        );
    }
    let replay = function.invoke(&Event::create(&full())).await;
    assert_eq!(replay.body, first.body, "a rejected request changes nothing");
}

#[tokio::test]
async fn an_expired_meeting_frees_its_token_before_its_item_is_deleted() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let first = function.invoke(&Event::create(&full())).await;
    dynamodb.expire().await;

    // A completely different request.
    let second = function.invoke(&Event::create(&json!({"ClientRequestToken": "token"}))).await;

    assert_eq!((second.status, second.is_replay()), (201, false), "{second:?}");
    assert_ne!(first.json()["Meeting"]["MeetingId"], second.json()["Meeting"]["MeetingId"]);
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    assert_eq!(item["MeetingId"].as_s().unwrap(), &second.json()["Meeting"]["MeetingId"]);
    assert!(!item.contains_key("ExternalMeetingId"), "nothing of the old meeting remains");
}

#[tokio::test]
async fn tokens_are_case_sensitive_and_separate_for_each_account() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let account = "/requestContext/identity/accountId";
    let event = Event::create(&full());
    let mut other_case = full();
    other_case["ClientRequestToken"] = json!("TOKEN");
    for event in [
        event.clone(),
        event.clone().set(account, json!("444455556666")),
        event.set(account, json!(null)),
        Event::create(&other_case),
        // An HTTP API without IAM: its owner's account is in the event, but is not the caller.
        Event::http().anonymous().body(&other_case.to_string()),
        // A function URL with IAM.
        Event::url().body(r#"{"ClientRequestToken": "url-token"}"#),
    ] {
        let reply = function.invoke(&event).await;
        assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
    }
    let items = dynamodb.items().await;
    let mut keys: Vec<_> = items
        .iter()
        .map(|item| (item["ClientRequestToken"].as_s().unwrap(), item["AccountId"].as_s().unwrap()))
        .map(|(token, account)| (token.as_str(), account.as_str()))
        .collect();
    keys.sort_unstable();
    assert_eq!(
        keys,
        [
            ("TOKEN", "111122223333"),
            ("TOKEN", "anonymous"),
            ("token", "111122223333"),
            ("token", "444455556666"),
            ("token", "anonymous"),
            ("url-token", "111122223333"),
        ],
    );
}

#[tokio::test]
async fn every_outcome_costs_one_dynamodb_request_and_an_invalid_request_none() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for (event, status, requests) in [
        (Event::rest(), 201, 1),
        (Event::rest().replay(), 201, 1),
        (Event::rest().mismatch(), 400, 1),
        (Event::rest().invalid(), 400, 0),
    ] {
        dynamodb.take_requests();
        let reply = function.invoke(&event).await;
        assert_eq!((reply.status, dynamodb.take_requests()), (status, requests), "{reply:?}");
    }
}

#[tokio::test]
async fn meetings_in_a_database_file_survive_a_full_restart() {
    let folder = tempfile::tempdir().unwrap();
    let database = folder.path().join("meetings.db");
    let mut command = program::create_meeting_with_local_dynamodb(&database).await;

    let function = Function::spawn(&mut command).await;
    let first = function.invoke(&Event::rest()).await;
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
    function.process.stop().await;

    let function = Function::spawn(&mut command).await;
    let replay = function.invoke(&Event::rest()).await;
    assert_eq!((replay.is_replay(), replay.body), (true, first.body));
}
