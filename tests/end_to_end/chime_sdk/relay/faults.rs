//! Responses of the service that are lost, late, or unusable.

use std::time::{Duration, SystemTime};

use axum::Router;
use futures_util::future::join_all;
use local::chime_sdk::Answer::{Closed, Raw, Refusal, Slow, Stalled, Truncated, Unavailable};
use local::chime_sdk::Fault;
use serde_json::json;
use tokio::net::TcpListener;

use super::World;
use crate::support::{Call, DynamoDb, Function, Source, chime, legacy_operations, relayed_calls};

const THROTTLED: Fault = Fault::before(Refusal(429, "ThrottlingException"));
const CONFLICT: Fault = Fault::before(Refusal(409, "ConflictException"));

#[tokio::test]
async fn a_lost_response_is_retried() {
    join_all((0..9).map(|number| async move {
        let mut world = World::start().await;
        for (faults, attempts) in [
            (vec![Fault::after(Closed)], 2),
            (vec![Fault::after(Closed), Fault::after(Closed)], 3),
            (vec![Fault::after(Refusal(500, "ServiceFailureException"))], 2),
            (vec![Fault::after(Refusal(503, "ServiceUnavailableException"))], 2),
            (vec![Fault::after(Unavailable(0))], 2),
            (vec![Fault::after(Raw(502, "<html>")), THROTTLED], 3),
            (vec![THROTTLED, Fault::after(Closed)], 3),
            (vec![THROTTLED], 2),
            (vec![Fault::after(Stalled)], 2),
            (vec![Fault::after(Slow(Duration::from_millis(300)))], 1),
        ] {
            world.create_meeting().await;
            let attendee_id = world.create_attendee("carl").await;
            let (operation, call) = &relayed_calls(&world.meeting_id, &attendee_id)[number];
            world.chime.service.set_faults(faults.clone());
            let deadline = SystemTime::now() + Duration::from_secs(6);

            let event = call.event(Source::RestRoute);
            let reply = world.function.invoke_by(deadline, &event).await;

            // A deletion has succeeded even if its last attempt finds nothing.
            let legacy = legacy_operations().await.iter().find(|it| it.name == *operation);
            assert_eq!(reply.status, legacy.unwrap().status, "{operation}, {faults:?}: {reply:?}");
            assert_eq!(world.chime.take(), vec![*operation; attempts], "{operation}, {faults:?}");
            if matches!(*operation, "CreateAttendee" | "BatchCreateAttendee") {
                let again = world.call(call).await;
                assert_eq!(again.body, reply.body, "the same attendee");
                let list = world.call(&Call::new("GET", world.path("/attendees"))).await.json();
                assert_eq!(list["Attendees"].as_array().unwrap().len(), 2, "{list}");
            }
        }
        world.chime.assert_valid().await;
    }))
    .await;
}

