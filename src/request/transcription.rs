//! The transcription that a client asks for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::violations::{Violations, parse_body};
use crate::error::Error;

/// A transcription to start, as the Amazon Chime SDK is asked for it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Transcription<'a> {
    /// The service checks it.
    #[serde(borrow)]
    pub transcription_configuration: Option<&'a RawValue>,
}

impl<'a> Transcription<'a> {
    /// The transcription that a body of `StartMeetingTranscription` holds. It is valid only if `violations`
    /// stays empty.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object.
    pub fn from_json(body: &'a [u8], violations: &mut Violations) -> Result<Self, Error> {
        let transcription: Self = parse_body(body)?;
        if transcription.transcription_configuration.is_none() {
            violations.note(&"transcriptionConfiguration", "not be null");
        }
        Ok(transcription)
    }
}
