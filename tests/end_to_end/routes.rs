//! The operation of a request, from the API's route if the event names one, and from the query.

use serde_json::{Value, json};

use uuid::Uuid;

use crate::support::{
    Call, Chime, DynamoDb, Event, Function, LegacyOperation, Reply, Source, legacy_operations,
};

const MEETING: &str = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
const ATTENDEE: &str = "8d1f3c0e-5b7a-4c2d-8e9f-abcdef012345";

fn query(operation: Option<&str>) -> Value {
    operation.map_or(json!(null), |operation| json!({"operation": operation}))
}

/// A REST API's event, from a dedicated route or, with `{proxy+}`, from a catch-all.
fn rest(method: &str, path: &str, operation: Option<&str>, resource: &str) -> Event {
    Event::rest()
        .set("/httpMethod", json!(method))
        .set("/path", json!(path))
        .set("/resource", json!(resource))
        .set("/queryStringParameters", query(operation))
}

/// An HTTP API's event, from a dedicated route or, with `$default`, from a catch-all.
fn http(method: &str, path: &str, operation: Option<&str>, route_key: &str) -> Event {
    let mut event = Event::http()
        .set("/requestContext/http/method", json!(method))
        .set("/rawPath", json!(path))
        .set("/routeKey", json!(route_key));
    event.0["queryStringParameters"] = query(operation);
    event
}

/// A call of an operation, with a valid body.
fn call(operation: &LegacyOperation, meeting_id: &str, attendee_id: &str) -> Call {
    let path = operation.path.replace("{meetingId}", meeting_id);
    let path = path.replace("{attendeeId}", attendee_id);
    let method = ["DELETE", "GET", "POST"].into_iter().find(|it| *it == operation.method).unwrap();
    let body = match &*operation.name {
        "CreateMeeting" => json!({"ClientRequestToken": Uuid::new_v4()}),
        "CreateMeetingWithAttendees" => {
            json!({"ClientRequestToken": Uuid::new_v4(), "Attendees": [{"ExternalUserId": "anna"}]})
        }
        "BatchCreateAttendee" => json!({"Attendees": [{"ExternalUserId": "anna"}]}),
        "StartMeetingTranscription" => {
            json!({"TranscriptionConfiguration": {"EngineTranscribeSettings": {}}})
        }
        _ => json!({"ExternalUserId": "anna"}),
    };
    let call = Call::new(method, path).body(body);
    match &operation.query {
        Some(query) => call.query("operation", query),
        None => call,
    }
}

#[tokio::test]
async fn without_the_chime_sdk_only_create_meeting_is_supported() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for operation in legacy_operations().await {
        if operation.name == "CreateMeeting" {
            continue;
        }
        for source in Source::ALL {
            let reply = function.invoke(&call(operation, MEETING, ATTENDEE).event(source)).await;

            reply.assert_modelled();
            let name = &operation.name;
            assert_eq!(reply.headers["x-amzn-errortype"], "BadRequestException", "{name}");
            let message = format!(
                "This endpoint does not support {name}. It supports CreateMeeting (POST /meetings) only."
            );
            assert_eq!(reply.message(), message, "{source:?}");
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn with_the_chime_sdk_unsupported_operations_are_rejected_with_a_reason() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let mut served = Vec::new();
    for source in Source::ALL {
        for operation in legacy_operations().await {
            let created = function
                .invoke(
                    &Call::new("POST", "/meetings")
                        .body(json!({"ClientRequestToken": Uuid::new_v4()}))
                        .event(source),
                )
                .await;
            let meeting_id = created.meeting_id();
            let attendees = Call::new("POST", format!("/meetings/{meeting_id}/attendees"));
            let attendee = attendees.body(json!({"ExternalUserId": "anna"})).event(source);
            let attendee = function.invoke(&attendee).await.json();
            let attendee_id = attendee["Attendee"]["AttendeeId"].as_str().unwrap();
            chime.take();

            let call = call(operation, &meeting_id, attendee_id);
            let reply = function.invoke(&call.event(source)).await;

            let name = &*operation.name;
            let why = match name {
                "CreateMeetingDialOut" => "The Amazon Chime SDK has no such operation.",
                "TagAttendee" | "UntagAttendee" | "ListAttendeeTags" => {
                    "The attendees of the Amazon Chime SDK have no tags."
                }
                _ if name.to_lowercase().contains("tag") => {
                    "Tag meetings when you create them, or with TagResource of the Amazon Chime SDK itself."
                }
                _ => {
                    assert_eq!(reply.status, operation.status, "{name}, {source:?}: {reply:?}");
                    served.push(name);
                    continue;
                }
            };
            reply.assert_modelled();
            let message = format!("This endpoint does not support {name}. {why}");
            assert_eq!((reply.status, reply.message()), (400, message), "{source:?}");
            assert!(chime.take().is_empty(), "{name}");
        }
    }
    assert_eq!(served.len(), 12 * Source::ALL.len(), "{served:?}");
    chime.assert_valid().await;
}

#[tokio::test]
async fn operations_of_the_chime_sdk_alone_are_rejected_with_a_reason() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let templates = Function::start(&dynamodb).await;
    let attendees = format!("/meetings/{MEETING}/attendees");
    for (call, name) in [
        (
            Call::new("PUT", format!("{attendees}/{ATTENDEE}/capabilities")),
            "UpdateAttendeeCapabilities",
        ),
        (
            Call::new("PUT", format!("{attendees}/capabilities"))
                .query("operation", "batch-update-except"),
            "BatchUpdateAttendeeCapabilitiesExcept",
        ),
    ] {
        for source in Source::ALL {
            let event = call.clone().body("{}").event(source);
            let reply = function.invoke(&event).await;
            reply.assert_modelled();
            let message = format!(
                "This endpoint does not support {name}. Amazon Chime's API has no such operation. \
                 Give an attendee its capabilities when you create it."
            );
            assert_eq!((reply.status, reply.message()), (400, message), "{source:?}");
            let reply = templates.invoke(&event).await;
            assert_eq!(reply.status, 400);
            assert!(
                reply.message().starts_with(&format!("This endpoint does not support {name}."))
            );
        }
    }
    assert!(chime.take().is_empty() && dynamodb.take_requests() == 0);
}