#[tokio::test]
async fn a_truncated_response_is_retried() {
    let world = World::start().await;
    let attendee_id = world.create_attendee("carl").await;
    // The others have no response body that could be broken.
    for (operation, call) in &relayed_calls(&world.meeting_id, &attendee_id)[..5] {
        world.chime.service.set_faults([Fault::after(Truncated)]);
        let reply = world.call(call).await;
        let again = world.call(call).await;
        assert_eq!(reply.body, again.body, "{operation}");
        assert_eq!(world.chime.take(), [*operation; 3]);
    }
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn a_missing_target_is_404_unless_an_earlier_attempt_may_have_deleted_it() {
    let world = World::start().await;
    let missing = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    world.dynamodb.own(missing).await;
    for (faults, attempts) in [
        (vec![], 1),
        // These requests are not performed.
        (vec![THROTTLED], 2),
        (vec![CONFLICT], 2),
        (vec![CONFLICT, THROTTLED], 3),
    ] {
        for path in [world.path(&format!("/attendees/{missing}")), format!("/meetings/{missing}")] {
            world.chime.service.set_faults(faults.clone());
            let reply = world.call(&Call::new("DELETE", path)).await;
            reply.assert_modelled();
            assert_eq!((reply.status, world.chime.take().len()), (404, attempts), "{faults:?}");
        }
    }
    // Only a deletion succeeds if the target is gone.
    for (operation, call) in relayed_calls(missing, missing) {
        world.chime.service.set_faults([Fault::after(Closed)]);
        let status = if operation.starts_with("Delete") { 204 } else { 404 };
        assert_eq!(world.call(&call).await.status, status, "{operation}");
    }
}

#[tokio::test]
async fn an_unusable_response_is_a_server_side_fault() {
    let world = World::with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let attendee_id = world.create_attendee("anna").await;
    let meeting = [
        r#"{"Meeting": null}"#,
        r#"{"Meeting": {"MediaPlacement": {}}}"#,
        r#"{"Meeting": {"MeetingId": 1, "MediaPlacement": {}}}"#,
        r#"{"Meeting": {"MeetingId": "s3cr3t"}}"#,
        r#"{"Meeting": {"MeetingId": "s3cr3t", "MediaPlacement": "s3cr3t"}}"#,
    ];
    let attendee = [
        r#"{"Attendee": null}"#,
        r#"{"Attendee": {"ExternalUserId": "s3cr3t"}}"#,
        r#"{"Attendee": {"AttendeeId": {"s3cr3t": 1}}}"#,
        r#"{"Attendee": {"AttendeeId": "1"}, "Attendee": {"AttendeeId": "s3cr3t"}}"#,
    ];
    let attendees = [
        r#"{"Errors": []}"#,
        r#"{"Attendees": {"s3cr3t": 1}}"#,
        r#"{"Attendees": ["s3cr3t"]}"#,
        r#"{"Attendees": [{"AttendeeId": "1"}, {"JoinToken": "s3cr3t"}]}"#,
    ];
    let any = ["", "{", "[]", "{}", "null", r#""s3cr3t""#, "<html>s3cr3t", "\u{feff}{}"];
    let mut count = 2;
    for (operation, call) in relayed_calls(&world.meeting_id, &attendee_id) {
        let of_operation = match operation {
            "GetMeeting" => &meeting[..],
            "CreateAttendee" | "GetAttendee" => &attendee,
            "BatchCreateAttendee" | "ListAttendees" => &attendees,
            // The others return nothing.
            _ => continue,
        };
        for answer in any.iter().chain(of_operation) {
            world.chime.service.set_faults([Fault::before(Raw(200, answer))]);

            let reply = world.call(&call).await;

            reply.assert_modelled();
            assert_eq!(reply.status, 500, "{operation}, {answer}: {reply:?}");
            assert_eq!(world.chime.take(), [operation], "a retry would get the same response");
            count += 1;
        }
    }
    for record in &world.function.process.records(count).await[2..] {
        assert_eq!(record["UpstreamErrors"], 1, "{record}");
        let message = record["message"].as_str().unwrap();
        assert!(message.ends_with("chime-sdk-meetings returned an unexpected body"), "{message}");
    }
    assert!(!world.function.process.output().contains("s3cr3t"));
}

#[tokio::test]
async fn a_response_over_1_mib_is_a_server_side_fault() {
    let world = World::start().await;
    let answer = |length: usize| -> &'static str {
        let start = r#"{"Attendees": [], "NextToken": ""#;
        let filling = "x".repeat(length - start.len() - 2);
        Box::leak(format!("{start}{filling}\"}}").into_boxed_str())
    };
    let list = Call::new("GET", world.path("/attendees"));
    for (length, status) in [(1 << 20, 200), ((1 << 20) + 1, 500), (8 << 20, 500)] {
        world.chime.service.set_faults([Fault::before(Raw(200, answer(length)))]);
        let reply = world.call(&list).await;
        assert_eq!(reply.status, status, "{length}");
        assert_eq!(world.chime.take().len(), 1);
        if status == 200 {
            assert_eq!(reply.body.len(), length);
        }
    }
    world.function.process.logged("chime-sdk-meetings returned more than 1 MiB").await;
}

/// The function's responses are text.
#[tokio::test]
async fn a_response_that_is_not_utf_8_is_a_server_side_fault() {
    const ANSWERS: [&[u8]; 3] = [
        b"{\"Attendee\": {\"AttendeeId\": \"1\", \"JoinToken\": \"s3cr3t\xff\"}}",
        b"{\"Attendees\": [{\"AttendeeId\": \"1\", \"JoinToken\": \"s3cr3t\xff\"}]}",
        b"{\"Meeting\": {\"MeetingId\": \"s3cr3t\xff\", \"MediaPlacement\": {}}}",
    ];
    let dynamodb = DynamoDb::start().await;
    for answer in ANSWERS {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let service = Router::new().fallback(async move || answer);
        let server = tokio::spawn(async { axum::serve(listener, service).await });
        let function =
            Function::start_with(&dynamodb, &chime::media_plane_settings(&endpoint)).await;
        let id = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
        dynamodb.own(id).await;
        for (operation, call) in &relayed_calls(id, id)[..5] {
            let reply = function.invoke(&call.event(Source::RestRoute)).await;
            reply.assert_modelled();
            assert_eq!(reply.status, 500, "{operation}: {reply:?}");
        }
        let log = function.process.stop().await;
        assert!(!log.contains("s3cr3t") && !log.contains("panic"), "{log}");
        server.abort();
    }
}

#[tokio::test]
async fn an_unreachable_service_is_unavailable() {
    let dynamodb = DynamoDb::start().await;
    // Nothing listens on the discard port.
    let settings = chime::media_plane_settings("http://127.0.0.1:9");
    let function = Function::start_with(&dynamodb, &settings).await;
    let id = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    dynamodb.own(id).await;
    for (operation, call) in relayed_calls(id, id) {
        let reply = function.invoke(&call.event(Source::RestRoute)).await;
        reply.assert_modelled();
        assert_eq!(reply.status, 503, "{operation}: {reply:?}");
    }
}

/// 64 programs create the same attendees, singly and in batches.
#[tokio::test]
async fn concurrent_requests_create_each_attendee_once() {
    let world = World::with(&[("AWS_LAMBDA_MAX_CONCURRENCY", "64")]).await;
    let attendees = Call::new("POST", world.path("/attendees"));
    let events = (0..64).map(|number| {
        let user = json!({"ExternalUserId": format!("user-{}", number % 4)});
        let call = if number % 8 < 4 {
            attendees.clone().body(user)
        } else {
            let users = (0..4).map(|user| json!({"ExternalUserId": format!("user-{user}")}));
            let users = json!({"Attendees": users.collect::<Vec<_>>()});
            attendees.clone().query("operation", "batch-create").body(users)
        };
        call.event(Source::RestRoute)
    });
    let events: Vec<_> = events.collect();
    let replies = join_all(events.iter().map(|event| world.function.invoke(event))).await;
    assert!(replies.iter().all(|reply| reply.status == 201), "{replies:?}");
    let list = world.call(&Call::new("GET", world.path("/attendees"))).await.json();
    assert_eq!(list["Attendees"].as_array().unwrap().len(), 4, "{list}");
    for reply in replies {
        let json = reply.json();
        let one = json.get("Attendee").map(std::slice::from_ref);
        for attendee in one.unwrap_or_else(|| json["Attendees"].as_array().unwrap()) {
            assert!(list["Attendees"].as_array().unwrap().contains(attendee), "{attendee}");
        }
    }
}
