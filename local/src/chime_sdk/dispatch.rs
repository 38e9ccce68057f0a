//! The dispatch of a request to its operation.

use serde_json::Value;

use super::error::Error;
use super::meetings::Region;
use super::request::Request;
use super::validation::Validation;

/// Performs the operation of a request, and returns its output, which may be null.
pub fn perform(
    region: &mut Region,
    validation: &Validation,
    request: &Request,
) -> Result<Value, Error> {
    let operation = request.operation();
    let input = request.input()?;
    validation.check(operation, &input)?;
    match operation {
        "CreateMeeting" => region.create_meeting(&input),
        "CreateMeetingWithAttendees" => region.create_meeting_with_attendees(&input),
        "GetMeeting" => region.get_meeting(&input),
        "DeleteMeeting" => region.delete_meeting(&input),
        "CreateAttendee" => region.create_attendee(&input),
        "BatchCreateAttendee" => region.batch_create_attendee(&input),
        "GetAttendee" => region.get_attendee(&input),
        "ListAttendees" => region.list_attendees(&input),
        "DeleteAttendee" => region.delete_attendee(&input),
        "StartMeetingTranscription" => region.start_meeting_transcription(&input),
        "StopMeetingTranscription" => region.stop_meeting_transcription(&input),
        _ => Err(Error::new(404, "UnknownOperationException", "This operation is not served.")),
    }
}
