//! The parameters of `StartMeetingTranscription`.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::validation::{Validator, parse_body};
use crate::error::Error;

/// A transcription to start, in the form that the Amazon Chime SDK expects.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Transcription<'a> {
    /// The configuration, which only the service validates.
    #[serde(borrow)]
    pub transcription_configuration: Option<&'a RawValue>,
}

impl<'a> Transcription<'a> {
    /// Parses a body of `StartMeetingTranscription`.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object.
    pub fn from_json(body: &'a [u8], validator: &mut Validator) -> Result<Self, Error> {
        let transcription: Self = parse_body(body)?;
        if transcription.transcription_configuration.is_none() {
            validator.violated("transcriptionConfiguration", "not be null");
        }
        Ok(transcription)
    }
}
