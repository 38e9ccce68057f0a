//! Events of REST APIs, HTTP APIs and function URLs: the files in `events/`, and variations.

use serde_json::{Value, json};

use crate::support::{Call, Chime, DynamoDb, Event, Function, Reply, Source, relayed_calls};

#[tokio::test]
async fn each_sources_events_have_the_expected_outcomes() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for source in ["rest", "http", "url"] {
        let invoke = async |kind: &str| {
            let reply = function.invoke(&Event::named(&format!("{source}-{kind}"))).await;
            (reply.status, reply)
        };
        let (status, created) = invoke("create").await;
        assert_eq!(status, 201, "{source}: {created:?}");

        let (status, replay) = invoke("replay").await;
        assert_eq!(
            (status, replay.is_replay(), replay.body),
            (201, true, created.body),
            "{source}"
        );

        let (status, mismatch) = invoke("mismatch").await;
        assert_eq!(status, 400);
        assert!(mismatch.message().contains("ExternalMeetingId, MediaRegion"), "{mismatch:?}");

        let (status, full) = invoke("full").await;
        assert_eq!(status, 201, "{source}: {full:?}");

        let (status, invalid) = invoke("invalid").await;
        assert_eq!(status, 400);
        assert!(invalid.message().starts_with("4 validation errors detected: "), "{invalid:?}");

        let (status, base64) = invoke("base64").await;
        assert_eq!(status, 201, "{source}: {base64:?}");
        assert_eq!(base64.json()["Meeting"]["ExternalMeetingId"], "café 📅");
    }
}

/// The IDs in the events.
const MEETING: &str = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
const ATTENDEE: &str = "b7d1c9e0-5a64-4d0f-8c3b-fedcba987654";

/// The events for existing meetings, in the order in which a program sends them, with the status
/// codes of their responses.
const OPERATIONS: [(&str, u64); 9] = [
    ("get-meeting", 200),
    ("create-attendee", 201),
    ("batch-create-attendee", 201),
    ("list-attendees", 200),
    ("get-attendee", 200),
    ("start-meeting-transcription", 200),
    ("stop-meeting-transcription", 200),
    ("delete-attendee", 204),
    ("delete-meeting", 204),
];

#[tokio::test]
async fn each_sources_events_cover_the_life_of_a_meeting() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    for source in ["rest", "http", "url"] {
        let event = Event::named(&format!("{source}-create-meeting-with-attendees"));
        let created = function.invoke(&event).await;
        assert_eq!(created.status, 201, "{source}: {created:?}");
        let attendees = created.json()["Attendees"].clone();
        let users: Vec<_> = (0..2).map(|n| attendees[n]["ExternalUserId"].clone()).collect();
        assert_eq!(users, ["anna", "ben"]);
        let attendee = attendees[0]["AttendeeId"].as_str().unwrap();
        for (operation, status) in OPERATIONS {
            let event = Event::named(&format!("{source}-{operation}")).0.to_string();
            let event = event.replace(MEETING, &created.meeting_id()).replace(ATTENDEE, attendee);
            let reply = Reply::from(function.invoke_raw(event).await.unwrap());
            assert_eq!(reply.status, status, "{source}-{operation}: {reply:?}");
            if operation == "create-attendee" {
                assert_eq!(reply.json()["Attendee"], attendees[0], "no user is added twice");
            }
        }
        // Unchanged, the events name a meeting that does not exist.
        for (operation, _) in OPERATIONS {
            let reply = function.invoke(&Event::named(&format!("{source}-{operation}"))).await;
            assert_eq!(reply.status, 404, "{source}-{operation}: {reply:?}");
            assert!(reply.message().starts_with("The meeting has ended"), "{reply:?}");
        }
    }
    chime.assert_valid().await;
}

/// `events/` contains the files that the tests above name. It also has one with the other kind of
/// caller for each source, and one behind a custom domain for each kind of API.
#[test]
fn every_event_file_is_tested() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../events");
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let events = paths.filter(|path| path.extension().is_some_and(|kind| kind == "json"));
    assert_eq!(events.count(), 3 * (6 + 1 + OPERATIONS.len() + 1) + 2);
}

#[tokio::test]
async fn the_stage_is_stripped_from_the_path_and_other_paths_are_not_found() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let rest = |path: &str| {
        let event = Event::named("rest-create").set("/resource", json!("/{proxy+}"));
        event.set("/path", json!(path))
    };
    let http = |path: &str, stage: &str| {
        let event = Event::named("http-create").set("/routeKey", json!("$default"));
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
            Event::named("rest-create").set("/httpMethod", json!(method)),
            Event::named("url-create").set("/requestContext/http/method", json!(method)),
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
        let event = Event::named("rest-create").set("/headers", single);
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
    let created = function.invoke(&Event::named("rest-create")).await;
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
