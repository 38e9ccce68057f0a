//! Outcomes of the transaction that creates and counts a meeting.

use std::time::{Duration, SystemTime};

use serde_json::{Map, Value, json};

use crate::daily_limit::{assert_limit_reached, create, start};
use crate::support::Answer::{Canceled, Closed, Raw, Refusal, Stalled, Truncated};
use crate::support::{CALLER, DynamoDb, Fault, Function};

#[tokio::test]
async fn transaction_conflicts_and_throttles_are_retried() {
    // Conflicts are retried beyond the SDK's maximum attempts. Throttles use these attempts up.
    for (fault, times) in [
        (Fault::before(Canceled("None", "TransactionConflict")), 6),
        (Fault::before(Canceled("TransactionConflict", "None")), 6),
        (Fault::before(Canceled("TransactionConflict", "TransactionConflict")), 6),
        // The limit may be reached, but the token may have a meeting.
        (Fault::before(Canceled("TransactionConflict", "ConditionalCheckFailed")), 6),
        (Fault::before(Refusal(400, "TransactionInProgressException")), 6),
        (Fault::before(Canceled("None", "ThrottlingError")), 2),
        (Fault::before(Canceled("ProvisionedThroughputExceeded", "None")), 2),
        (Fault::before(Canceled("ThrottlingError", "ConditionalCheckFailed")), 2),
    ] {
        let dynamodb = DynamoDb::start().await;
        let function = start(&dynamodb, 1).await;
        dynamodb.set_faults(vec![fault; times]);

        let reply = function.invoke(&create("token")).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{fault:?}: {reply:?}");
        assert_eq!(dynamodb.take_requests(), times + 1, "{fault:?}");
        assert_eq!(dynamodb.counted_meetings(CALLER).await, 1);

        dynamodb.set_faults([fault]);
        assert_eq!(function.invoke(&create("token")).await.body, reply.body);
        dynamodb.set_faults([fault]);
        assert_limit_reached(&function.invoke(&create("another")).await, 1);
    }
}

#[tokio::test]
async fn a_transaction_that_keeps_failing_returns_an_error_before_the_deadline() {
    for (fault, status, tries) in [
        // The backoff grows, or there would be a hundred tries and more.
        (Fault::before(Canceled("None", "TransactionConflict")), 503, 4..=45),
        (Fault::before(Canceled("TransactionConflict", "None")), 503, 4..=45),
        (Fault::before(Refusal(400, "TransactionInProgressException")), 503, 4..=45),
        (Fault::before(Canceled("None", "ProvisionedThroughputExceeded")), 429, 3..=3),
        (Fault::before(Canceled("ThrottlingError", "TransactionConflict")), 429, 3..=3),
        // Not worth a retry.
        (Fault::before(Canceled("None", "ValidationError")), 500, 1..=1),
        (Fault::before(Canceled("ItemCollectionSizeLimitExceeded", "None")), 500, 1..=1),
        (Fault::before(Canceled("None", "None")), 500, 1..=1),
    ] {
        let dynamodb = DynamoDb::start().await;
        let function = start(&dynamodb, 1).await;
        dynamodb.set_fault(fault);

        let deadline = SystemTime::now() + Duration::from_secs(3);
        let reply = function.invoke_by(deadline, &create("token")).await;

        reply.assert_modelled();
        assert_eq!(reply.status, status, "{fault:?}: {reply:?}");
        assert!(tries.contains(&dynamodb.take_requests()), "{fault:?}");
        function.process.logged(" on purpose").await;

        dynamodb.set_faults([]);
        assert_eq!(function.invoke(&create("token")).await.status, 201);
        assert_eq!(dynamodb.counted_meetings(CALLER).await, 1);
    }
}

