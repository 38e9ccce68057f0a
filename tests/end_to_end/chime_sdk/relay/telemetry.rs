//! Telemetry of relayed requests, and what must not appear in it.

use futures_util::future::join_all;
use local::chime_sdk::Answer::{Closed, Raw, Refusal};
use local::chime_sdk::Fault;
use serde_json::{Value, json};

use super::World;
use crate::support::{CALLER, Call, Source, metric_names, relayed_calls};

#[tokio::test]
async fn each_request_emits_one_log_entry_with_metrics() {
    let world = World::with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let attendee_id = world.create_attendee("anna").await;
    for (_, call) in relayed_calls(&world.meeting_id, &attendee_id) {
        world.call(&call).await;
    }

    let records = &world.function.process.records(11).await[2..];

    for ((operation, call), record) in
        relayed_calls(&world.meeting_id, &attendee_id).iter().zip(records)
    {
        for (property, value) in [
            ("operation", json!(operation)),
            ("outcome", json!("relayed")),
            ("level", json!("INFO")),
            ("meetingId", json!(world.meeting_id)),
            ("accountId", json!(CALLER)),
            ("Relayed", json!(1)),
            ("upstreamAttempts", json!(1)),
            ("storeAttempts", json!(if *operation == "DeleteMeeting" { 3 } else { 1 })),
        ] {
            assert_eq!(record[property], value, "{property}: {record}");
        }
        let status = match call.method {
            "DELETE" => 204,
            _ if operation.ends_with("CreateAttendee") => 201,
            _ => 200,
        };
        assert_eq!(record["status"], status, "{record}");
        assert!(record["upstreamLatency"].is_number() && record["upstreamRequestId"].is_string());
        for absent in ["markError", "mediaRegion", "upstreamThrottles"] {
            assert_eq!(record.get(absent), None, "{absent}: {record}");
        }
        assert_eq!(metric_names(record), ["Latency", "Relayed"]);
    }
}

#[tokio::test]
async fn a_failed_request_is_logged_with_its_operation_and_meeting() {
    let world = World::with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let missing = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    world.call(&Call::new("GET", format!("/meetings/{missing}"))).await;
    world.call(&Call::new("GET", "/meetings/s3cr3t")).await;
    world.call(&Call::new("GET", "/meetings/s3cr3t/rooms")).await;
    let records = &world.function.process.records(4).await[1..];
    assert_eq!(
        (&records[0]["operation"], &records[0]["meetingId"], &records[0]["outcome"]),
        (&json!("GetMeeting"), &json!(missing), &json!("refused"))
    );
    // An invalid ID may contain anything.
    assert_eq!(
        (&records[1]["operation"], records[1].get("meetingId")),
        (&json!("GetMeeting"), None)
    );
    assert_eq!((records[2].get("operation"), records[2].get("meetingId")), (None, None));
}

#[tokio::test]
async fn terminal_output_shows_the_operation_and_the_meeting() {
    let world = World::with(&[("AWS_LAMBDA_LOG_FORMAT", "")]).await;
    world.call(&Call::new("GET", "/meetings")).await;
    world.function.process.logged(" ms ListMeetings\n").await;
    world.call(&Call::new("DELETE", world.path(""))).await;
    world.function.process.logged(&format!(" ms DeleteMeeting {}\n", world.meeting_id)).await;
    let log = world.function.process.output();
    assert!(log.lines().any(|line| line.contains(" 204 relayed ")), "{log}");
}

