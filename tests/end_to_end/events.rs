//! Events of REST APIs, HTTP APIs and function URLs: the files in `events/`, and variations.

use serde_json::{Value, json};

use crate::support::{
    Call, Chime, DynamoDb, Event, Function, Source, legacy_operations, relayed_calls,
};

#[tokio::test]
async fn each_sources_events_have_the_expected_outcomes() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for event in Event::of_each_source() {
        let invoke = async |vary: fn(Event) -> Event| function.invoke(&vary(event.clone())).await;

        let created = invoke(|event| event).await;
        assert_eq!(created.status, 201, "{created:?}");

        let replay = invoke(Event::replay).await;
        assert_eq!((replay.status, replay.is_replay(), replay.body), (201, true, created.body));

        let mismatch = invoke(Event::mismatch).await;
        assert_eq!(mismatch.status, 400);
        assert!(mismatch.message().contains("ExternalMeetingId, MediaRegion"), "{mismatch:?}");

        let full = invoke(Event::full).await;
        assert_eq!((full.status, full.is_replay()), (201, false), "{full:?}");

        let invalid = invoke(Event::invalid).await;
        assert_eq!(invalid.status, 400);
        assert!(invalid.message().starts_with("4 validation errors detected: "), "{invalid:?}");

        let base64 = invoke(Event::base64).await;
        assert_eq!((base64.status, base64.is_replay()), (201, false), "{base64:?}");
        assert_eq!(base64.json()["Meeting"]["ExternalMeetingId"], "café 📅");
    }
}

/// The IDs in the files.
const MEETING: &str = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
const ATTENDEE: &str = "b7d1c9e0-5a64-4d0f-8c3b-fedcba987654";

/// Creates a meeting with two attendees, and sends the event of each operation until it is deleted.
async fn assert_life_of_a_meeting(create: Event, event: impl Fn(&str, Call) -> Event) {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let created = function.invoke(&create).await;
    assert_eq!(created.status, 201, "{created:?}");
    let attendees = created.json()["Attendees"].clone();
    let users: Vec<_> = (0..2).map(|n| attendees[n]["ExternalUserId"].clone()).collect();
    assert_eq!(users, ["anna", "ben"]);
    let attendee = attendees[0]["AttendeeId"].as_str().unwrap();
    for (operation, call) in relayed_calls(&created.meeting_id(), attendee) {
        let operations = legacy_operations().await;
        let status = operations.iter().find(|it| it.name == operation).unwrap().status;
        let reply = function.invoke(&event(operation, call)).await;
        assert_eq!(reply.status, status, "{operation}: {reply:?}");
        if operation == "CreateAttendee" {
            assert_eq!(reply.json()["Attendee"], attendees[0], "no user is added twice");
        }
    }
    // This meeting does not exist.
    for (operation, call) in relayed_calls(MEETING, ATTENDEE) {
        let reply = function.invoke(&event(operation, call)).await;
        assert_eq!(reply.status, 404, "{operation}: {reply:?}");
        assert!(reply.message().starts_with("The meeting has ended"), "{reply:?}");
    }
    chime.assert_valid().await;
}

#[tokio::test]
async fn each_sources_events_cover_the_life_of_a_meeting() {
    let attendees = json!([{"ExternalUserId": "anna"}, {"ExternalUserId": "ben"}]);
    let create = Call::new("POST", "/meetings")
        .query("operation", "create-attendees")
        .body(json!({"ClientRequestToken": "workshop", "Attendees": attendees}));
    for source in Source::ALL {
        assert_life_of_a_meeting(create.event(source), |_, call| call.event(source)).await;
    }
}

#[tokio::test]
async fn the_files_cover_the_life_of_a_meeting() {
    let create = Event::named("create-meeting-with-attendees");
    assert_life_of_a_meeting(create, |operation, call| {
        let kebab = |c: char| if c.is_uppercase() { format!("-{c}") } else { c.into() };
        let name = operation.chars().map(kebab).collect::<String>().to_lowercase();
        let mut event = Event::named(name.trim_start_matches('-')).0.to_string();
        for (id, segment) in [(MEETING, 2), (ATTENDEE, 4)] {
            if let Some(actual) = call.path.split('/').nth(segment) {
                event = event.replace(id, actual);
            }
        }
        Event(event.parse().unwrap())
    })
    .await;
}

