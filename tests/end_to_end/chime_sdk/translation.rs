//! The request to the service for each client request, and the values that are not sent to it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::world::{World, at, request};
use crate::support::{Chime, DynamoDb, Event};

const TOPIC: &str = "arn:aws:sns:us-east-1:111122223333:topic";
const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:queue";

/// The service's request body for `members`, the reply's meeting, and the members that the log
/// lists as not sent.
async fn translate(members: Value, settings: &[(&str, &str)]) -> (Value, Value, Value) {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let settings = [&[("AWS_LAMBDA_LOG_FORMAT", "JSON")], settings].concat();
    let function = chime.function(&dynamodb, &settings).await;
    let mut members = members;
    members["ClientRequestToken"] = json!("token");
    let reply = function.invoke(&Event::create(&members)).await;
    assert_eq!(reply.status, 201, "{members}: {reply:?}");
    let [record] = &function.process.records(1).await[..] else { panic!("one record") };
    let [request] = &chime.service.take_requests()[..] else { panic!("one request") };
    let sent = serde_json::from_slice(&request.body).unwrap();
    (sent, reply.json()["Meeting"].clone(), record["notSentUpstream"].clone())
}

#[tokio::test]
async fn every_member_that_the_service_accepts_is_sent() {
    let tags = json!([{"Key": "cost-center:1", "Value": "a b@c"}, {"Key": "team", "Value": "x"}]);
    let members = json!({
        "ExternalMeetingId": "Ünit «42» / 'a'",
        "MediaRegion": "eu-west-1",
        "MeetingHostId": "host",
        "NotificationsConfiguration": {"SnsTopicArn": TOPIC, "SqsQueueArn": QUEUE},
        "Tags": tags,
    });

    let (mut sent, meeting, not_sent) = translate(members.clone(), &[]).await;

    let token = sent["ClientRequestToken"].take();
    let token = token.as_str().unwrap();
    assert!(token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit()), "{token}");
    let mut expected = members;
    expected["ClientRequestToken"] = json!(null);
    assert_eq!(sent, expected);
    assert_eq!(meeting["ExternalMeetingId"], "Ünit «42» / 'a'");
    assert_eq!(not_sent, json!(null));
}

/// The Amazon Chime SDK would otherwise return the meeting of one to the other, if the first left no item.
#[tokio::test]
async fn requests_with_the_same_token_that_differ_get_different_tokens() {
    let mut tokens = BTreeSet::new();
    let variants = [
        json!({}),
        json!({"ExternalMeetingId": "external"}),
        json!({"MediaRegion": "eu-west-1"}),
        json!({"MeetingHostId": "host"}),
        json!({"NotificationsConfiguration": {"SnsTopicArn": TOPIC}}),
        json!({"NotificationsConfiguration": {"SqsQueueArn": QUEUE}}),
        json!({"Tags": [{"Key": "a", "Value": "1"}]}),
    ];
    for members in &variants {
        let world = World::start().await;
        world.function.invoke(&request(members.clone()), at(0), 0).await;
        let [sent] = &world.chime.service.take_requests()[..] else { panic!("one request") };
        let sent: Value = serde_json::from_slice(&sent.body).unwrap();
        tokens.insert(sent["ClientRequestToken"].to_string());
    }
    assert_eq!(tokens.len(), variants.len());
}

#[tokio::test]
async fn a_missing_or_unacceptable_external_id_is_replaced() {
    for (id, not_sent) in [
        (None, json!(null)),
        (Some("café 📅"), json!("ExternalMeetingId")),
        (Some("100%"), json!("ExternalMeetingId")),
        (Some("aws:room"), json!("ExternalMeetingId")),
        (Some("AWS:room"), json!("ExternalMeetingId")),
    ] {
        let (sent, meeting, logged) = translate(json!({"ExternalMeetingId": id}), &[]).await;

        let token = sent["ClientRequestToken"].as_str().unwrap();
        let replacement = format!("create-meeting:none:{}", &token[..32]);
        assert_eq!(sent["ExternalMeetingId"], replacement, "{id:?}");
        assert_eq!(meeting.get("ExternalMeetingId"), id.map(|id| json!(id)).as_ref());
        assert_eq!(logged, not_sent, "{id:?}");
    }
}

#[tokio::test]
async fn an_external_id_that_looks_like_a_replacement_is_rejected() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let members =
        json!({"ClientRequestToken": "token", "ExternalMeetingId": "create-meeting:none:1"});
    let reply = function.invoke(&Event::create(&members)).await;
    assert_eq!(
        (reply.status, reply.message()),
        (400, "1 validation error detected: Value at 'externalMeetingId' failed to satisfy constraint: Member must not begin with create-meeting:none:".into())
    );
}

#[tokio::test]
async fn tags_are_sent_only_if_all_are_accepted() {
    for (key, value) in [("Cost Center", "1"), ("a@b", "1"), ("é", "1"), ("a", "é"), ("a", "1*")]
    {
        let tags = json!([{"Key": "team", "Value": "x"}, {"Key": key, "Value": value}]);
        let (sent, _, not_sent) = translate(json!({"Tags": tags}), &[]).await;
        assert_eq!((sent.get("Tags"), not_sent), (None, json!("Tags")), "{key}={value}");
    }
}

#[tokio::test]
async fn notification_targets_are_sent_only_if_the_service_notifies_them() {
    let elsewhere = "arn:aws:sqs:eu-west-1:111122223333:queue";
    let (topic, queue) =
        ("NotificationsConfiguration.SnsTopicArn", "NotificationsConfiguration.SqsQueueArn");
    for (queue_arn, setting, sent, not_sent) in [
        (QUEUE, "", json!({"SnsTopicArn": TOPIC, "SqsQueueArn": QUEUE}), json!(null)),
        (QUEUE, "true", json!({"SnsTopicArn": TOPIC, "SqsQueueArn": QUEUE}), json!(null)),
        // The service can notify only in its own Region.
        (elsewhere, "", json!({"SnsTopicArn": TOPIC}), json!(queue)),
        // The stack sends the notifications.
        (QUEUE, "false", json!(null), json!(format!("{topic},{queue}"))),
    ] {
        let members = json!({
            "NotificationsConfiguration": {"SnsTopicArn": TOPIC, "SqsQueueArn": queue_arn},
        });
        let (body, _, logged) = translate(members, &[("CHIME_SDK_NOTIFICATIONS", setting)]).await;
        assert_eq!((&body["NotificationsConfiguration"], logged), (&sent, not_sent), "{setting}");
    }
}

#[tokio::test]
async fn every_request_sent_conforms_to_the_services_model() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let strange = (0x20..0x250_u32).filter_map(char::from_u32).collect::<Vec<_>>();
    for (number, characters) in strange.chunks(60).enumerate() {
        let text: String = characters.iter().collect();
        let members = json!({
            "ClientRequestToken": format!("token-{number}"),
            "ExternalMeetingId": text,
            "MeetingHostId": text,
        });
        assert_eq!(function.invoke(&Event::create(&members)).await.status, 201, "{text}");
    }
    for (number, character) in strange.iter().enumerate() {
        let tags = [json!({"Key": format!("k{character}"), "Value": format!("v{character}")})];
        let members = json!({"ClientRequestToken": format!("tags-{number}"), "Tags": tags});
        assert_eq!(function.invoke(&Event::create(&members)).await.status, 201, "{character:?}");
    }
    chime.assert_valid().await;
}