/// The calls, with a sensitive value in every place that a client controls.
fn marked_calls(world: &World, attendee_id: &str) -> Vec<Call> {
    let attendee = json!({
        "ExternalUserId": "s3cr3t-user",
        "Tags": [{"Key": "s3cr3t-key", "Value": "s3cr3t-value"}],
        "Capabilities": {"Audio": "s3cr3t", "Video": "Send", "Content": "Send"},
    });
    let mut plain = attendee.clone();
    plain["Capabilities"] = Value::Null;
    let settings = json!({"EngineTranscribeSettings": {
        "LanguageCode": "en-US", "VocabularyName": "s3cr3t",
    }});
    let attendees = Call::new("POST", world.path("/attendees"));
    let batch = attendees.clone().query("operation", "batch-create");
    let list = Call::new("GET", world.path("/attendees"));
    let start = Call::new("POST", world.path("/transcription")).query("operation", "start");
    let with_attendees = Call::new("POST", "/meetings").query("operation", "create-attendees");
    let meeting = |attendee: &Value| {
        json!({
            "ClientRequestToken": "s3cr3t-token",
            "ExternalMeetingId": "s3cr3t-external",
            "Attendees": [attendee],
        })
    };
    let mut calls = vec![
        attendees.clone().body(&plain),
        attendees.clone().body(&attendee),
        attendees.clone().body(json!({"ExternalUserId": "s3cr3t".repeat(100)})),
        attendees.clone().body(json!({"ExternalUserId": ["s3cr3t"]})),
        attendees.body(r#"{"ExternalUserId": "s3cr3t", "s3cr3t"#),
        batch.clone().body(json!({"Attendees": [plain, {"ExternalUserId": "s3cr3t%"}]})),
        batch.clone().body(json!({"Attendees": [plain]})),
        batch.body(json!({"Attendees": ["s3cr3t"]})),
        with_attendees.clone().body(meeting(&plain)),
        with_attendees.body(meeting(&attendee)),
        list.clone().query("next-token", "s3cr3t"),
        list.clone().query("max-results", "s3cr3t"),
        list.query("next-token", &"s3cr3t".repeat(1000)),
        start.clone().body(json!({"TranscriptionConfiguration": settings})),
        start.body(json!({"TranscriptionConfiguration": "s3cr3t"})),
        Call::new("POST", world.path("/attendees")).query("operation", "s3cr3t"),
        Call::new("GET", "/meetings/s3cr3t"),
        Call::new("GET", world.path("/attendees/s3cr3t")),
        Call::new("GET", "/meetings").query("next-token", "s3cr3t"),
    ];
    // The responses to these contain sensitive values that were set earlier.
    calls.extend(relayed_calls(&world.meeting_id, attendee_id).map(|(_, call)| call));
    calls
}

#[tokio::test]
async fn sensitive_values_never_leak() {
    let formats = [("JSON", "TRACE"), ("JSON", "INFO"), ("Text", "DEBUG")];
    join_all(formats.map(|(format, level)| assert_sensitive_values_never_leak(format, level)))
        .await;
}

async fn assert_sensitive_values_never_leak(format: &str, level: &str) {
    let settings = [("AWS_LAMBDA_LOG_FORMAT", format), ("AWS_LAMBDA_LOG_LEVEL", level)];
    let world = World::with(&settings).await;
    let attendee_id = world.create_attendee("s3cr3t-anna").await;
    let attendee = Call::new("GET", world.path(&format!("/attendees/{attendee_id}")));
    let attendee = world.call(&attendee).await.json();
    let join_token = attendee["Attendee"]["JoinToken"].as_str().unwrap();
    let mut replies = Vec::new();
    let unreadable =
        r#"{"Attendee": {"JoinToken": "s3cr3t"}, "Attendees": "s3cr3t", "Meeting": "s3cr3t"}"#;
    for (number, fault) in [
        Fault::before(Refusal(400, "ValidationException")),
        Fault::before(Refusal(404, "NotFoundException")),
        Fault::before(Refusal(403, "AccessDeniedException")),
        Fault::before(Refusal(422, "UnprocessableEntityException")),
        Fault::before(Refusal(429, "ThrottlingException")),
        Fault::before(Refusal(503, "ServiceUnavailableException")),
        Fault::before(Raw(200, unreadable)),
        Fault::before(Closed),
        Fault::NONE,
    ]
    .into_iter()
    .enumerate()
    {
        world.chime.service.set_fault(fault);
        let source = Source::ALL[number % Source::ALL.len()];
        for call in marked_calls(&world, &attendee_id) {
            replies.push(world.function.invoke(&call.event(source)).await);
        }
    }

    let output = world.function.process.stop().await;

    for status in [200, 201, 204, 400, 404, 422, 429, 500, 503] {
        assert!(replies.iter().any(|reply| reply.status == status), "{status} in {replies:?}");
    }
    let errors = replies.iter().filter(|reply| reply.status >= 400);
    for told in errors.map(|reply| &reply.body).chain([&output]) {
        for sensitive in ["s3cr3t", join_token, "on purpose"] {
            assert!(!told.contains(sensitive), "{sensitive} in {told}");
        }
    }
    let mark_of_a_line = if format == "JSON" { "outcome" } else { " ms " };
    let lines = output.lines().filter(|line| line.contains(mark_of_a_line)).count();
    assert_eq!(lines, replies.len() + 3, "one entry each");
}
