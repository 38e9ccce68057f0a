//! Which operation a request calls: by the API's route where the event names one, and by the query.

use serde_json::{Value, json};

use crate::support::{DynamoDb, Event, Function, LegacyOperation, legacy_operations};

fn query(operation: Option<&str>) -> Value {
    operation.map_or(json!(null), |operation| json!({"operation": operation}))
}

/// A REST API's event, of a route of its own or, with `{proxy+}`, of any path.
fn rest(method: &str, path: &str, operation: Option<&str>, resource: &str) -> Event {
    Event::named("rest-create")
        .set("/httpMethod", json!(method))
        .set("/path", json!(path))
        .set("/resource", json!(resource))
        .set("/queryStringParameters", query(operation))
}

/// An HTTP API's event, of a route of its own or, with `$default`, of any path.
fn http(method: &str, path: &str, operation: Option<&str>, route_key: &str) -> Event {
    let mut event = Event::named("http-create")
        .set("/requestContext/http/method", json!(method))
        .set("/rawPath", json!(path))
        .set("/routeKey", json!(route_key));
    event.0["queryStringParameters"] = query(operation);
    event
}

#[tokio::test]
async fn an_operation_that_is_not_served_is_named() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for LegacyOperation { name, method, path: route, query, .. } in legacy_operations().await {
        if name == "CreateMeeting" {
            continue;
        }
        let operation = query.as_deref();
        let path = route
            .replace("{meetingId}", "4f1e7a52-2c7b-4b8a-9d55-0123456789ab")
            .replace("{attendeeId}", "8d1f3c0e-5b7a-4c2d-8e9f-abcdef012345");
        for event in [
            rest(&method, &path, operation, "/{proxy+}"),
            rest(&method, &format!("/chime{path}"), operation, &route),
            http(&method, &path, operation, "$default"),
            http(&method, &path, operation, "ANY /{proxy+}"),
            http(&method, &format!("/chime{path}"), operation, &format!("{method} {route}")),
        ] {
            let reply = function.invoke(&event).await;

            reply.assert_modelled();
            assert_eq!(reply.headers["x-amzn-errortype"], "BadRequestException", "{name}");
            let message = format!("This endpoint does not support {name}.");
            assert!(reply.message().starts_with(&message), "{name}: {reply:?}");
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn a_query_that_selects_no_operation_creates_no_meeting() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let attendees = "/meetings/4f1e7a52-2c7b-4b8a-9d55-0123456789ab/attendees";
    let transcription = "/meetings/4f1e7a52-2c7b-4b8a-9d55-0123456789ab/transcription";
    for (path, operation, accepted) in [
        (
            "/meetings",
            Some("create-attendee"),
            "absent for CreateMeeting or create-attendees for CreateMeetingWithAttendees",
        ),
        (
            "/meetings",
            Some("Create-Attendees"),
            "absent for CreateMeeting or create-attendees for CreateMeetingWithAttendees",
        ),
        (
            attendees,
            Some("batch"),
            "absent for CreateAttendee or batch-create for BatchCreateAttendee",
        ),
        (
            transcription,
            None,
            "start for StartMeetingTranscription or stop for StopMeetingTranscription",
        ),
    ] {
        for event in
            [rest("POST", path, operation, "/{proxy+}"), http("POST", path, operation, "$default")]
        {
            let reply = function.invoke(&event).await;

            let message = format!("The query parameter operation must be {accepted}.");
            assert_eq!((reply.status, reply.message()), (400, message), "{path}");
        }
    }
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn other_query_parameters_change_nothing() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for parameters in
        [json!({"Operation": "create-attendees"}), json!({"operation": ""}), json!({})]
    {
        let mut event = Event::named("http-create");
        event.0["queryStringParameters"] = parameters.clone();
        assert_eq!(function.invoke(&event).await.status, 201, "{parameters}");
    }
}

#[tokio::test]
async fn behind_the_base_path_of_a_custom_domain_the_route_counts() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for (event, status) in [
        (Event::named("rest-custom-domain"), 201),
        (Event::named("http-custom-domain"), 201),
        (rest("POST", "/meetings", None, "/chime/meetings"), 404),
        (http("POST", "/meetings", None, "POST /chime/meetings"), 404),
        (http("POST", "/anything", None, "ANY /meetings"), 201),
        // Without a route of its own, an API does not say where its base path ends.
        (rest("POST", "/chime/meetings", None, "/{proxy+}"), 404),
        (http("POST", "/chime/meetings", None, "$default"), 404),
    ] {
        assert_eq!(function.invoke(&event).await.status, status, "{}", event.0);
    }
}

#[tokio::test]
async fn a_path_says_which_methods_it_has() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let meeting = "/meetings/4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    for (path, allowed) in [
        ("/meetings", "GET, POST"),
        (meeting, "DELETE, GET"),
        (&*format!("{meeting}/attendees"), "GET, POST"),
        (&*format!("{meeting}/attendees/8d1f"), "DELETE, GET"),
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
