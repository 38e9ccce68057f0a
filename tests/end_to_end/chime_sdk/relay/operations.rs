//! The request to the service for each call, and the response to the client for each of the
//! service's responses.

use local::chime_sdk::Answer::Raw;
use local::chime_sdk::{Fault, Request};
use serde_json::{Value, json};
use uuid::Uuid;

use super::World;
use crate::support::{Call, Source, legacy_operations, relayed_calls};

const ATTENDEE: &str = "8d1f3c0e-5b7a-4c2d-8e9f-abcdef012345";

/// The service's response to each operation, and the client's. An attendee's members and the white
/// space are unusual on purpose.
fn responses(operation: &str) -> (&'static str, Option<&'static str>) {
    match operation {
        "GetMeeting" => (
            r#"{"Meeting": {"MeetingId": "ID", "MeetingHostId": "host", "ExternalMeetingId": "standup",
                "MediaRegion": "eu-west-1", "MediaPlacement": {"SignalingUrl": "b", "AudioHostUrl": "a",
                "TurnControlUrl": null}, "MeetingFeatures": {"Audio": {}}, "PrimaryMeetingId": null,
                "TenantIds": [], "MeetingArn": "arn:aws:chime:us-east-1:111122223333:meeting/ID"}}"#,
            Some(
                r#"{"Meeting":{"MeetingId":"ID","ExternalMeetingId":"standup","MediaRegion":"eu-west-1","MediaPlacement":{"AudioHostUrl":"a","SignalingUrl":"b"}}}"#,
            ),
        ),
        "CreateAttendee" | "GetAttendee" => {
            let answer = r#" {"Attendee" : {"New":[1.50, "\u00e9"],"ExternalUserId":"anna",
                "AttendeeId":"1","JoinToken":"a+/=", "Capabilities": null}, "Newer": {}}"#;
            (answer, Some(answer))
        }
        "BatchCreateAttendee" | "ListAttendees" => {
            let answer = r#"{"NextToken" : null,"Attendees": [ {"JoinToken":"a+/=","AttendeeId":"1"},
                {"AttendeeId":"2"} ],"Errors":[{"ErrorCode":"X","ErrorMessage":"é"}] } "#;
            (answer, Some(answer))
        }
        "StartMeetingTranscription" | "StopMeetingTranscription" => (r#"{"New": 1}"#, Some("{}")),
        _ => ("", None),
    }
}

