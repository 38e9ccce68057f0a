//! Random sequences of service faults, while a client retries until it gets its meeting.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use local::chime_sdk::{Answer as ChimeAnswer, Fault as ChimeFault};
use proptest::prelude::*;
use serde_json::json;
use tokio::runtime::Runtime;

use super::{for_all, iterations};
use crate::support::{Answer, CALLER, Call, Chime, DynamoDb, Event, Fault, Function, Source};

pub fn fault() -> impl Strategy<Value = Fault> {
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
        // These are slow.
        1 => prop::sample::select(vec![Answer::Stalled, Answer::Slow]),
    ];
    (any::<bool>(), answer).prop_map(|(committed, answer)| Fault { committed, answer })
}

#[test]
fn a_retrying_client_gets_one_meeting_whatever_fails() {
    let runtime = Runtime::new().unwrap();
    let dynamodb = runtime.block_on(DynamoDb::start());
    let plain = runtime.block_on(Function::start(&dynamodb));
    let limit = [("DAILY_MEETING_LIMIT", "4294967295")];
    let limited = runtime.block_on(Function::start_with(&dynamodb, &limit));
    let number = AtomicU32::new(0);
    let cases = iterations(10, 500);
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
            assert!(tried < most, "each attempt meets a new fault");
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

pub fn chime_fault() -> impl Strategy<Value = ChimeFault> {
    let answer = prop_oneof![
        6 => prop::sample::select(vec![
            ChimeAnswer::Refusal(403, "AccessDeniedException"),
            ChimeAnswer::Refusal(409, "ConflictException"),
            ChimeAnswer::Refusal(422, "UnprocessableEntityException"),
            ChimeAnswer::Refusal(429, "ThrottlingException"),
            ChimeAnswer::Refusal(500, "ServiceFailureException"),
            ChimeAnswer::Refusal(503, "ServiceUnavailableException"),
            ChimeAnswer::Raw(400, "<p>"),
            ChimeAnswer::Raw(502, ""),
            ChimeAnswer::Closed,
            ChimeAnswer::Truncated,
        ]),
        1 => prop::sample::select(vec![
            ChimeAnswer::Stalled,
            ChimeAnswer::Slow(Duration::from_millis(200)),
        ]),
    ];
    (any::<bool>(), answer).prop_map(|(performed, answer)| ChimeFault { performed, answer })
}

#[test]
fn a_retrying_client_can_create_and_delete_attendees_whatever_fails() {
    let runtime = Runtime::new().unwrap();
    let (dynamodb, chime) =
        runtime.block_on(async { (DynamoDb::start().await, Chime::start().await) });
    let function = runtime.block_on(chime.function(&dynamodb, &[]));
    let number = AtomicU32::new(0);
    let cases = iterations(10, 300);
    let faults = || prop::collection::vec(chime_fault(), 0..8);
    let values = (prop::collection::vec(fault(), 0..4), faults(), faults());
    for_all(&runtime, cases, &values, async |(of_store, at_creation, at_deletion)| {
        // Calls until the status is one of these. Each attempt meets a new fault.
        let call = async |call: &Call, most: usize, statuses: &[u64]| {
            for _ in 0..=most {
                let reply = function.invoke(&call.event(Source::RestRoute)).await;
                reply.assert_modelled();
                if statuses.contains(&reply.status) {
                    return reply;
                }
                assert!(matches!(reply.status, 400 | 429 | 500 | 503), "{reply:?}");
            }
            panic!("{call:?} met more than {most} faults");
        };
        let token = format!("token-{}", number.fetch_add(1, Ordering::Relaxed));
        let users = json!([{"ExternalUserId": "anna"}, {"ExternalUserId": "bert"}]);
        let create = Call::new("POST", "/meetings").query("operation", "create-attendees");
        let create = create.body(json!({"ClientRequestToken": token, "Attendees": users}));
        let most = of_store.len() + at_creation.len();
        dynamodb.set_faults(of_store);
        chime.service.set_faults(at_creation);

        let created = call(&create, most, &[201]).await;

        dynamodb.set_faults([]);
        chime.service.set_faults([]);
        let id = created.meeting_id();
        assert_eq!(*dynamodb.item(CALLER, &token).await["MeetingId"].as_s().unwrap(), id);
        let attendees = Call::new("GET", format!("/meetings/{id}/attendees"));
        let list = call(&attendees, 0, &[200]).await.json();
        assert_eq!(list["Attendees"], created.json()["Attendees"]);
        assert_eq!(list["Attendees"].as_array().unwrap().len(), 2);
        let attendee = list["Attendees"][0]["AttendeeId"].as_str().unwrap();
        for path in [format!("/meetings/{id}/attendees/{attendee}"), format!("/meetings/{id}")] {
            chime.service.set_faults(at_deletion.clone());
            call(&Call::new("DELETE", &path), at_deletion.len(), &[204, 404]).await;
            chime.service.set_faults([]);
            call(&Call::new("GET", path), 0, &[404]).await;
        }
        drop(chime.service.take_requests());
    });
    println!("fault sequences: {cases} with attendees");
}
