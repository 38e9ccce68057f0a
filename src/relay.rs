//! Operations on existing meetings: forwarded to the Amazon Chime SDK, which has them at the same paths.
//!
//! This module translates between the two APIs: status codes, error names, queries, and some members.

mod path;
mod response;

use std::borrow::Cow;
use std::sync::Arc;

use serde::Serialize;
use tokio::time::Instant;

pub use self::response::CreatedAttendees;
use crate::attempts::ServiceCall;
use crate::caller::AuthorizedAccount;
use crate::chime_sdk::{ChimeSdk, Request, patterns};
use crate::error::{Error, ErrorKind};
use crate::gateway::{HttpRequest, Operation, Route};
use crate::request::attendees::{Attendee, Attendees};
use crate::request::transcription::Transcription;
use crate::request::validation::ValidationErrors;
use crate::response::{Outcome, Response};

/// Maximum size of a request body in bytes. A hundred attendees with ten tags of maximum length each fit.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// An operation that is forwarded.
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

/// Forwards operations to the Amazon Chime SDK. It requires an [`AuthorizedAccount`] only as a proof of authorization,
/// because the service does not know the callers.
#[derive(Debug)]
pub struct Relay {
    client: Arc<ChimeSdk>,
}

impl Relay {
    /// Forwards operations with `client`.
    #[must_use]
    pub const fn new(client: Arc<ChimeSdk>) -> Self {
        Self { client }
    }

    /// Forwards the operation of `route`, and returns the response by `deadline`. The calls of remote services are added to
    /// `calls`.
    ///
    /// # Errors
    /// `BadRequest` for a request that the Amazon Chime SDK is known to reject, and the service's errors, translated.
    pub async fn call(
        &self,
        _account: AuthorizedAccount<'_>,
        route: &Route<'_>,
        relayed: Relayed,
        request: &HttpRequest,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Response, Error> {
        let Operation { name, method, .. } = *route.operation;
        let mut errors = ValidationErrors::default();
        let path = path::path_and_query(route, relayed, request, &mut errors);
        let body = relayed.body(request, &mut errors)?;
        errors.into_result(())?;
        let call = Request { operation: name, method, path: &path, body: &body };
        let mut completed = self.client.call(call, deadline).await;
        // For the client, the deletion succeeded. Telemetry keeps the call's error.
        if relayed.is_already_deleted(&completed.call) {
            completed.result = Ok(Vec::new());
        }
        let completed = completed.parse(|response| response::to_legacy(relayed, response));
        let body = completed.record(calls).map_err(|error| relayed.translate(error))?;
        Ok(Response {
            status: relayed.status(),
            body,
            outcome: Outcome::Relayed,
            meeting_id: None,
            not_sent: Vec::new(),
        })
    }

    /// Creates attendees of the meeting with this ID. The service recognizes existing ones by their `ExternalUserId`.
    ///
    /// # Errors
    /// The service's, translated: `NotFound` if the meeting has ended. `ServiceFailure` if the meeting ID is malformed.
    pub async fn create_attendees(
        &self,
        _account: AuthorizedAccount<'_>,
        meeting_id: &str,
        attendees: Vec<Attendee>,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<CreatedAttendees, Error> {
        // The ID comes from the table. Anything but an ID must not get into a URL.
        if !patterns::is_id(meeting_id) {
            return Err(Error::service_failure("the stored MeetingId is not a valid ID"));
        }
        let operation = Relayed::BatchCreateAttendee;
        let path = format!("/meetings/{meeting_id}/attendees?operation=batch-create");
        let body = to_json(&Attendees { attendees })?;
        let name = "BatchCreateAttendee";
        let call = Request { operation: name, method: "POST", path: &path, body: &body };
        let completed = self.client.call(call, deadline).await;
        let completed = completed.parse(|response| response::parse(&response));
        completed.record(calls).map_err(|error| operation.translate(error))
    }
}

impl Relayed {
    /// The status code of the legacy API.
    const fn status(self) -> u16 {
        match self {
            Self::CreateAttendee | Self::BatchCreateAttendee => 201,
            Self::DeleteMeeting | Self::DeleteAttendee => 204,
            _ => 200,
        }
    }

    /// The body to send. It is valid only if `errors` stays empty.
    fn body(self, request: &HttpRequest, errors: &mut ValidationErrors) -> Result<Vec<u8>, Error> {
        match self {
            Self::CreateAttendee => to_json(&Attendee::from_json(&json_body(request)?, errors)?),
            Self::BatchCreateAttendee => {
                to_json(&Attendees::from_json(&json_body(request)?, errors)?)
            }
            Self::StartMeetingTranscription => {
                to_json(&Transcription::from_json(&json_body(request)?, errors)?)
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Whether the call failed because an earlier attempt already deleted the resource, though its response was lost. A
    /// throttled attempt cannot have deleted anything, so it does not count.
    fn is_already_deleted(self, call: &ServiceCall) -> bool {
        matches!(self, Self::DeleteMeeting | Self::DeleteAttendee)
            && call.failed_with == Some(ErrorKind::NotFound)
            && call.attempts - call.throttles > 1
    }

    /// Translates the service's error to one that the legacy operation has. An error that neither API documents for the
    /// operation is a server-side fault.
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

/// The JSON body of a request with attendees or a transcription.
///
/// # Errors
/// Those of [`HttpRequest::json_body`], and `BadRequest` if the body has more than 2 MiB.
pub fn json_body(request: &HttpRequest) -> Result<Cow<'_, [u8]>, Error> {
    let body = request.json_body()?;
    if body.len() > MAX_BODY {
        return Err(Error::bad_request(format!(
            "The request body must have at most {MAX_BODY} bytes, but has {}.",
            body.len()
        )));
    }
    Ok(body)
}

fn to_json(body: &impl Serialize) -> Result<Vec<u8>, Error> {
    serde_json::to_vec(body).map_err(Error::service_failure)
}
