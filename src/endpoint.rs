//! What is served, and to whom.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::attempts::ServiceCall;
use crate::caller::AllowedCallers;
use crate::create_meeting::CreateMeeting;
use crate::create_meeting_with_attendees;
use crate::error::Error;
use crate::gateway::{HttpRequest, Operation, Service};
use crate::meeting::MediaRegion;
use crate::relay::{self, Relay};
use crate::request::CreateMeetingRequest;
use crate::response::Response;

/// The operations, ready to be called.
#[derive(Debug)]
pub struct Endpoint {
    /// Who may call them.
    pub allowed_callers: AllowedCallers,
    /// The one that needs no Amazon Chime SDK.
    pub create_meeting: CreateMeeting,
    /// The others, if there is one.
    pub relay: Option<Relay>,
}

impl Endpoint {
    /// Serves `request`, which calls `operation`. It is `now`, and there is an answer by `deadline`. What it
    /// takes is added to `calls`. The media Region that a meeting is wanted in is known before the answer.
    ///
    /// # Errors
    /// `UnauthorizedClient` and `Forbidden` for a caller who may not call, `BadRequest` for an operation that is
    /// not served, and the operation's own.
    pub async fn call(
        &self,
        operation: &Operation,
        request: &HttpRequest,
        (now, deadline): (SystemTime, Instant),
        media_region: &mut Option<MediaRegion>,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Response, Error> {
        let account_id = self.allowed_callers.admit(&request.caller)?;
        match (operation.service, &self.relay) {
            (Service::Create, _) => {
                let wanted = CreateMeetingRequest::from_json(&request.json()?)?;
                *media_region = Some(wanted.media_region);
                let answer =
                    self.create_meeting.call(account_id, wanted, now, deadline, calls).await?;
                Response::meeting(answer, None)
            }
            // Boxed, so that the future of the operation above stays small.
            (Service::CreateWithAttendees, Some(relay)) => {
                Box::pin(async {
                    let body = relay::json(request)?;
                    let wanted = CreateMeetingRequest::with_attendees_from_json(&body)?;
                    *media_region = Some(wanted.0.media_region);
                    let operations = (&self.create_meeting, relay);
                    let (answer, attendees) = create_meeting_with_attendees::call(
                        operations, account_id, wanted, now, deadline, calls,
                    )
                    .await?;
                    Response::meeting(answer, Some(attendees))
                })
                .await
            }
            (Service::Relay(relayed), Some(relay)) => {
                Box::pin(relay.call((operation, relayed), request, deadline, calls)).await
            }
            (Service::Missing(reason), Some(_)) => Err(not_supported(operation, reason)),
            (_, None) => {
                Err(not_supported(operation, "It supports CreateMeeting (POST /meetings) only."))
            }
        }
    }
}

fn not_supported(operation: &Operation, reason: &str) -> Error {
    Error::bad_request(format!("This endpoint does not support {}. {reason}", operation.name))
}
