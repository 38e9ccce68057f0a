//! What a client gets of a request that succeeds.

use serde::Serialize;

use crate::create_meeting::Answer;
use crate::error::Error;
use crate::meeting::Meeting;
use crate::relay::CreatedAttendees;

/// A response, and what telemetry reports of it.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The JSON, if there is any.
    pub body: Option<String>,
    /// What came of the request.
    pub outcome: Outcome,
    /// The meeting that was created or replayed.
    pub meeting_id: Option<String>,
    /// The members that were withheld from the Amazon Chime SDK. They are stored.
    pub not_sent: Vec<&'static str>,
}

/// What came of a request that succeeds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It created a meeting.
    Created,
    /// An earlier request created the meeting.
    Replayed,
    /// The Amazon Chime SDK has answered it.
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
    /// The meeting of `answer`, with its attendees if the operation creates them.
    ///
    /// # Errors
    /// `ServiceFailure` if it cannot be written as JSON.
    pub fn meeting(answer: Answer, attendees: Option<CreatedAttendees>) -> Result<Self, Error> {
        let Answer { meeting, replayed, not_sent } = answer;
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