#[tokio::test]
async fn the_stage_is_stripped_from_the_path_and_other_paths_are_not_found() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let rest = |path: &str| {
        let event = Event::rest().set("/resource", json!("/{proxy+}"));
        event.set("/path", json!(path))
    };
    let http = |path: &str, stage: &str| {
        let event = Event::http().set("/routeKey", json!("$default"));
        event.set("/rawPath", json!(path)).set("/requestContext/stage", json!(stage))
    };
    for (event, status) in [
        (rest("/meetings"), 201),
        (rest("/Prod/meetings"), 201),
        (rest("/prod/meetings"), 404),
        (rest("/"), 404),
        (rest("/Meetings"), 404),
        (rest("/meetings/"), 404),
        (rest("/Prod"), 404),
        (rest("/Prodmeetings"), 404),
        (http("/meetings", "$default"), 201),
        (http("/v1/meetings", "v1"), 201),
        (http("/meetings", "v1"), 201),
        (http("/meetings/meetings", "meetings"), 201),
        (http("/meetings", "meetings"), 201),
        (http("/v2/meetings", "v1"), 404),
        (http("", "$default"), 404),
    ] {
        let reply = function.invoke(&event).await;
        assert_eq!(reply.status, status, "{}", event.0);
        if status == 404 {
            assert_eq!(reply.headers["x-amzn-errortype"], "NotFoundException");
            let message = "The API has no such path. Create meetings with POST /meetings.";
            assert_eq!(reply.message(), message);
        }
    }
}

#[tokio::test]
async fn an_unsupported_method_is_rejected_with_405() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for method in ["PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "post", "BREW"] {
        for event in [
            Event::rest().set("/httpMethod", json!(method)),
            Event::url().set("/requestContext/http/method", json!(method)),
        ] {
            let reply = function.invoke(&event).await;
            assert_eq!((reply.status, reply.headers["allow"].as_str()), (405, "GET, POST"));
            assert_eq!(reply.headers["x-amzn-errortype"], "MethodNotAllowedException");
            assert_eq!(reply.json()["Code"], "MethodNotAllowed");
            assert!(reply.headers.contains_key("x-amzn-requestid"));
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn the_content_type_must_be_json_or_absent() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let headers = |single: Value, multi: Value| {
        let event = Event::rest().set("/headers", single);
        event.set("/multiValueHeaders", multi)
    };
    let single = |content_type: &str| headers(json!({"Content-Type": content_type}), json!(null));
    for (event, status) in [
        (headers(json!(null), json!(null)), 201),
        (headers(json!({"Host": "a"}), json!({"Host": ["a"]})), 201),
        (headers(json!({"content-type": "application/json"}), json!(null)), 201),
        (headers(json!({"CONTENT-TYPE": "application/json"}), json!(null)), 201),
        (headers(json!({"CONTENT-TYPE": "text/plain"}), json!(null)), 400),
        (headers(json!(null), json!({"cOnTent-type": ["application/json"]})), 201),
        (headers(json!(null), json!({"cOnTent-type": ["text/plain"]})), 400),
        (single("application/json; charset=utf-8"), 201),
        (single("Application/JSON;charset=\"utf-8\""), 201),
        (single("application/vnd.example+json"), 201),
        (single("application/x-www-form-urlencoded"), 400),
        (single("application/jsonp"), 400),
        (single("application/xml; a=application/json"), 400),
        (single("application/json,application/json"), 201),
        (single("application/json; charset=utf-8, application/json"), 201),
        (single("text/plain,application/json"), 201),
        (single("application/json,text/plain"), 400),
        (single("application/json; profile=\"a,b\""), 201),
        (single("text/plain; profile=\",application/json\""), 400),
        (single("text/json"), 201),
        (single(""), 201),
        (single(" "), 201),
        (single(","), 201),
        (single("application/x-amz-json-1.0"), 201),
        (single("application/x-amz-json-1.1; charset=utf-8"), 201),
        (single("application/x-amz-json-2.0"), 400),
        (single("; charset=utf-8"), 201),
    ] {
        let reply = function.invoke(&event).await;
        assert_eq!(reply.status, status, "{}", event.0["headers"]);
        if status == 400 {
            assert_eq!(reply.message(), "The content type must be application/json.");
        }
    }
}

#[tokio::test]
async fn content_types_of_older_sdks_are_accepted_by_every_operation_with_a_body() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let created = function.invoke(&Event::rest()).await;
    let attendees = json!({"Attendees": [{"ExternalUserId": "anna"}]});
    let mut with_attendees = attendees.clone();
    with_attendees["ClientRequestToken"] = json!("with-attendees");
    let calls = relayed_calls(&created.meeting_id(), ATTENDEE).map(|(_, call)| call);
    let calls = calls.into_iter().chain([
        Call::new("POST", "/meetings").body(json!({"ClientRequestToken": "token"})),
        Call::new("POST", "/meetings").query("operation", "create-attendees").body(with_attendees),
    ]);
    for call in calls.filter(|call| call.body.is_some()) {
        for source in [Source::RestRoute, Source::HttpRoute] {
            for content_type in ["", "application/x-amz-json-1.0", "application/x-amz-json-1.1"] {
                let headers = json!({"Content-Type": content_type});
                let event = call.event(source).set("/headers", headers);
                let reply = function.invoke(&event).await;
                assert!(reply.status < 300, "{content_type}: {reply:?}");
            }
            let event = call.event(source).set("/headers", json!({"Content-Type": "text/plain"}));
            assert_eq!(function.invoke(&event).await.status, 400, "{call:?}");
        }
    }
}
