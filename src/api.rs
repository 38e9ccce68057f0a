//! The API: authorizes the caller and dispatches to the operation.
//!
//! The gateway calls operations only through [`Api::call`], which authorizes the caller first.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::attempts::ServiceCall;
use crate::caller::AllowedCallers;
use crate::create_meeting::CreateMeeting;
use crate::create_meeting_with_attendees;
use crate::error::Error;
use crate::gateway::{Handler, HttpRequest, Operation, Route};
use crate::meeting::MediaRegion;
use crate::relay::{self, Relay};
use crate::request::CreateMeetingRequest;
use crate::response::Response;

/// The operations, and who may call them.
#[derive(Debug)]
pub struct Api {
    /// Who may call.
    pub allowed_callers: AllowedCallers,
    /// The operation that every media plane supports.
    pub create_meeting: CreateMeeting,
    /// The operations on existing meetings. Only the media plane `chime-sdk-meetings` has them.
    pub relay: Option<Relay>,
}

/// An invocation of an operation: its time limit, and what it reports for telemetry, even if it fails.
#[derive(Debug)]
pub struct Invocation {
    /// When the request arrived.
    pub now: SystemTime,
    /// By when the response must be ready.
    pub deadline: Instant,
    /// The media Region of the meeting to create, once the request is parsed.
    pub media_region: Option<MediaRegion>,
    /// The calls of remote services.
    pub calls: Vec<ServiceCall>,
}

impl Api {
    /// Performs the operation of `route` for the caller of `request`.
    ///
    /// # Errors
    /// `UnauthorizedClient` or `Forbidden` if the caller is not allowed, `BadRequest` for an unsupported operation,
    /// and the errors of the operation.
    pub async fn call(
        &self,
        route: &Route<'_>,
        request: &HttpRequest,
        invocation: &mut Invocation,
    ) -> Result<Response, Error> {
        let Invocation { now, deadline, ref mut media_region, ref mut calls } = *invocation;
        let account = self.allowed_callers.authorize(&request.caller)?;
        let operation = route.operation;
        match (operation.handler, &self.relay) {
            (Handler::Create, _) => {
                let input = CreateMeetingRequest::from_json(&request.json_body()?)?;
                *media_region = Some(input.media_region);
                let output = self.create_meeting.call(account, input, now, deadline, calls).await?;
                Response::meeting(output, None)
            }
            // Boxed to keep the future of the operation above small.
            (Handler::CreateWithAttendees, Some(relay)) => {
                Box::pin(async {
                    let body = relay::json_body(request)?;
                    let input = CreateMeetingRequest::with_attendees_from_json(&body)?;
                    *media_region = Some(input.0.media_region);
                    let operations = (&self.create_meeting, relay);
                    let (output, attendees) = create_meeting_with_attendees::call(
                        operations, account, input, now, deadline, calls,
                    )
                    .await?;
                    Response::meeting(output, Some(attendees))
                })
                .await
            }
            (Handler::Relay(relayed), Some(relay)) => {
                Box::pin(relay.call(account, route, relayed, request, deadline, calls)).await
            }
            (Handler::Unsupported(reason), Some(_)) => Err(unsupported(operation, reason)),
            (_, None) => {
                Err(unsupported(operation, "It supports CreateMeeting (POST /meetings) only."))
            }
        }
    }
}

fn unsupported(operation: &Operation, reason: &str) -> Error {
    Error::bad_request(format!("This endpoint does not support {}. {reason}", operation.name))
}
