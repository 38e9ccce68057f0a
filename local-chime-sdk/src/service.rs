//! The service's state, and the dispatch of its operations.

use std::collections::HashMap;

use serde_json::Value;

use crate::error::Error;
use crate::meetings::Meeting;
use crate::request::Request;
use crate::validation::Validation;

/// What a repeated `ClientRequestToken` means. AWS documents neither how long it remembers a token nor
/// what a repeated one returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tokens {
    /// The meeting that it created, even if the request differs or the meeting has ended.
    Remembered,
    /// The meeting that it created. A request that differs is rejected.
    Compared,
    /// Nothing: every request creates a meeting.
    Ignored,
}

/// The meetings of one control Region.
pub struct Service {
    pub region: String,
    pub meetings: Vec<Meeting>,
    /// The request and the meeting of each token.
    pub created: HashMap<String, (Value, Value)>,
    pub tokens: Tokens,
    validation: Validation,
}

impl Service {
    pub fn new(region: &str) -> beside::Result<Self> {
        Ok(Self {
            region: region.into(),
            meetings: Vec::new(),
            created: HashMap::new(),
            tokens: Tokens::Remembered,
            validation: Validation::load()?,
        })
    }

    /// Performs the operation of a request, and returns its output, which may be null.
    pub fn perform(&mut self, request: &Request) -> Result<Value, Error> {
        let operation = request.operation();
        let input = request.input()?;
        self.validation.check(operation, &input)?;
        match operation {
            "CreateMeeting" => self.create_meeting(&input),
            "CreateMeetingWithAttendees" => self.create_meeting_with_attendees(&input),
            "GetMeeting" => self.get_meeting(&input),
            "DeleteMeeting" => self.delete_meeting(&input),
            "CreateAttendee" => self.create_attendee(&input),
            "BatchCreateAttendee" => self.batch_create_attendee(&input),
            "GetAttendee" => self.get_attendee(&input),
            "ListAttendees" => self.list_attendees(&input),
            "DeleteAttendee" => self.delete_attendee(&input),
            "StartMeetingTranscription" => self.start_meeting_transcription(&input),
            "StopMeetingTranscription" => self.stop_meeting_transcription(&input),
            _ => Err(Error::new(404, "UnknownOperationException", "This operation is not served.")),
        }
    }
}
