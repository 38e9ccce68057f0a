//! Events of Amazon `EventBridge` about meetings.

use serde_json::{Value, json};

use super::owners::call;
use super::world::request;
use crate::support::Answer::{Closed, Refusal};
use crate::support::{Chime, DynamoDb, Fault, Function};

pub fn ended(meeting_id: &Value) -> Value {
    let detail =
        json!({"version": "0", "eventType": "chime:MeetingEnded", "meetingId": meeting_id});
    event("Chime Meeting State Change", &detail)
}

fn event(kind: &str, detail: &Value) -> Value {
    json!({"version": "0", "source": "aws.chime", "detail-type": kind, "detail": detail})
}

pub async fn send(function: &Function, event: &Value) -> Result<Value, Value> {
    function.invoke_raw(event.to_string()).await
}

#[tokio::test]
async fn an_event_ends_a_meeting_however_often_it_arrives() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let create = request(json!({}));
    let first = function.invoke(&create).await.meeting_id();
    assert!(chime.service.end_meeting(&first));
    chime.take();
    dynamodb.take_requests();

    for operations in [&["Query", "UpdateItem", "UpdateItem"][..], &["Query"]] {
        assert_eq!(send(&function, &ended(&json!(first))).await, Ok(Value::Null));
        assert_eq!(dynamodb.take_operations(), operations);
    }
    assert_eq!(function.invoke(&call("GET", &first, "")).await.status, 404);
    assert!(chime.take().is_empty());
    let next = function.invoke(&create).await;
    assert_eq!((next.status, next.is_replay()), (201, false), "{next:?}");
    assert_ne!(next.meeting_id(), first);

    // A late one does not end the next meeting.
    assert_eq!(send(&function, &ended(&json!(first))).await, Ok(Value::Null));
    let replay = function.invoke(&create).await;
    assert_eq!((replay.is_replay(), replay.meeting_id()), (true, next.meeting_id()));
    assert_eq!(function.invoke(&call("GET", &next.meeting_id(), "")).await.status, 200);
}

#[tokio::test]
async fn no_event_about_a_meeting_fails_the_invocation() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let meeting_id = function.invoke(&request(json!({}))).await.meeting_id();
    dynamodb.take_requests();
    let kind = "Chime Meeting State Change";
    let unknown = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    for (event, queries) in [
        (ended(&json!(unknown)), 1),
        (ended(&json!("#owner#")), 0),
        (ended(&json!(1)), 0),
        (ended(&json!(null)), 0),
        (event(kind, &json!({"eventType": "chime:MeetingEnded"})), 0),
        (event(kind, &json!(null)), 0),
        (event(kind, &json!({})), 0),
        (event(kind, &json!({"eventType": "chime:MeetingStarted", "meetingId": meeting_id})), 0),
        (event(kind, &json!({"eventType": "chime:AttendeeLeft", "meetingId": meeting_id})), 0),
    ] {
        assert_eq!(send(&function, &event).await, Ok(Value::Null), "{event}");
        assert_eq!(dynamodb.take_requests(), queries, "{event}");
    }
    for fault in [Fault::before(Closed), Fault::before(Refusal(400, "AccessDeniedException"))] {
        dynamodb.set_fault(fault);
        assert_eq!(send(&function, &ended(&json!(meeting_id))).await, Ok(Value::Null));
        function.process.logged("could not store that it has ended").await;
    }
    dynamodb.set_faults([]);
    assert_eq!(function.invoke(&call("GET", &meeting_id, "")).await.status, 200);
    // While the media plane changes, the rule may still be there.
    let templates = Function::start(&dynamodb).await;
    assert_eq!(send(&templates, &ended(&json!(meeting_id))).await, Ok(Value::Null));
    // Other events fail.
    let other = json!({"source": "aws.ec2", "detail-type": kind, "detail": {}});
    for (function, event) in [(&function, &other), (&function, &json!({})), (&templates, &other)] {
        let error = send(function, event).await.unwrap_err();
        assert_eq!(error["errorType"], "NotAnHttpEvent", "{event}");
    }
    let log = function.process.stop().await;
    assert_eq!(log.matches("has ended, without a valid meetingId").count(), 4, "{log}");
}
