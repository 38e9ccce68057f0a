//! Every constraint on the operations that follow `CreateMeeting`. Requests that violate one never
//! reach the service.

use serde_json::{Value, json};

use super::World;
use crate::support::{Call, Event, Reply, Source, relayed_calls};

const MEETING: &str = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
const ATTENDEE: &str = "8d1f3c0e-5b7a-4c2d-8e9f-abcdef012345";
const ID: &str =
    "satisfy regular expression pattern: [a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}";
const USER: &str =
    r##"satisfy regular expression pattern: [-_&@+=,(){}\[\]\/«».:|'"#a-zA-Z0-9À-ÿ\s]*"##;

/// Asserts a rejection that names exactly these violations: members and constraints.
fn assert_violates(reply: &Reply, violations: &[(&str, &str)]) {
    reply.assert_modelled();
    let count = match violations.len() {
        1 => "1 validation error".to_owned(),
        n => format!("{n} validation errors"),
    };
    let violations: Vec<_> = violations
        .iter()
        .map(|(member, constraint)| {
            format!("Value at '{member}' failed to satisfy constraint: Member must {constraint}")
        })
        .collect();
    let message = format!("{count} detected: {}", violations.join("; "));
    assert_eq!((reply.status, reply.message()), (400, message));
}

fn create(body: impl ToString) -> Call {
    Call::new("POST", format!("/meetings/{MEETING}/attendees")).body(body)
}

fn batch(attendees: &Value) -> Call {
    create(json!({"Attendees": attendees})).query("operation", "batch-create")
}

fn list(name: &str, value: &str) -> Call {
    Call::new("GET", format!("/meetings/{MEETING}/attendees")).query(name, value)
}

#[tokio::test]
async fn an_invalid_id_is_rejected_before_it_becomes_part_of_a_url() {
    let world = World::start().await;
    for id in [
        "1",
        "..",
        "%2e%2e",
        "4f1e7a522c7b4b8a9d550123456789ab",
        "4f1e7a52-2c7b-4b8a-9d55-0123456789a",
        "4f1e7a52-2c7b-4b8a-9d55-0123456789abc",
        "4f1e7a52-2c7b-4b8a-9d55-0123456789ag",
        "4f1e7a522-c7b-4b8a-9d55-0123456789ab",
        "{4f1e7a52-2c7b-4b8a-9d55-0123456789ab}",
        "urn:uuid:4f1e7a52-2c7b-4b8a-9d55-0123456789ab",
        " 4f1e7a52-2c7b-4b8a-9d55-0123456789ab",
        "4f1e7a52-2c7b-4b8a-9d55-0123456789ab?operation=batch-create",
        "4f1e7a52-2c7b-4b8a-9d55-0123456789ab#",
        "٤f1e7a52-2c7b-4b8a-9d55-0123456789ab",
    ] {
        for (name, call) in relayed_calls(id, ATTENDEE) {
            for source in Source::ALL {
                let reply = world.function.invoke(&call.event(source)).await;
                assert_violates(&reply, &[("meetingId", ID)]);
            }
            assert!(world.chime.take().is_empty(), "{name} of {id}");
        }
        for method in ["GET", "DELETE"] {
            let attendee = Call::new(method, format!("/meetings/{MEETING}/attendees/{id}"));
            for source in Source::ALL {
                let reply = world.function.invoke(&attendee.event(source)).await;
                assert_violates(&reply, &[("attendeeId", ID)]);
            }
        }
        assert!(world.chime.take().is_empty(), "{id}");
    }
    // IDs are case-insensitive.
    let upper = world.meeting_id.to_uppercase();
    assert_eq!(world.call(&Call::new("GET", format!("/meetings/{upper}"))).await.status, 200);
    let [request] = &world.chime.take_requests()[..] else { panic!("one request") };
    assert_eq!(request.path, world.path(""));
}

