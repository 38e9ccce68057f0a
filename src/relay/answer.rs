//! What the Amazon Chime SDK answers, in the legacy form.
//!
//! Attendees are passed on as they came: legacy clients ignore the members that they do not know.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::Relayed;
use crate::error::Error;
use crate::meeting::MediaPlacement;
use crate::request::NO_EXTERNAL_MEETING_ID;

/// The attendees that were created, and why others were not. Both are as the service returned them.
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
struct AttendeeAnswer {
    attendee: Attendee,
}

/// An attendee, as far as every answer has it.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Attendee {
    #[serde(rename = "AttendeeId")]
    _attendee_id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttendeesAnswer {
    #[serde(rename = "Attendees", deserialize_with = "null_is_empty")]
    _attendees: Vec<Attendee>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MeetingAnswer {
    meeting: LegacyMeeting,
}

/// The members that the legacy API has.
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

/// The body of the legacy answer, if it has one.
///
/// # Errors
/// `ServiceFailure` if the service's answer is not one of `operation`.
pub fn legacy(operation: Relayed, answer: Vec<u8>) -> Result<Option<String>, Error> {
    match operation {
        Relayed::GetMeeting => {
            let MeetingAnswer { mut meeting } = read(&answer)?;
            meeting.external_meeting_id =
                meeting.external_meeting_id.filter(|id| !id.starts_with(NO_EXTERNAL_MEETING_ID));
            let answer = serde_json::to_string(&MeetingAnswer { meeting });
            answer.map(Some).map_err(Error::service_failure)
        }
        Relayed::CreateAttendee | Relayed::GetAttendee => {
            let AttendeeAnswer { attendee: Attendee { .. } } = read(&answer)?;
            unchanged(answer)
        }
        Relayed::BatchCreateAttendee | Relayed::ListAttendees => {
            let AttendeesAnswer { .. } = read(&answer)?;
            unchanged(answer)
        }
        Relayed::DeleteMeeting | Relayed::DeleteAttendee => Ok(None),
        // The legacy API answers no members.
        Relayed::StartMeetingTranscription | Relayed::StopMeetingTranscription => {
            Ok(Some("{}".into()))
        }
    }
}

/// Reads an answer of the service.
///
/// # Errors
/// `ServiceFailure`, without serde's own words, which may quote a sensitive value.
pub fn read<'a, T: Deserialize<'a>>(answer: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(answer)
        .map_err(|_| Error::service_failure("chime-sdk-meetings answered what cannot be read"))
}

fn unchanged(answer: Vec<u8>) -> Result<Option<String>, Error> {
    String::from_utf8(answer).map(Some).map_err(Error::service_failure)
}

/// An empty list may be null.
fn null_is_empty<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    list: D,
) -> Result<Vec<T>, D::Error> {
    Ok(Option::deserialize(list)?.unwrap_or_default())
}
