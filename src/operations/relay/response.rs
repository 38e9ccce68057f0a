//! The Amazon Chime SDK's responses, translated to the legacy API.
//!
//! Attendees are returned unchanged: legacy clients ignore unknown members.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use crate::error::Error;
use crate::meeting::MediaPlacement;
use crate::operation::Output;
use crate::request::create_meeting::NO_EXTERNAL_MEETING_ID;

/// The attendees that were created, and the errors for the others, as the service returned them.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are the API's")]
pub struct CreatedAttendees {
    #[serde(deserialize_with = "null_is_empty")]
    pub attendees: Vec<Box<RawValue>>,
    #[serde(default, deserialize_with = "null_is_empty")]
    pub errors: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttendeeResponse {
    attendee: Attendee,
}

/// The member that every attendee has.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attendee {
    #[serde(rename = "AttendeeId")]
    _attendee_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttendeesResponse {
    #[serde(rename = "Attendees", deserialize_with = "null_is_empty")]
    _attendees: Vec<Attendee>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MeetingResponse {
    meeting: LegacyMeeting,
}

/// A meeting with the members that the legacy API has.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LegacyMeeting {
    meeting_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_meeting_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_region: Option<String>,
    media_placement: MediaPlacement,
}

/// The body of the legacy API's response, if it has one.
///
/// # Errors
/// `ServiceFailure` if `response` is not what an operation with this output returns.
pub fn to_legacy(output: Output, response: Vec<u8>) -> Result<Option<String>, Error> {
    match output {
        Output::Nothing => Ok(None),
        Output::Empty => Ok(Some("{}".into())),
        Output::Meeting => {
            let MeetingResponse { mut meeting } = parse(&response)?;
            meeting.external_meeting_id =
                meeting.external_meeting_id.filter(|id| !id.starts_with(NO_EXTERNAL_MEETING_ID));
            let body = serde_json::to_string(&MeetingResponse { meeting });
            body.map(Some).map_err(Error::service_failure)
        }
        Output::Attendee => {
            let AttendeeResponse { attendee: Attendee { .. } } = parse(&response)?;
            unchanged(response)
        }
        Output::Attendees => {
            let AttendeesResponse { .. } = parse(&response)?;
            unchanged(response)
        }
    }
}

/// Parses a response of the service.
///
/// # Errors
/// `ServiceFailure`, without serde's message, which may quote a sensitive value.
pub fn parse<'a, T: Deserialize<'a>>(response: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(response)
        .map_err(|_| Error::service_failure("chime-sdk-meetings returned an unexpected body"))
}

fn unchanged(response: Vec<u8>) -> Result<Option<String>, Error> {
    String::from_utf8(response).map(Some).map_err(Error::service_failure)
}

/// Parses a list that may be null if it is empty.
fn null_is_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    list: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(list)?.unwrap_or_default())
}
