//! Faults of the store in any order, while a client tries again until it gets its meeting.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{for_all, tries};
use crate::support::{Answer, CALLER, DynamoDb, Event, Fault, Function};

fn fault() -> impl Strategy<Value = Fault> {
    let answer = prop_oneof![
        6 => prop::sample::select(vec![
            Answer::Refusal(400, "ProvisionedThroughputExceededException"),
            Answer::Refusal(400, "RequestLimitExceeded"),
            Answer::Refusal(400, "ThrottlingException"),
            Answer::Refusal(400, "TransactionConflictException"),
            Answer::Refusal(400, "AccessDeniedException"),
            Answer::Refusal(400, "TransactionInProgressException"),
            Answer::Refusal(500, "InternalServerError"),
            Answer::Canceled("None", "TransactionConflict"),
            Answer::Canceled("ThrottlingError", "None"),
            Answer::Raw(200, "{\"Item\": "),
            Answer::Raw(400, "<p>"),
            Answer::Raw(502, ""),
            Answer::Closed,
            Answer::Truncated,
        ]),
        // They take their time.
        1 => prop::sample::select(vec![Answer::Stalled, Answer::Slow]),
    ];
    (any::<bool>(), answer).prop_map(|(committed, answer)| Fault { committed, answer })
}

#[test]
fn whatever_fails_a_client_that_tries_again_gets_one_meeting() {
    let runtime = Runtime::new().unwrap();
    let dynamodb = runtime.block_on(DynamoDb::start());
    let plain = runtime.block_on(Function::start(&dynamodb));
    let limit = [("DAILY_MEETING_LIMIT", "4294967295")];
    let limited = runtime.block_on(Function::start_with(&dynamodb, &limit));
    let number = AtomicU32::new(0);
    let cases = tries(10, 500);
    let values = (any::<bool>(), prop::collection::vec(fault(), 0..10));
    for_all(&runtime, cases, &values, async |(is_limited, faults)| {
        let (function, account) =
            if is_limited { (&limited, "444455556666") } else { (&plain, CALLER) };
        let token = format!("token-{}", number.fetch_add(1, Ordering::Relaxed));
        let event = Event::create(&json!({ "ClientRequestToken": token }))
            .set("/requestContext/identity/accountId", json!(account));
        let most = faults.len();
        let before = dynamodb.meetings().await.len();
        dynamodb.set_faults(faults);
        for tried in 0.. {
            let deadline = SystemTime::now() + Duration::from_secs(3);
            let reply = function.invoke_by(deadline, &event).await;
            reply.assert_modelled();
            if reply.status == 201 {
                assert_eq!(
                    dynamodb.item(account, &token).await["MeetingId"].as_s().unwrap(),
                    &reply.meeting_id()
                );
                break;
            }
            assert!(matches!(reply.status, 429 | 500 | 503), "{reply:?}");
            assert!(tried < most, "each try meets a fault of its own");
        }
        dynamodb.set_faults([]);
        assert_eq!(dynamodb.meetings().await.len(), before + 1);
        if is_limited {
            dynamodb.counted_meetings(account).await;
        }
        let replay = function.invoke(&event).await;
        assert_eq!(
            dynamodb.item(account, &token).await["MeetingId"].as_s().unwrap(),
            &replay.meeting_id()
        );
    });
    println!("fault sequences: {cases}");
}