#[tokio::test]
async fn an_invalid_operation_parameter_is_rejected() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let attendees = &*format!("/meetings/{MEETING}/attendees");
    let transcription = &*format!("/meetings/{MEETING}/transcription");
    let capabilities = &*format!("{attendees}/capabilities");
    for (method, path, operation, accepted) in [
        (
            "POST",
            "/meetings",
            Some("create-attendee"),
            "absent for CreateMeeting or create-attendees for CreateMeetingWithAttendees",
        ),
        (
            "POST",
            "/meetings",
            Some("Create-Attendees"),
            "absent for CreateMeeting or create-attendees for CreateMeetingWithAttendees",
        ),
        (
            "POST",
            attendees,
            Some("batch"),
            "absent for CreateAttendee or batch-create for BatchCreateAttendee",
        ),
        (
            "POST",
            transcription,
            None,
            "start for StartMeetingTranscription or stop for StopMeetingTranscription",
        ),
        (
            "PUT",
            capabilities,
            None,
            "batch-update-except for BatchUpdateAttendeeCapabilitiesExcept",
        ),
    ] {
        for event in
            [rest(method, path, operation, "/{proxy+}"), http(method, path, operation, "$default")]
        {
            let reply = function.invoke(&event).await;

            let message = format!("The query parameter operation must be {accepted}.");
            assert_eq!((reply.status, reply.message()), (400, message), "{method} {path}");
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn other_query_parameters_are_ignored() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for parameters in
        [json!({"Operation": "create-attendees"}), json!({"operation": ""}), json!({})]
    {
        let mut event = Event::http();
        event.0["queryStringParameters"] = parameters.clone();
        assert_eq!(function.invoke(&event).await.status, 201, "{parameters}");
    }
}

#[tokio::test]
async fn the_route_determines_the_operation_behind_a_base_path() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for (event, status) in [
        (rest("POST", "/chime/meetings", None, "/meetings"), 201),
        (http("POST", "/chime/meetings", None, "POST /meetings"), 201),
        (rest("POST", "/meetings", None, "/chime/meetings"), 404),
        (http("POST", "/meetings", None, "POST /chime/meetings"), 404),
        (http("POST", "/anything", None, "ANY /meetings"), 201),
        // Without a dedicated route, the event does not say where the base path ends.
        (rest("POST", "/chime/meetings", None, "/{proxy+}"), 404),
        (http("POST", "/chime/meetings", None, "$default"), 404),
    ] {
        assert_eq!(function.invoke(&event).await.status, status, "{}", event.0);
    }
}

#[tokio::test]
async fn a_405_response_lists_the_methods_that_the_path_allows() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let meeting = &*format!("/meetings/{MEETING}");
    for (path, allowed) in [
        ("/meetings", "GET, POST"),
        (meeting, "DELETE, GET"),
        (&*format!("{meeting}/attendees"), "GET, POST"),
        (&*format!("{meeting}/attendees/8d1f"), "DELETE, GET"),
        (&*format!("{meeting}/attendees/8d1f/capabilities"), "PUT"),
        (&*format!("{meeting}/attendees/capabilities"), "PUT"),
        (&*format!("{meeting}/dial-outs"), "POST"),
        ("/tags", "GET, POST"),
    ] {
        let reply = function.invoke(&rest("PATCH", path, None, "/{proxy+}")).await;
        assert_eq!((reply.status, &*reply.headers["allow"]), (405, allowed), "{path}");
        assert!(reply.message().ends_with(&format!("Allowed: {allowed}.")), "{reply:?}");
    }
    for path in ["/meetings/", "/meetings//attendees", "/meetings/1/2", "/tags/1", "/rooms", ""] {
        let reply = function.invoke(&rest("GET", path, None, "/{proxy+}")).await;
        assert_eq!(reply.status, 404, "{path}");
    }
}

