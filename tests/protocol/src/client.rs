//! The events of clients, and what the replies mean.

use serde_json::{Value, json};

use crate::function::Reply;
use crate::names::Name;
use crate::scenario::{Call, Subject};
use crate::state::Outcome;

const ACCOUNT: &str = "111122223333";
const STRANGER: &str = "444455556666";

/// What a request is about, if it creates a meeting.
#[must_use]
pub const fn subject(call: Call) -> Option<Subject> {
    match call {
        Call::Create(subject) | Call::CreateWithAttendees(subject) => Some(subject),
        Call::Get | Call::Delete | Call::DeleteAsStranger | Call::Event => None,
    }
}

/// The `ExternalMeetingId` of a meeting.
#[must_use]
pub const fn external_id(subject: Subject) -> &'static str {
    match subject {
        Subject::X => "subject X",
        Subject::Y => "subject Y",
    }
}

/// The event of a request.
#[must_use]
pub fn event(call: Call, target: Option<Name>) -> String {
    let (method, query) = match call {
        Call::Create(_) => ("POST", json!(null)),
        Call::CreateWithAttendees(_) => ("POST", json!({"operation": "create-attendees"})),
        Call::Get => ("GET", json!(null)),
        Call::Delete | Call::DeleteAsStranger => ("DELETE", json!(null)),
        Call::Event => {
            let id = target.map(|id| id.to_string());
            let detail = json!({"eventType": "chime:MeetingEnded", "meetingId": id});
            let kind = "Chime Meeting State Change";
            return json!({"source": "aws.chime", "detail-type": kind, "detail": detail})
                .to_string();
        }
    };
    let account = if call == Call::DeleteAsStranger { STRANGER } else { ACCOUNT };
    let path = target.map_or_else(|| "/meetings".into(), |id| format!("/meetings/{id}"));
    let external_id = subject(call).map(external_id);
    let mut body = json!({"ClientRequestToken": "token", "ExternalMeetingId": external_id});
    if matches!(call, Call::CreateWithAttendees(_)) {
        body["Attendees"] = json!([{"ExternalUserId": "anna"}]);
    }
    json!({
        "httpMethod": method,
        "path": path,
        "queryStringParameters": query,
        "headers": {"content-type": "application/json"},
        "body": body.to_string(),
        "requestContext": {"requestId": "request", "identity": {"accountId": account}},
    })
    .to_string()
}

/// What a client learns from a reply.
#[must_use]
pub fn outcome(reply: &Reply) -> Outcome {
    let body: Value = serde_json::from_str(&reply.body).unwrap_or_default();
    let meeting = body["Meeting"]["MeetingId"].as_str().and_then(Name::read);
    match (reply.status, body["Code"].as_str().unwrap_or_default(), meeting) {
        (201, _, Some(meeting)) if reply.is_replay => Outcome::Replayed(meeting),
        (201, _, Some(meeting)) => Outcome::Created(meeting),
        (200, _, Some(meeting)) => Outcome::Found(meeting),
        (204, ..) => Outcome::Deleted,
        (404, ..) => Outcome::Ended,
        (400, "ResourceLimitExceeded", _) => Outcome::LimitReached,
        (400, "BadRequest", _) if reply.body.contains("already used") => Outcome::Conflict,
        (429 | 503, ..) => Outcome::TryAgain,
        // An event has no reply.
        (0, ..) if reply.body.is_empty() => Outcome::Accepted,
        (status, ..) => Outcome::Other(status, reply.body.clone()),
    }
}
