//! Operations on existing meetings: forwarded to the Amazon Chime SDK, which has them at the same paths.
//!
//! Between the two APIs, status codes, error names, queries and some members differ. What an operation takes and
//! returns is in its row of the table of operations ([`crate::operation`]).

mod response;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

pub use self::response::CreatedAttendees;
use crate::caller::AuthorizedAccount;
use crate::chime_sdk::ChimeSdk;
use crate::error::{Error, ErrorKind};
use crate::http_request::HttpRequest;
use crate::invocation::{Invocation, RemoteCall};
use crate::media_plane::chime_sdk_meetings::ChimeSdkMeetings;
use crate::meeting::Guid;
use crate::operation::{BATCH_CREATE_ATTENDEE, Handling, Input, Operation, Output, Route};
use crate::request::attendees::{Attendee, Attendees};
use crate::request::page::Page;
use crate::request::transcription::Transcription;
use crate::request::validation::{Validator, validate};
use crate::response::{Outcome, Response};
use crate::store::{Owner, Store};

// Deadlines as percentages of the time budget.
const OWNER_BY: u32 = 25;
/// Of operations that may mark the meeting.
const SEND_BY: u32 = 75;

/// How long a repeated deletion succeeds, in seconds: it is usually the retry of one whose response was lost.
const DELETION_RETRIES: u64 = 60;

/// All characters but RFC 3986's unreserved ones, as Signature Version 4 requires.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Forwards one operation.
#[derive(Clone, Copy, Debug)]
pub struct Relay<'a> {
    /// The table of meetings.
    pub store: &'a Store,
    /// The Amazon Chime SDK's meetings.
    pub chime: &'a ChimeSdkMeetings,
    /// What the operation takes.
    pub input: Input,
    /// What it returns.
    pub output: Output,
}

impl Relay<'_> {
    /// Performs the operation of `route`, on a meeting of this account. The Amazon Chime SDK has no notion of our
    /// callers: it would let each of them reach the meetings of all others.
    ///
    /// # Errors
    /// `BadRequest` for a request that the Amazon Chime SDK is known to reject, `NotFound` for a meeting that is not the
    /// account's or has ended, the errors of the table, and the service's errors, translated.
    pub async fn perform(
        &self,
        account: AuthorizedAccount<'_>,
        route: &Route<'_>,
        invocation: Invocation<'_>,
    ) -> Result<Response, Error> {
        let operation = route.operation;
        let (meeting_id, target, body) = validate(|validator| {
            let meeting_id = validator.guid("meetingId", route.meeting_id);
            let attendee_id = validator.guid("attendeeId", route.attendee_id);
            let query = match self.input {
                Input::Page => query(&Page::from_query(&route.request.query, validator)),
                _ => String::new(),
            };
            let target = operation.target(meeting_id.as_ref(), attendee_id.as_ref(), &query);
            Ok((meeting_id, target, self.body(route.request, validator)?))
        })?;
        let meeting_id = meeting_id.ok_or_else(not_found)?;
        let found =
            self.store.owners().find(account.id(), &meeting_id, invocation.by(OWNER_BY)).await?;
        let owner = found.ok_or_else(not_found)?;
        let respond = |body| Response::new(operation.status, body, Outcome::Relayed);
        if let Some(ended_at) = owner.ended_at {
            let is_recent = invocation.now() <= ended_at + DELETION_RETRIES;
            return if operation.ends_meeting() && is_recent {
                Ok(respond(None))
            } else {
                Err(not_found())
            };
        }
        let request = operation.request(&target, &body);
        let may_mark = operation.names_only_meeting();
        let send_by = if may_mark { invocation.by(SEND_BY) } else { invocation };
        let completed = self.chime.client().send(request, send_by).await;
        // For the client, the deletion succeeded.
        let completed = completed
            .recover(|call| is_already_deleted(operation, call).then(Vec::new))
            .parse(|response| response::to_legacy(self.output, response));
        let result = completed.record();
        let has_ended = match &result {
            Ok(_) => operation.ends_meeting(),
            // The service may not know a young meeting yet.
            Err(error) => {
                error.kind() == ErrorKind::NotFound
                    && may_mark
                    && self.chime.is_settled(owner.created_at, invocation)
            }
        };
        if has_ended {
            let Owner { account_id, token, .. } = &owner;
            let marks = self.store.marks();
            let marked = marks.ended(account_id, token, &meeting_id, invocation).await;
            invocation.record.note_mark(marked);
        }
        Ok(respond(result.map_err(|error| translate(operation, error))?))
    }

    fn body(&self, request: &HttpRequest, validator: &mut Validator) -> Result<Vec<u8>, Error> {
        match self.input {
            Input::Nothing | Input::Page => Ok(Vec::new()),
            Input::Attendee => {
                to_json(&Attendee::from_json(&request.bounded_json_body()?, validator)?)
            }
            Input::Attendees => {
                to_json(&Attendees::from_json(&request.bounded_json_body()?, validator)?)
            }
            Input::Transcription => {
                to_json(&Transcription::from_json(&request.bounded_json_body()?, validator)?)
            }
        }
    }
}

/// The query for a page, encoded.
fn query(page: &Page) -> String {
    let max_results = page.max_results.map(|results| format!("max-results={results}"));
    let token = page.next_token.map(|token| utf8_percent_encode(token, RESERVED));
    let token = token.map(|token| format!("next-token={token}"));
    [max_results, token].into_iter().flatten().collect::<Vec<_>>().join("&")
}

/// The error for a meeting that is not the caller's, or has ended.
fn not_found() -> Error {
    Error::new(ErrorKind::NotFound, "The meeting has ended, or you did not create it here.")
}

/// Creates attendees of a meeting. The service recognizes existing ones by their `ExternalUserId`.
///
/// # Errors
/// The service's, translated: `NotFound` if the meeting has ended.
pub async fn create_attendees(
    client: &ChimeSdk,
    meeting_id: &Guid,
    attendees: &[Attendee],
    invocation: Invocation<'_>,
) -> Result<CreatedAttendees, Error> {
    let operation = &BATCH_CREATE_ATTENDEE;
    let target = operation.target(Some(meeting_id), None, "");
    let body = to_json(&Attendees { attendees: attendees.into() })?;
    let completed = client.send(operation.request(&target, &body), invocation).await;
    let created = completed.parse(|response| response::parse(&response)).record();
    created.map_err(|error| translate(operation, error))
}

/// Whether a deletion failed because an earlier attempt already deleted the resource, though its response was lost.
fn is_already_deleted(operation: &Operation, call: &RemoteCall) -> bool {
    operation.method == "DELETE"
        && call.failed_with == Some(ErrorKind::NotFound)
        && call.is_in_doubt
}

/// Translates the service's error to one that the legacy operation has.
fn translate(operation: &Operation, error: Error) -> Error {
    match (error.kind(), operation.handling) {
        (ErrorKind::NotFound, _) if operation.path.contains("{AttendeeId}") => {
            let message = "The meeting has ended, or it has no such attendee";
            Error::new(ErrorKind::NotFound, message).caused_by(error)
        }
        // The legacy operations have no such error, but it says that something is wrong with an attendee.
        (
            ErrorKind::UnprocessableEntity,
            Handling::Relay(Input::Attendee | Input::Attendees, _),
        ) => {
            let message = "The Amazon Chime SDK cannot process the request.";
            Error::bad_request(message).caused_by(error)
        }
        _ => operation.translate(error),
    }
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(Error::service_failure)
}
