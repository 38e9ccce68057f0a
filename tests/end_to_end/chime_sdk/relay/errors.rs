//! The service's errors, as exceptions for which clients of the legacy operation have types.

use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use local::chime_sdk::Answer::{self, Closed, Raw, Refusal, Stalled, Truncated, Unavailable};
use local::chime_sdk::Fault;
use serde_json::json;

use super::World;
use crate::support::{Source, legacy_operations, relayed_calls};

const BAD: &str = "BadRequestException";
const LIMIT: &str = "ResourceLimitExceededException";
const THROTTLED: &str = "ThrottledClientException";
const NOT_FOUND: &str = "NotFoundException";
const UNPROCESSABLE: &str = "UnprocessableEntityException";
const FAILURE: &str = "ServiceFailureException";
const UNAVAILABLE: &str = "ServiceUnavailableException";

/// The service's response, the client's response, and the number of attempts. [`expected`] has the
/// exceptions for single operations.
pub const ERRORS: [(Answer, &str, usize); 33] = [
    (Refusal(400, "BadRequestException"), BAD, 1),
    (Refusal(400, "ValidationException"), BAD, 1),
    (Refusal(400, "SerializationException"), BAD, 1),
    (Raw(400, "{}"), BAD, 1),
    (Raw(413, "<html>"), BAD, 1),
    (Raw(414, ""), BAD, 1),
    (Refusal(400, "LimitExceededException"), LIMIT, 1),
    (Refusal(401, "UnauthorizedException"), FAILURE, 1),
    (Refusal(403, "ForbiddenException"), FAILURE, 1),
    (Refusal(403, "AccessDeniedException"), FAILURE, 1),
    (Refusal(403, "InvalidSignatureException"), FAILURE, 1),
    (Refusal(403, "ExpiredTokenException"), FAILURE, 1),
    (Refusal(403, "OptInRequired"), FAILURE, 1),
    (Refusal(404, "UnknownOperationException"), FAILURE, 1),
    (Raw(404, "<html>"), FAILURE, 1),
    (Raw(404, ""), NOT_FOUND, 1),
    (Raw(404, r#"{"Code":"NotFound","Message":"m"}"#), NOT_FOUND, 1),
    (Raw(302, ""), FAILURE, 1),
    (Refusal(404, "NotFoundException"), NOT_FOUND, 1),
    (Refusal(404, "ResourceNotFoundException"), NOT_FOUND, 1),
    (Refusal(409, "ConflictException"), UNAVAILABLE, 3),
    (Refusal(422, "UnprocessableEntityException"), UNPROCESSABLE, 1),
    (Raw(422, ""), UNPROCESSABLE, 1),
    (Refusal(429, "ThrottlingException"), THROTTLED, 2),
    (Refusal(429, "ThrottledClientException"), THROTTLED, 2),
    (Raw(429, ""), THROTTLED, 2),
    (Refusal(500, "ServiceFailureException"), UNAVAILABLE, 3),
    (Raw(502, "<html>"), UNAVAILABLE, 3),
    (Raw(504, ""), UNAVAILABLE, 3),
    (Refusal(503, "ServiceUnavailableException"), UNAVAILABLE, 3),
    (Closed, UNAVAILABLE, 3),
    (Truncated, UNAVAILABLE, 3),
    (Stalled, UNAVAILABLE, 2),
];

/// If an operation has no such exception in either API, the error is a server-side fault. The
/// legacy attendee operations lack one exception that the service's operations have.
pub fn expected(operation: &str, usual: &'static str) -> &'static str {
    let creates_attendees = operation.contains("Attendee") && operation.contains("Create");
    match usual {
        // The service may not know a young meeting yet.
        NOT_FOUND if operation == "CreateMeetingWithAttendees" => UNAVAILABLE,
        UNPROCESSABLE if creates_attendees => BAD,
        UNPROCESSABLE if !operation.ends_with("Transcription") => FAILURE,
        LIMIT if !creates_attendees && operation != "StartMeetingTranscription" => FAILURE,
        _ => usual,
    }
}

#[tokio::test]
async fn each_service_error_maps_to_an_error_of_the_legacy_operation() {
    join_all((0..9).map(assert_errors)).await;
}

async fn assert_errors(number: usize) {
    let world = World::with(&[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let attendee_id = world.create_attendee("anna").await;
    let (operation, call) = &relayed_calls(&world.meeting_id, &attendee_id)[number];
    let event = call.event(Source::RestRoute);
    let legacy = legacy_operations().await.iter().find(|it| it.name == *operation).unwrap();
    for (answer, usual, attempts) in ERRORS {
        world.chime.service.set_fault(Fault::before(answer));
        let deadline = SystemTime::now() + Duration::from_secs(6);

        let reply = world.function.invoke_by(deadline, &event).await;

        reply.assert_modelled();
        let name = expected(operation, usual);
        assert_eq!(reply.headers["x-amzn-errortype"], name, "{operation}, {answer:?}: {reply:?}");
        assert!(legacy.errors.iter().any(|it| it == name), "{operation} has no {name}");
        assert_eq!(world.chime.take(), vec![*operation; attempts], "{operation}, {answer:?}");
        // The service's message quotes the request.
        assert!(!reply.body.contains("on purpose") && !reply.body.contains("anna"), "{reply:?}");
    }
    let records = world.function.process.records(2 + ERRORS.len()).await;
    for ((answer, usual, attempts), record) in ERRORS.iter().zip(&records[2..]) {
        let name = expected(operation, usual);
        assert_eq!((&record["operation"], &record["error"]), (&json!(operation), &json!(name)));
        assert_eq!(record["upstreamAttempts"], json!(attempts), "{record}");
        if let Refusal(status, name) = answer {
            let cause = format!("chime-sdk-meetings responded with {name} ({status}), request ID ");
            assert!(record["message"].as_str().unwrap().contains(&cause), "{record}");
        }
        // Client errors and quotas are not errors of the service.
        let is_error = matches!(*usual, FAILURE | UNAVAILABLE);
        assert_eq!(record.get("UpstreamErrors").is_some(), is_error, "{operation}: {record}");
        assert_eq!(record.get("UpstreamLimitExceeded").is_some(), *usual == LIMIT, "{record}");
        let is_throttled = *usual == THROTTLED;
        assert_eq!(record.get("UpstreamThrottles").is_some(), is_throttled, "{record}");
        let throttles = is_throttled.then(|| json!(2));
        assert_eq!(record.get("upstreamThrottles"), throttles.as_ref(), "{record}");
    }
    let output = world.function.process.output();
    assert!(!output.contains("on purpose") && !output.contains("anna"), "{output}");

    // After the faults, the response is the same as without them.
    world.chime.service.set_faults([]);
    let status = world.function.invoke(&event).await.status;
    assert_eq!(status, legacy.status, "{operation}");
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn the_services_retry_after_is_passed_on_up_to_60_seconds() {
    let world = World::start().await;
    let attendee_id = world.create_attendee("anna").await;
    for (operation, call) in relayed_calls(&world.meeting_id, &attendee_id) {
        for (asked, told) in [(30, "30"), (86_400, "60")] {
            world.chime.service.set_fault(Fault::before(Unavailable(asked)));
            let reply = world.call(&call).await;
            assert_eq!((reply.status, &*reply.headers["retry-after"]), (503, told), "{operation}");
            assert_eq!(reply.headers["x-amz-retry-after"], format!("{told}000"));
            assert_eq!(world.chime.take(), [operation], "no time left for a retry");
        }
    }
}

#[tokio::test]
async fn not_found_messages_mention_the_attendee_only_where_one_is_named() {
    let world = World::start().await;
    let attendee_id = world.create_attendee("anna").await;
    assert!(world.chime.service.end_meeting(&world.meeting_id));
    for (operation, call) in relayed_calls(&world.meeting_id, &attendee_id) {
        let reply = world.call(&call).await;
        let message = match operation {
            "GetAttendee" | "DeleteAttendee" => "The meeting has ended, or it has no such attendee",
            _ => "The meeting has ended",
        };
        assert_eq!((reply.status, reply.message()), (404, message.into()), "{operation}");
    }
}