/// A REST API's and an HTTP API's event for `DELETE` on this route, with these parameters.
fn delete(route: &str, parameters: &Value) -> [Event; 2] {
    let path = "/chime/of-a-custom-domain";
    let mut rest = rest("DELETE", path, None, route);
    let mut http = http("DELETE", path, None, &format!("DELETE {route}"));
    rest.0["pathParameters"] = parameters.clone();
    http.0["pathParameters"] = parameters.clone();
    [rest, http]
}

#[tokio::test]
async fn ids_are_taken_from_the_route_parameters() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let of_meeting = "/meetings/{MeetingId}";
    let of_attendee = "/meetings/{MeetingId}/attendees/{AttendeeId}";
    let meeting = format!("/meetings/{MEETING}");
    let attendee = format!("{meeting}/attendees/{ATTENDEE}");
    dynamodb.own(MEETING).await;
    for (route, parameters, called) in [
        (of_meeting, json!({"MeetingId": MEETING}), Some(&meeting)),
        // With any names, and with additional parameters.
        ("/meetings/{id}", json!({"id": MEETING}), Some(&meeting)),
        ("/meetings/{é}", json!({"é": MEETING, "MeetingId": ATTENDEE}), Some(&meeting)),
        (of_attendee, json!({"MeetingId": MEETING, "AttendeeId": ATTENDEE}), Some(&attendee)),
        ("/meetings/{a}/attendees/{b}", json!({"a": MEETING, "b": ATTENDEE}), Some(&attendee)),
        // A route may be for one fixed meeting.
        (&*meeting, json!(null), Some(&meeting)),
        // No parameter, or one that is not an ID.
        (of_meeting, json!(null), None),
        (of_meeting, json!({}), None),
        (of_meeting, json!({"meetingId": MEETING}), None),
        (of_meeting, json!({"MeetingId": null}), None),
        (of_meeting, json!({"MeetingId": [MEETING]}), None),
        (of_meeting, json!({"MeetingId": format!("{MEETING}/attendees/{ATTENDEE}")}), None),
        (of_meeting, json!({"MeetingId": format!("{MEETING}%2Fattendees")}), None),
        (of_meeting, json!({"MeetingId": format!("{MEETING}?operation=stop")}), None),
        (of_meeting, json!({"MeetingId": MEETING.replace('-', "%2D")}), None),
        (of_meeting, json!({"MeetingId": format!("../meetings/{MEETING}")}), None),
        (of_meeting, json!({"MeetingId": "{MeetingId}"}), None),
        (of_attendee, json!({"MeetingId": MEETING}), None),
        (
            of_attendee,
            json!({"MeetingId": MEETING, "AttendeeId": format!("{ATTENDEE}/tags")}),
            None,
        ),
    ] {
        for event in delete(route, &parameters) {
            let reply = function.invoke(&event).await;

            let requests = chime.take_requests();
            let called_path = requests.first().map(|request| &request.path);
            assert_eq!(called_path, called, "{route}, {parameters}: {reply:?}");
            // The meeting does not exist.
            assert_eq!(reply.status, if called.is_some() { 404 } else { 400 }, "{parameters}");
        }
    }
}

#[tokio::test]
async fn a_lone_surrogate_never_reaches_the_service() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    dynamodb.own(MEETING).await;
    for source in Source::ALL {
        // Between ID and path, in a value, and in a name.
        for (mark, query) in [
            ("1D", None),
            ("T0KEN", Some("next-token=%EF%BF%BD%EF%BF%BD%EF%BF%BD")),
            ("N4ME", Some("")),
        ] {
            let list = Call::new("GET", format!("/meetings/{MEETING}1D/attendees"));
            let event = list.query("next-token", "T0KEN").query("N4ME", "").event(source);
            let event = event.0.to_string().replace(mark, r"\ud800");
            let event = event.replace("1D", "").replace("T0KEN", "").replace("N4ME", "");
            let reply = Reply::from(function.invoke_raw(event).await.unwrap());
            reply.assert_modelled();
            let requests = chime.take_requests();
            assert_eq!(requests.first().map(|it| &*it.query), query, "{source:?}: {reply:?}");
        }
    }
}
