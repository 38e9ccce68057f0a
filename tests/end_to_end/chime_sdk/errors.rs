//! Responses to the service's errors.

use std::time::{Duration, SystemTime};

use local::chime_sdk::Answer::{Closed, Raw, Refusal, Slow, Stalled, Truncated, Unavailable};
use local::chime_sdk::Fault;

use crate::support::{Chime, DynamoDb, Event, Function, Reply};

struct World {
    dynamodb: DynamoDb,
    chime: Chime,
    function: Function,
}

impl World {
    async fn start() -> Self {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        Self { dynamodb, chime, function }
    }

    async fn invoke(&self) -> Reply {
        let deadline = SystemTime::now() + Duration::from_secs(6);
        self.function.invoke_by(deadline, &Event::rest()).await
    }

    /// Asserts that nothing was stored, and that the client's retry gets a meeting.
    async fn assert_recovers(&self) {
        assert!(self.dynamodb.items().await.is_empty());
        self.chime.service.set_faults([]);
        self.chime.take();
        let retry = self.invoke().await;
        assert_eq!((retry.status, retry.is_replay()), (201, false), "{retry:?}");
        self.chime.assert_valid().await;
    }
}

#[tokio::test]
async fn each_service_error_maps_to_an_api_error() {
    let bad = "BadRequestException";
    let limit = "ResourceLimitExceededException";
    let failure = "ServiceFailureException";
    let throttled = "ThrottledClientException";
    let unavailable = "ServiceUnavailableException";
    for (fault, name, attempts) in [
        (Refusal(400, "BadRequestException"), bad, 1),
        (Refusal(400, "ValidationException"), bad, 1),
        (Raw(400, "{}"), bad, 1),
        (Refusal(400, "LimitExceededException"), limit, 1),
        (Refusal(401, "UnauthorizedException"), failure, 1),
        (Refusal(403, "ForbiddenException"), failure, 1),
        (Refusal(403, "AccessDeniedException"), failure, 1),
        (Refusal(403, "InvalidSignatureException"), failure, 1),
        (Refusal(403, "ExpiredTokenException"), failure, 1),
        (Refusal(403, "UnrecognizedClientException"), failure, 1),
        (Refusal(403, "OptInRequired"), failure, 1),
        (Refusal(404, "UnknownOperationException"), failure, 1),
        (Raw(404, "<html>"), failure, 1),
        (Raw(404, ""), failure, 1),
        // The legacy service's form.
        (Raw(400, r#"{"Code":"BadRequest","Message":"standup"}"#), bad, 1),
        (Raw(400, r#"{"Code":"ResourceLimitExceeded"}"#), limit, 1),
        (Raw(400, r#"{"Code":"Conflict"}"#), unavailable, 3),
        (Raw(400, r#"{"Code":"Throttled"}"#), throttled, 2),
        (Raw(400, r#"{"Code":"Forbidden"}"#), failure, 1),
        (Refusal(404, "NotFoundException"), failure, 1),
        (Refusal(409, "ConflictException"), unavailable, 3),
        (Refusal(422, "UnprocessableEntityException"), failure, 1),
        (Refusal(429, "ThrottlingException"), throttled, 2),
        (Refusal(429, "ThrottledClientException"), throttled, 2),
        (Raw(429, ""), throttled, 2),
        (Refusal(500, "ServiceFailureException"), unavailable, 3),
        (Raw(502, "<html>"), unavailable, 3),
        (Raw(504, ""), unavailable, 3),
        (Refusal(503, "ServiceUnavailableException"), unavailable, 3),
        (Closed, unavailable, 3),
        (Truncated, unavailable, 3),
        (Stalled, unavailable, 2),
    ] {
        let world = World::start().await;
        world.chime.service.set_fault(Fault::before(fault));

        let reply = world.invoke().await;

        reply.assert_modelled();
        assert_eq!(reply.headers["x-amzn-errortype"], name, "{fault:?}: {reply:?}");
        assert_eq!(world.chime.take(), vec!["CreateMeeting"; attempts], "{fault:?}");
        // The service's message quotes the request.
        world.function.process.logged(&format!(" {name}: ")).await;
        let log = world.function.process.output();
        for told in [reply.body, log] {
            assert!(!told.contains("standup"), "{fault:?}: {told}");
        }
        if let Refusal(status, name) = fault {
            let cause = format!("chime-sdk-meetings responded with {name} ({status}), request ID ");
            world.function.process.logged(&cause).await;
        }
        world.assert_recovers().await;
    }
}

#[tokio::test]
async fn the_services_retry_after_is_passed_on_up_to_60_seconds() {
    let world = World::start().await;
    for (asked, told) in [(30, "30"), (86_400, "60")] {
        world.chime.service.set_fault(Fault::before(Unavailable(asked)));
        let reply = world.invoke().await;
        assert_eq!((reply.status, &*reply.headers["retry-after"]), (503, told), "{reply:?}");
        assert_eq!(reply.headers["x-amz-retry-after"], format!("{told}000"));
        assert_eq!(world.chime.take(), ["CreateMeeting"], "no time left for a retry");
    }
    // A client that is told to wait for 0 seconds would retry at once.
    world.chime.service.set_fault(Fault::before(Unavailable(0)));
    let reply = world.invoke().await;
    assert_eq!((reply.status, &*reply.headers["retry-after"]), (503, "1"), "{reply:?}");
    assert_eq!(world.chime.take(), ["CreateMeeting"; 3], "the function itself retries at once");
    world.assert_recovers().await;

    let world = World::start().await;
    world.chime.service.set_faults([Fault::before(Unavailable(1))]);
    let reply = world.invoke().await;
    assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
    assert_eq!(world.chime.take(), ["CreateMeeting"; 2]);
}

#[tokio::test]
async fn an_unusable_response_is_a_server_side_fault() {
    let id = "1343fa41-6e0d-4862-9880-5d63982f39bc";
    for (meeting, why) in [
        ("{", "that cannot be parsed"),
        ("[]", "that cannot be parsed"),
        (r#"{"Meeting": null}"#, "that cannot be parsed"),
        (r#"{"Meeting": {"MeetingId": 1, "MediaPlacement": {}}}"#, "that cannot be parsed"),
        (r#"{"Meeting": {"MeetingId": "ID"}}"#, "that cannot be parsed"),
        (r#"{"Meeting": {"MeetingId": "../x", "MediaPlacement": {}}}"#, "without a usable ID"),
        (r#"{"Meeting": {"MeetingId": "ID", "MediaPlacement": {}}}"#, "that cannot be joined"),
        (
            r#"{"Meeting": {"MeetingId": "ID", "MediaPlacement": {"AudioHostUrl": "a"}}}"#,
            "that cannot be joined",
        ),
        (
            r#"{"Meeting": {"MeetingId": "ID", "ExternalMeetingId": "standup", "MediaRegion": "eu-west-1",
                "MediaPlacement": {"AudioHostUrl": "a", "SignalingUrl": "b"}}}"#,
            "in another media Region",
        ),
    ] {
        let world = World::start().await;
        let body: &'static str = Box::leak(meeting.replace("ID\"", &format!("{id}\"")).into());
        world.chime.service.set_faults([Fault::before(Raw(200, body))]);

        let reply = world.invoke().await;

        assert_eq!(reply.headers["x-amzn-errortype"], "ServiceFailureException", "{meeting}");
        world.function.process.logged(&format!("returned a meeting {why}")).await;
        assert!(!world.function.process.output().contains("s3cr3t"));
        world.assert_recovers().await;
    }
}

#[tokio::test]
async fn another_external_meeting_id_in_the_response_is_logged_and_ignored() {
    for returned in [r#""ExternalMeetingId": "s3cr3t","#, r#""ExternalMeetingId": null,"#, ""] {
        let world = World::start().await;
        let body = format!(
            r#"{{"Meeting": {{"MeetingId": "1343fa41-6e0d-4862-9880-5d63982f39bc", {returned}
                "MediaRegion": "us-east-1",
                "MediaPlacement": {{"AudioHostUrl": "a", "SignalingUrl": "b"}}}}}}"#
        );
        world.chime.service.set_faults([Fault::before(Raw(200, body.leak()))]);

        let reply = world.invoke().await;

        assert_eq!(reply.status, 201, "{reply:?}");
        assert_eq!(reply.json()["Meeting"]["ExternalMeetingId"], "standup");
        world.function.process.logged("returned another ExternalMeetingId").await;
        assert!(!world.function.process.output().contains("s3cr3t"));
    }
}

#[tokio::test]
async fn deprecated_urls_may_be_missing_from_the_response() {
    let world = World::start().await;
    let body = r#"{"Meeting": {"MeetingId": "1343FA41-6E0D-4862-9880-5D63982F39BC", "MeetingArn": null,
        "ExternalMeetingId": "standup", "MediaRegion": "us-east-1", "TenantIds": null,
        "MediaPlacement": {"AudioHostUrl": "a", "SignalingUrl": "b", "TurnControlUrl": null}}}"#;
    world.chime.service.set_faults([Fault::before(Raw(200, body))]);

    let first = world.invoke().await;
    let replay = world.invoke().await;

    assert_eq!(
        first.body,
        r#"{"Meeting":{"MeetingId":"1343fa41-6e0d-4862-9880-5d63982f39bc","ExternalMeetingId":"standup","MediaRegion":"us-east-1","MediaPlacement":{"AudioHostUrl":"a","SignalingUrl":"b"}}}"#,
    );
    assert_eq!((replay.is_replay(), replay.body), (true, first.body));
}

#[tokio::test]
async fn a_lost_response_is_retried() {
    for (faults, attempts) in [
        (vec![Fault::after(Closed)], 2),
        (vec![Fault::after(Closed), Fault::after(Closed)], 3),
        (vec![Fault::after(Truncated)], 2),
        (vec![Fault::after(Raw(500, "<html>"))], 2),
        (vec![Fault::after(Refusal(503, "ServiceUnavailableException"))], 2),
        (vec![Fault::before(Refusal(429, "ThrottlingException"))], 2),
        (vec![Fault::after(Stalled)], 2),
        (vec![Fault::after(Slow(Duration::from_millis(300)))], 1),
    ] {
        let world = World::start().await;
        world.chime.service.set_faults(faults.clone());

        let reply = world.invoke().await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{faults:?}: {reply:?}");
        assert_eq!(world.chime.take(), vec!["CreateMeeting"; attempts], "{faults:?}");
        // All attempts send the same token.
        let [meeting] = &world.chime.service.meetings()[..] else { panic!("{faults:?}") };
        assert_eq!(meeting["MeetingId"], reply.meeting_id());
    }
}