#[tokio::test]
async fn an_unexpired_meeting_is_replayed_even_if_the_counter_update_fails() {
    let dynamodb = DynamoDb::start().await;
    let function = start(&dynamodb, 1).await;
    let answered = json!({
        "MeetingId": "1343fa41-6e0d-4862-9880-5d63982f39bc",
        "MediaRegion": "us-east-1",
        "MediaPlacement": {
            "AudioFallbackUrl": "1", "AudioHostUrl": "2", "EventIngestionUrl": "3",
            "ScreenDataUrl": "4", "ScreenSharingUrl": "5", "ScreenViewingUrl": "6",
            "SignalingUrl": "7", "TurnControlUrl": "8",
        },
    });
    let mut item: Map<String, Value> = answered.as_object().unwrap().clone();
    item.extend([
        ("ClientRequestToken".to_owned(), json!("s3cr3t")),
        ("AccountId".to_owned(), json!(CALLER)),
        ("CreatedAt".to_owned(), json!("2026-11-22T10:15:00Z")),
        ("ExpiresAt".to_owned(), json!(1_795_428_900)),
    ]);
    let item: Map<String, Value> =
        item.iter().map(|(name, value)| (name.clone(), to_dynamodb_json(value))).collect();
    for count in ["None", "TransactionConflict", "ThrottlingError", "ConditionalCheckFailed"] {
        for (item, status) in [
            (json!(item), 201),
            (json!(null), 500),
            (json!({"MeetingId": {"S": "its-id"}, "Tags": {"X": "s3cr3t"}}), 500),
        ] {
            let canceled = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
                "CancellationReasons": [
                    {"Code": "ConditionalCheckFailed", "Item": item},
                    {"Code": count},
                ],
            });
            dynamodb.set_fault(Fault::before(Raw(400, canceled.to_string().leak())));

            let reply = function.invoke(&create("s3cr3t")).await;

            assert_eq!((reply.status, dynamodb.take_requests()), (status, 1), "{reply:?}");
            if status == 201 {
                assert!(reply.is_replay());
                assert_eq!(reply.json()["Meeting"], answered);
            }
        }
    }
    let log = function.process.stop().await;
    assert_eq!(log.matches("DynamoDB rejected the write but returned no item").count(), 4, "{log}");
    assert_eq!(log.matches("the item of meeting its-id cannot be read").count(), 4, "{log}");
    assert!(!log.contains("s3cr3t"), "{log}");
}

/// A value in `DynamoDB`'s JSON.
fn to_dynamodb_json(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let members =
                members.iter().map(|(name, value)| (name.clone(), to_dynamodb_json(value)));
            json!({"M": members.collect::<Map<_, _>>()})
        }
        Value::Number(number) => json!({"N": number.to_string()}),
        other => json!({"S": other}),
    }
}

/// Even without a limit, transactions occur if another function on the table has one.
#[tokio::test]
async fn put_conflicts_are_retried() {
    for conflict in ["TransactionConflictException", "ReplicatedWriteConflictException"] {
        let dynamodb = DynamoDb::start().await;
        let function = Function::start(&dynamodb).await;
        let conflict = Fault::before(Refusal(400, conflict));
        // Conflicts do not use up the attempts for faults.
        let faults = [Fault::after(Closed), Fault::before(Refusal(500, "InternalServerError"))];
        dynamodb.set_faults([conflict; 6].into_iter().chain(faults));

        let reply = function.invoke(&create("token")).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{conflict:?}: {reply:?}");
        assert_eq!(dynamodb.take_operations(), ["PutItem"; 9]);
    }
}

#[tokio::test]
async fn a_creation_with_a_lost_response_is_counted_once() {
    for fault in [Fault::after(Closed), Fault::after(Stalled), Fault::after(Truncated)] {
        let dynamodb = DynamoDb::start().await;
        let function = start(&dynamodb, 1).await;
        let invoke = async || {
            let deadline = SystemTime::now() + Duration::from_secs(3);
            function.invoke_by(deadline, &create("token")).await
        };
        dynamodb.set_faults([fault]);

        let reply = invoke().await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{fault:?}: {reply:?}");
        assert_eq!((dynamodb.take_requests(), dynamodb.counted_meetings(CALLER).await), (2, 1));
        assert_limit_reached(&function.invoke(&create("another")).await, 1);

        // The same if the whole invocation fails and the client retries.
        let dynamodb = DynamoDb::start().await;
        let function = start(&dynamodb, 1).await;
        dynamodb.set_fault(fault);
        let deadline = SystemTime::now() + Duration::from_secs(3);
        assert_eq!(function.invoke_by(deadline, &create("token")).await.status, 503, "{fault:?}");
        dynamodb.set_faults([]);
        let retry = function.invoke(&create("token")).await;
        assert_eq!((retry.status, retry.is_replay()), (201, true), "{fault:?}: {retry:?}");
        assert_eq!(dynamodb.counted_meetings(CALLER).await, 1);
    }
}