/// The query and the body of the request to the service for each of [`relayed_calls`].
fn sent(operation: &str) -> (&'static str, &'static str) {
    match operation {
        "CreateAttendee" => ("", r#"{"ExternalUserId":"anna"}"#),
        "BatchCreateAttendee" => {
            ("operation=batch-create", r#"{"Attendees":[{"ExternalUserId":"bert"}]}"#)
        }
        "StartMeetingTranscription" => (
            "operation=start",
            r#"{"TranscriptionConfiguration":{"EngineTranscribeSettings":{"LanguageCode":"en-US"}}}"#,
        ),
        "StopMeetingTranscription" => ("operation=stop", ""),
        _ => ("", ""),
    }
}

#[tokio::test]
async fn a_call_is_forwarded_and_its_response_has_the_legacy_form() {
    let world = World::start().await;
    for (name, call) in relayed_calls(&world.meeting_id, ATTENDEE) {
        let (answer, expected) = responses(name);
        let status = legacy_operations().await.iter().find(|it| it.name == name).unwrap().status;
        for source in Source::ALL {
            // A deletion marked it.
            world.dynamodb.own(&world.meeting_id).await;
            world.chime.service.set_faults([Fault::before(Raw(200, answer))]);
            let event = call.event(source);

            let reply = world.function.invoke_raw(event.0.to_string()).await.unwrap();

            let [request] = &world.chime.take_requests()[..] else { panic!("{name}: {reply}") };
            let (query, body) = sent(name);
            let Request { method, path, .. } = request;
            assert_eq!((&**method, path), (call.method, &call.path), "{name}, {source:?}");
            assert_eq!((&*request.query, &*request.body), (query, body.as_bytes()), "{name}");
            let mut headers = json!({"x-amzn-requestid": event.0["requestContext"]["requestId"]});
            if expected.is_some() {
                headers["content-type"] = json!("application/json");
            }
            assert_eq!((&reply["statusCode"], &reply["headers"]), (&json!(status), &headers));
            assert_eq!(reply["body"].as_str(), expected, "{name}, {source:?}");
            assert_eq!(reply["isBase64Encoded"], false);
        }
    }
    // Each reads the owner, and a deletion writes two marks.
    let sources = Source::ALL.len();
    assert_eq!(world.dynamodb.take_requests(), 9 * sources + 2 * sources);
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn all_operations_work_over_the_lifetime_of_a_meeting() {
    for source in Source::ALL {
        let world = World::start().await;
        let call = async |call: Call| world.function.invoke(&call.event(source)).await;
        let attendees = world.path("/attendees");

        let anna = json!({"ExternalUserId": "anna"});
        let created = call(Call::new("POST", &attendees).body(&anna)).await;
        assert_eq!(created.status, 201, "{created:?}");
        let again = call(Call::new("POST", &attendees).body(&anna)).await;
        assert_eq!((again.status, &again.body), (201, &created.body), "nothing is created twice");
        let id = created.json()["Attendee"]["AttendeeId"].as_str().unwrap().to_owned();
        let attendee = format!("{attendees}/{id}");
        let got = call(Call::new("GET", &attendee)).await;
        assert_eq!((got.status, &got.body), (200, &created.body));
        let batch = json!({"Attendees": [{"ExternalUserId": "bert"}, {"ExternalUserId": "anna"}]});
        let batch = Call::new("POST", &attendees).query("operation", "batch-create").body(batch);
        let batch = call(batch).await;
        assert_eq!((batch.status, &batch.json()["Errors"]), (201, &json!([])));
        assert_eq!(batch.json()["Attendees"][1], created.json()["Attendee"]);
        let list = call(Call::new("GET", &attendees)).await;
        assert_eq!((list.status, users(&list.json())), (200, vec!["anna".into(), "bert".into()]));

        assert_eq!(call(Call::new("DELETE", &attendee)).await.status, 204);
        let gone = call(Call::new("GET", &attendee)).await;
        let message = "The meeting has ended, or it has no such attendee";
        assert_eq!((gone.status, gone.message()), (404, message.into()));
        assert_eq!(call(Call::new("DELETE", &attendee)).await.status, 404);
        let list = call(Call::new("GET", &attendees)).await;
        assert_eq!(users(&list.json()), ["bert"]);

        for (name, call_of_it) in &relayed_calls(&world.meeting_id, &id)[5..7] {
            assert_eq!(call(call_of_it.clone()).await.body, "{}", "{name}");
        }
        let meeting = call(Call::new("GET", world.path(""))).await;
        let upstream = &world.chime.service.meetings()[0];
        assert_eq!(meeting.json()["Meeting"]["MediaPlacement"], upstream["MediaPlacement"]);
        assert_eq!(call(Call::new("DELETE", world.path(""))).await.status, 204);
        for (name, call_of_it) in relayed_calls(&world.meeting_id, &id) {
            let ended = call(call_of_it).await;
            ended.assert_modelled();
            if name == "DeleteMeeting" {
                // Mostly, that is a retry.
                assert_eq!(ended.status, 204, "{ended:?}");
                continue;
            }
            assert_eq!(ended.status, 404, "{name}: {ended:?}");
            let message = ended.message();
            assert!(message.starts_with("The meeting has ended"), "{name}: {message}");
        }
        world.chime.assert_valid().await;
    }
}

fn users(list: &Value) -> Vec<String> {
    let attendees = list["Attendees"].as_array().unwrap().iter();
    attendees.map(|attendee| attendee["ExternalUserId"].as_str().unwrap().into()).collect()
}

#[tokio::test]
async fn a_generated_external_id_never_appears_in_a_response() {
    let world = World::start().await;
    for (given, answered) in
        [(None, None), (Some("standup"), Some("standup")), (Some("100%"), None)]
    {
        let token = Uuid::new_v4();
        let members = json!({"ClientRequestToken": token, "ExternalMeetingId": given});
        let created = world.call(&Call::new("POST", "/meetings").body(members)).await;
        let meeting = Call::new("GET", format!("/meetings/{}", created.meeting_id()));

        let got = world.call(&meeting).await;

        let id = |reply: &Value| reply["Meeting"].get("ExternalMeetingId").cloned();
        assert_eq!(id(&created.json()), given.map(Value::from));
        assert_eq!(id(&got.json()), answered.map(Value::from), "{got:?}");
        assert!(!got.body.contains("create-meeting"), "{got:?}");
        if given == answered {
            assert_eq!(got.body, created.body, "same as in CreateMeeting");
        }
    }
}

#[tokio::test]
async fn unknown_members_are_dropped_and_capabilities_are_passed_on_unchanged() {
    let world = World::start().await;
    let attendee = |capabilities: &str| {
        format!(
            r#"{{"Tags": [{{"Key": "a", "Value": "b"}}], "Unknown": {{"a": 1}}, "ExternalUserId": "Ann\u00e9e",
                "Capabilities": {capabilities}}}"#
        )
    };
    for (capabilities, sent) in [
        (
            r#"{"Audio": "None",  "Video":"Send"}"#,
            r#","Capabilities":{"Audio": "None",  "Video":"Send"}"#,
        ),
        (r#"{"New": [1.50, "\u00e9"]}"#, r#","Capabilities":{"New": [1.50, "\u00e9"]}"#),
        ("null", ""),
    ] {
        let attendee = attendee(capabilities);
        let sent = format!(r#"{{"ExternalUserId":"Année"{sent}}}"#);
        let attendees = Call::new("POST", world.path("/attendees"));
        for (call, sent) in [
            (attendees.clone().body(&attendee), sent.clone()),
            (
                attendees
                    .query("operation", "batch-create")
                    .body(format!(r#"{{"Unknown": 1, "Attendees": [{attendee}, {attendee}]}}"#)),
                format!(r#"{{"Attendees":[{sent},{sent}]}}"#),
            ),
        ] {
            world.chime.service.set_faults([Fault::before(Raw(200, "{}"))]);
            world.call(&call).await;

            let [request] = &world.chime.take_requests()[..] else { panic!("{call:?}") };
            assert_eq!(String::from_utf8_lossy(&request.body), sent);
        }
    }
}

#[tokio::test]
async fn an_empty_list_may_be_null() {
    let world = World::start().await;
    let attendees = Call::new("POST", world.path("/attendees"));
    let batch = json!({"Attendees": [{"ExternalUserId": "anna"}]});
    for call in [
        Call::new("GET", world.path("/attendees")),
        attendees.query("operation", "batch-create").body(batch),
    ] {
        let answer = r#"{"Attendees":null,"NextToken":null}"#;
        world.chime.service.set_faults([Fault::before(Raw(200, answer))]);
        assert_eq!(world.call(&call).await.body, answer);
    }
}
