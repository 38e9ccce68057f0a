//! The operations on meetings that exist: passed on to the Amazon Chime SDK, which has them at the same paths.
//!
//! Here is what differs between the two APIs: status codes, error names, queries, and some members.

mod answer;
mod target;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;

pub use self::answer::CreatedAttendees;
use crate::attempts::{self, ServiceCall};
use crate::chime_sdk::{ChimeSdk, Request, patterns};
use crate::error::{Error, ErrorKind};
use crate::gateway::{HttpRequest, Operation};
use crate::request::attendees::{Attendee, Attendees};
use crate::request::transcription::Transcription;
use crate::request::violations::Violations;
use crate::response::{Outcome, Response};

/// The longest body that is read, in bytes: a hundred attendees with ten of the longest tags each fit.
const LONGEST_BODY: usize = 2 * 1024 * 1024;

/// An operation that is passed on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[allow(missing_docs, reason = "the names are the API's")]
pub enum Relayed {
    GetMeeting,
    DeleteMeeting,
    CreateAttendee,
    BatchCreateAttendee,
    GetAttendee,
    ListAttendees,
    DeleteAttendee,
    StartMeetingTranscription,
    StopMeetingTranscription,
}

/// Passes operations on.
#[derive(Debug)]
pub struct Relay {
    client: Arc<ChimeSdk>,
}

impl Relay {
    /// Passes operations on by `client`.
    #[must_use]
    pub const fn new(client: Arc<ChimeSdk>) -> Self {
        Self { client }
    }

    /// Passes on the operation that `request` calls, and answers by `deadline`. What it takes is added to
    /// `calls`.
    ///
    /// # Errors
    /// `BadRequest` for what the Amazon Chime SDK would reject, as far as it is known, and the service's own
    /// errors, translated.
    pub async fn call(
        &self,
        operation: (&Operation, Relayed),
        request: &HttpRequest,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Response, Error> {
        let (Operation { name, method, selector, .. }, operation) = operation;
        let mut violations = Violations::default();
        let path = target::path(operation, selector, request, &mut violations);
        let body = operation.body(request, &mut violations)?;
        violations.or(())?;
        let call = Request { operation: name, method, path: &path, body: &body };
        let answer = match self.client.call(call, deadline, calls).await {
            Err(error) if operation.is_done(&error, calls) => Vec::new(),
            answer => answer.map_err(|error| operation.translate(error))?,
        };
        let body = answer::legacy(operation, answer);
        Ok(Response {
            status: operation.status(),
            body: body.inspect_err(|error| attempts::note_failure(calls, error))?,
            outcome: Outcome::Relayed,
            meeting_id: None,
            not_sent: Vec::new(),
        })
    }

    /// Creates attendees of the meeting with this ID, and returns the service's answer. Those who exist already
    /// are found by their `ExternalUserId`.
    ///
    /// # Errors
    /// The service's, translated. `NotFound` if the meeting has ended, `ServiceFailure` if the ID is none.
    pub async fn create_attendees(
        &self,
        meeting_id: &str,
        attendees: Vec<Attendee>,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<CreatedAttendees, Error> {
        // The ID comes from the table. What is not an ID must not get into a URL.
        if !patterns::is_id(meeting_id) {
            return Err(Error::service_failure("the item's MeetingId is not an ID"));
        }
        let operation = Relayed::BatchCreateAttendee;
        let path = format!("/meetings/{meeting_id}/attendees?operation=batch-create");
        let body = to_json(&Attendees { attendees })?;
        let name = "BatchCreateAttendee";
        let call = Request { operation: name, method: "POST", path: &path, body: &body };
        let answer = self.client.call(call, deadline, calls).await;
        let answer = answer.map_err(|error| operation.translate(error))?;
        answer::read(&answer).inspect_err(|error| attempts::note_failure(calls, error))
    }
}

impl Relayed {
    /// The status code in the legacy API.
    const fn status(self) -> u16 {
        match self {
            Self::CreateAttendee | Self::BatchCreateAttendee => 201,
            Self::DeleteMeeting | Self::DeleteAttendee => 204,
            _ => 200,
        }
    }

    /// The body to send, which is one only if `violations` stays empty.
    fn body(self, request: &HttpRequest, violations: &mut Violations) -> Result<Vec<u8>, Error> {
        match self {
            Self::CreateAttendee => to_json(&Attendee::from_json(&json(request)?, violations)?),
            Self::BatchCreateAttendee => {
                to_json(&Attendees::from_json(&json(request)?, violations)?)
            }
            Self::StartMeetingTranscription => {
                to_json(&Transcription::from_json(&json(request)?, violations)?)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the error means that an earlier attempt has deleted what the last one no longer finds.
    fn is_done(self, error: &Error, calls: &[ServiceCall]) -> bool {
        matches!(self, Self::DeleteMeeting | Self::DeleteAttendee)
            && error.kind() == ErrorKind::NotFound
            && calls.last().is_some_and(|call| call.attempts - call.throttles > 1)
    }

    /// The service's error as the legacy operation has it. One that neither API documents for the operation is
    /// the service's fault.
    fn translate(self, error: Error) -> Error {
        match error.kind() {
            ErrorKind::NotFound if matches!(self, Self::GetAttendee | Self::DeleteAttendee) => {
                let message = "The meeting has ended, or it has no such attendee";
                Error::new(ErrorKind::NotFound, message).caused_by(error)
            }
            ErrorKind::UnprocessableEntity => match self {
                Self::StartMeetingTranscription | Self::StopMeetingTranscription => error,
                Self::CreateAttendee | Self::BatchCreateAttendee => {
                    let message = "The Amazon Chime SDK cannot process the request.";
                    Error::bad_request(message).caused_by(error)
                }
                _ => Error::service_failure(error),
            },
            ErrorKind::ResourceLimitExceeded => match self {
                Self::CreateAttendee
                | Self::BatchCreateAttendee
                | Self::StartMeetingTranscription => error,
                _ => Error::service_failure(error),
            },
            _ => error,
        }
    }
}

/// The bytes of a JSON body of attendees or of a transcription.
///
/// # Errors
/// `BadRequest` if its content type is another, or it has more than 2 MiB.
pub fn json(request: &HttpRequest) -> Result<Cow<'_, [u8]>, Error> {
    let body = request.json()?;
    if body.len() > LONGEST_BODY {
        return Err(Error::bad_request(format!(
            "The request body must have at most {LONGEST_BODY} bytes, but has {}.",
            body.len()
        )));
    }
    Ok(body)
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(Error::service_failure)
}