#[tokio::test]
async fn an_external_user_id_must_satisfy_the_services_constraints() {
    let world = World::start().await;
    world.dynamodb.own(MEETING).await;
    let required = "not be null";
    let short = "have length greater than or equal to 2";
    let long = "have length less than or equal to 64";
    let reserved = "not begin with \"aws:\" (case-insensitive)";
    for (user, violations) in [
        (json!(null), &[required][..]),
        (json!(1), &["be a string"]),
        (json!(["anna"]), &["be a string"]),
        (json!(""), &[short]),
        (json!("a"), &[short]),
        (json!("é"), &[short]),
        (json!("ab"), &[]),
        (json!("é".repeat(64)), &[]),
        (json!("é".repeat(65)), &[long]),
        (json!("📅".repeat(65)), &[long, USER]),
        (json!("a%b"), &[USER]),
        (json!("a\0"), &[USER]),
        (json!("a\u{a0}b"), &[USER]),
        (json!("a×÷ÿ-_&@+=,(){}[]/«».:|'\"# \t\n"), &[]),
        (json!("aws:anna"), &[reserved]),
        (json!("AwS:"), &[reserved]),
        (json!("aws-anna"), &[]),
    ] {
        for (call, member) in [
            (create(json!({"ExternalUserId": user})), "externalUserId"),
            (
                batch(&json!([{"ExternalUserId": "bert"}, {"ExternalUserId": user}])),
                "attendees.2.member.externalUserId",
            ),
        ] {
            let reply = world.call(&call).await;

            if violations.is_empty() {
                // The service does not know the meeting.
                assert_eq!((reply.status, world.chime.take().len()), (404, 1), "{user}: {reply:?}");
            } else {
                let violations: Vec<_> = violations.iter().map(|it| (member, *it)).collect();
                assert_violates(&reply, &violations);
                assert!(world.chime.take().is_empty());
            }
        }
    }
    let surrogate = create(r#"{"ExternalUserId": "\ud800a"}"#);
    assert_violates(&world.call(&surrogate).await, &[("externalUserId", "be Unicode text")]);
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn a_batch_has_up_to_100_attendees() {
    let world = World::start().await;
    let users = |count: usize| -> Value {
        (0..count).map(|number| json!({"ExternalUserId": format!("user-{number}")})).collect()
    };
    for (attendees, violation) in [
        (json!(null), ("attendees", "not be null")),
        (json!({}), ("attendees", "be an array")),
        (json!("anna"), ("attendees", "be an array")),
        (json!([]), ("attendees", "have length greater than or equal to 1")),
        (users(101), ("attendees", "have length less than or equal to 100")),
        (json!([null]), ("attendees.1.member", "not be null")),
        (json!(["anna"]), ("attendees.1.member", "be an object")),
        (json!([{}]), ("attendees.1.member.externalUserId", "not be null")),
    ] {
        assert_violates(&world.call(&batch(&attendees)).await, &[violation]);
    }
    let twice = r#"{"Attendees": [{"ExternalUserId": "anna", "ExternalUserId": "bert"}]}"#;
    let twice = batch(&json!(null)).body(twice);
    let violation = ("attendees.1.member", "not contain duplicate keys");
    assert_violates(&world.call(&twice).await, &[violation]);
    assert!(world.chime.take().is_empty());
    let attendees = world.path("/attendees");
    let all = Call { path: attendees, ..batch(&users(100)) };
    let created = world.call(&all).await;
    assert_eq!(created.json()["Attendees"].as_array().unwrap().len(), 100, "{created:?}");
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn a_transcription_requires_a_configuration_that_the_service_validates() {
    let world = World::start().await;
    let start = |body: &str| {
        Call::new("POST", world.path("/transcription")).query("operation", "start").body(body)
    };
    for body in ["{}", r#"{"TranscriptionConfiguration": null}"#] {
        let reply = world.call(&start(body)).await;
        assert_violates(&reply, &[("transcriptionConfiguration", "not be null")]);
    }
    assert!(world.chime.take().is_empty());
    for configuration in [
        "{}",
        r#"{"EngineTranscribeSettings": {"LanguageCode": "tlh"}}"#,
        r#"{"EngineTranscribeSettings": "s3cr3t"}"#,
        "17",
    ] {
        let body = format!(r#"{{"TranscriptionConfiguration": {configuration}}}"#);
        let reply = world.call(&start(&body)).await;
        let message = "The Amazon Chime SDK rejected the request.";
        assert_eq!((reply.status, reply.message()), (400, message.into()), "{configuration}");
        assert_eq!(world.chime.take(), ["StartMeetingTranscription"]);
    }
}

#[tokio::test]
async fn paging_parameters_have_the_legacy_apis_limits() {
    let world = World::start().await;
    let number = "be a whole number between 1 and 99";
    for (results, constraint) in [
        ("0", "have value greater than or equal to 1"),
        ("100", "have value less than or equal to 99"),
        ("4294967295", "have value less than or equal to 99"),
        ("4294967296", number),
        ("-1", number),
        ("1.5", number),
        ("1e1", number),
        ("ten", number),
        (" 1", number),
        ("1,2", number),
        ("١", number),
    ] {
        let reply = world.call(&list("max-results", results)).await;
        assert_violates(&reply, &[("maxResults", constraint)]);
    }
    let long = list("next-token", &"é".repeat(4097)).query("max-results", "0");
    assert_violates(
        &world.call(&long).await,
        &[
            ("maxResults", "have value greater than or equal to 1"),
            ("nextToken", "have length less than or equal to 4096"),
        ],
    );
    assert!(world.chime.take().is_empty());
}

#[tokio::test]
async fn a_body_must_be_a_json_object_of_limited_length() {
    let world = World::start().await;
    let body = r#"{"ExternalUserId": "anna"}"#;
    let longest = body.to_owned() + &" ".repeat((2 << 20) - body.len());
    assert_eq!(world.call(&create(&longest)).await.status, 404, "the meeting does not exist");
    world.chime.take();
    let long = longest + " ";
    let too_long = "The request body must have at most 2097152 bytes, but has 2097153.";
    let with_attendees = Call::new("POST", "/meetings").query("operation", "create-attendees");
    for call in [
        create(""),
        batch(&json!(null)),
        Call::new("POST", format!("/meetings/{MEETING}/transcription")).query("operation", "start"),
        with_attendees,
    ] {
        let broken = [
            ("", "The request body must be a JSON object, but is empty."),
            ("[]", "The request body must be a JSON object."),
            ("anna", "The request body must be a JSON object."),
            (
                "{",
                "The request body cannot be parsed: EOF while parsing an object at line 1 column 1.",
            ),
            (&long, too_long),
        ];
        for (body, message) in broken {
            let reply = world.call(&call.clone().body(body)).await;
            assert_eq!((reply.status, reply.message()), (400, message.into()), "{call:?}");
        }
        let event = call.clone().body("{}").event(Source::RestRoute);
        let text = event.clone().set("/headers/content-type", json!("text/plain"));
        let reply = world.function.invoke(&text).await;
        let message = "The content type must be application/json.";
        assert_eq!((reply.status, reply.message()), (400, message.into()));
        let base64 = event.set("/isBase64Encoded", json!(true));
        let reply = world.function.invoke(&base64).await;
        assert_eq!(reply.status, 400);
        assert!(reply.message().contains("Base64"), "{reply:?}");
    }
    let twice = create(r#"{"ExternalUserId": "anna", "ExternalUserId": "anna"}"#);
    assert!(world.call(&twice).await.message().contains("duplicate field `ExternalUserId`"));
    assert!(world.chime.take().is_empty());

    // Neither matters if no body is read.
    let meeting = Call::new("GET", world.path("")).body("{");
    let text = meeting.event(Source::RestRoute).set("/headers/content-type", json!("text/plain"));
    assert_eq!(world.function.invoke(&text).await.status, 200);
    // A Base64 body, as API Gateway may send it.
    let base64 =
        Call::new("POST", world.path("/attendees")).body("eyJFeHRlcm5hbFVzZXJJZCI6ImFubmEifQ==");
    let base64: Event = base64.event(Source::HttpRoute).set("/isBase64Encoded", json!(true));
    assert_eq!(world.function.invoke(&base64).await.status, 201);
}

#[tokio::test]
async fn one_response_names_all_violations() {
    let world = World::start().await;
    let attendees = Call::new("POST", "/meetings/1/attendees");
    for (call, violations) in [
        (
            Call::new("DELETE", "/meetings/1/attendees/2"),
            &[("meetingId", ID), ("attendeeId", ID)][..],
        ),
        (
            attendees.clone().body(json!({"ExternalUserId": "%"})),
            &[
                ("meetingId", ID),
                ("externalUserId", "have length greater than or equal to 2"),
                ("externalUserId", USER),
            ],
        ),
        (
            attendees.clone().query("operation", "batch-create").body(json!({
                "Attendees": [{"ExternalUserId": "anna"}, {}, {"ExternalUserId": "aws:bert"}],
            })),
            &[
                ("meetingId", ID),
                ("attendees.2.member.externalUserId", "not be null"),
                ("attendees.3.member.externalUserId", "not begin with \"aws:\" (case-insensitive)"),
            ],
        ),
        (
            Call::new("GET", "/meetings/1/attendees").query("max-results", "100"),
            &[("meetingId", ID), ("maxResults", "have value less than or equal to 99")],
        ),
        (
            Call::new("POST", "/meetings/1/transcription").query("operation", "start").body("{}"),
            &[("meetingId", ID), ("transcriptionConfiguration", "not be null")],
        ),
        (
            Call::new("POST", "/meetings").query("operation", "create-attendees").body(json!({
                "ClientRequestToken": "%%",
                "Tags": [],
                "Attendees": vec![json!({"ExternalUserId": "anna"}); 11],
            })),
            &[
                ("clientRequestToken", "satisfy regular expression pattern: [-_a-zA-Z0-9]*"),
                ("tags", "have length greater than or equal to 1"),
                ("attendees", "have length less than or equal to 10"),
            ],
        ),
        (
            Call::new("POST", "/meetings").query("operation", "create-attendees").body(json!({
                "Attendees": [{"ExternalUserId": "a"}, null],
            })),
            &[
                ("clientRequestToken", "not be null"),
                ("attendees.1.member.externalUserId", "have length greater than or equal to 2"),
                ("attendees.2.member", "not be null"),
            ],
        ),
    ] {
        assert_violates(&world.call(&call).await, violations);
    }
    assert!(world.chime.take().is_empty());
}
