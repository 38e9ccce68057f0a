//! The result of a successful operation.

use serde::Serialize;

use crate::create_meeting::CreateMeetingOutput;
use crate::error::Error;
use crate::meeting::Meeting;
use crate::relay::CreatedAttendees;

/// A successful response, with what telemetry reports about it.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The JSON body, if there is one.
    pub body: Option<String>,
    /// What the request did.
    pub outcome: Outcome,
    /// The ID of the meeting that was created or replayed.
    pub meeting_id: Option<String>,
    /// The request members that were stored but not sent to the Amazon Chime SDK, by the API page's names.
    pub not_sent: Vec<&'static str>,
}

/// What a successful request did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It created a meeting.
    Created,
    /// It returned the meeting that an earlier request with the same token created.
    Replayed,
    /// It was forwarded to the Amazon Chime SDK.
    Relayed,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    meeting: &'a Meeting,
    #[serde(flatten)]
    attendees: Option<CreatedAttendees>,
}

impl Response {
    /// The response with a meeting, and with its attendees if the operation creates them.
    ///
    /// # Errors
    /// `ServiceFailure` if the body cannot be serialized.
    pub fn meeting(
        output: CreateMeetingOutput,
        attendees: Option<CreatedAttendees>,
    ) -> Result<Self, Error> {
        let CreateMeetingOutput { meeting, replayed, not_sent } = output;
        let body = serde_json::to_string(&Body { meeting: &meeting, attendees });
        Ok(Self {
            status: 201,
            body: Some(body.map_err(Error::service_failure)?),
            outcome: if replayed { Outcome::Replayed } else { Outcome::Created },
            meeting_id: Some(meeting.meeting_id),
            not_sent,
        })
    }
}
