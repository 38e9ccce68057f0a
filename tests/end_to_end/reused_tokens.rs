//! `REUSED_TOKEN=replay`: a token stands for its meeting, whatever else a request contains.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Call, Chime, DynamoDb, Event, Function, Source};

const SETTINGS: [(&str, &str); 2] = [("REUSED_TOKEN", "replay"), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];

/// A request with these members and one and the same token.
fn request(mut members: Value) -> Event {
    members["ClientRequestToken"] = json!("token");
    Event::create(&members)
}

#[tokio::test]
async fn it_replays_its_meeting_and_logs_which_members_differ() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let templates = Function::start_with(&dynamodb, &SETTINGS).await;
    let other_table = DynamoDb::start().await;
    let chime_sdk = chime.function(&other_table, &SETTINGS).await;
    for function in [templates, chime_sdk] {
        let first = function.invoke(&request(json!({"ExternalMeetingId": "s3cr3t"}))).await;
        assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
        let cases = [
            (json!({"ExternalMeetingId": "s3cr3t"}), json!(null)),
            (json!({"ExternalMeetingId": "other-s3cr3t"}), json!("ExternalMeetingId")),
            (json!({"MediaRegion": "eu-west-1"}), json!("ExternalMeetingId,MediaRegion")),
        ];
        for (members, _) in &cases {
            let replay = function.invoke(&request(members.clone())).await;
            assert_eq!((replay.status, replay.is_replay()), (201, true), "{replay:?}");
            assert_eq!(replay.body, first.body, "{members}");
        }
        let records = function.process.records(4).await;
        for (record, (_, differing)) in records[1..].iter().zip(&cases) {
            assert_eq!(record["outcome"], "replayed", "{record}");
            assert_eq!(record["differingMembers"], *differing, "{record}");
        }
        assert!(!function.process.output().contains("s3cr3t"));
    }
    assert_eq!(chime.take(), ["CreateMeeting"]);
}

#[tokio::test]
async fn by_default_another_request_is_rejected() {
    for setting in [&[][..], &[("REUSED_TOKEN", "")], &[("REUSED_TOKEN", "reject")]] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let templates = Function::start_with(&dynamodb, setting).await;
        let other_table = DynamoDb::start().await;
        let chime_sdk = chime.function(&other_table, setting).await;
        for function in [templates, chime_sdk] {
            function.invoke(&request(json!({"ExternalMeetingId": "monday"}))).await;
            let other = function.invoke(&request(json!({"ExternalMeetingId": "tuesday"}))).await;
            assert_eq!(other.status, 400, "{setting:?}: {other:?}");
            assert!(other.message().contains("different values for: ExternalMeetingId."));
        }
    }
}

#[tokio::test]
async fn concurrent_requests_with_different_members_get_one_meeting() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &SETTINGS).await;
    let events = ["anna", "bert", "cleo", "dora"].map(|id| request(json!({"MeetingHostId": id})));

    let replies = join_all(events.iter().map(|event| function.invoke(event))).await;

    assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1, "{replies:?}");
    for reply in &replies {
        assert_eq!((reply.status, &reply.body), (201, &replies[0].body));
    }
}

#[tokio::test]
async fn attendees_are_added_to_its_meeting_until_that_ends() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &SETTINGS).await;
    let first = function.invoke(&request(json!({"ExternalMeetingId": "monday"}))).await;
    let with_attendees = Call::new("POST", "/meetings")
        .query("operation", "create-attendees")
        .body(json!({
            "ClientRequestToken": "token", "ExternalMeetingId": "tuesday",
            "Attendees": [{"ExternalUserId": "anna"}],
        }))
        .event(Source::RestRoute);
    for is_ended in [false, true] {
        let reply = function.invoke(&with_attendees).await;
        reply.assert_modelled();
        assert_eq!((reply.status, reply.is_replay()), (201, !is_ended), "{reply:?}");
        assert_eq!(reply.meeting_id() == first.meeting_id(), !is_ended);
        assert_eq!(reply.json()["Attendees"].as_array().unwrap().len(), 1);
        let id = if is_ended { "tuesday" } else { "monday" };
        assert_eq!(reply.json()["Meeting"]["ExternalMeetingId"], id);
        let record = &function.process.records(2 + 2 * usize::from(is_ended)).await[1];
        assert_eq!(record["differingMembers"], "ExternalMeetingId", "{record}");
        let delete = Call::new("DELETE", format!("/meetings/{}", first.meeting_id()));
        assert_eq!(function.invoke(&delete.event(Source::RestRoute)).await.status, 204);
    }
}
