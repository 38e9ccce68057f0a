//! Operations on transcriptions. These meetings have no audio, so nothing is transcribed.

use serde_json::Value;

use super::error::Error;
use super::meetings::Region;

impl Region {
    pub fn start_meeting_transcription(&mut self, input: &Value) -> Result<Value, Error> {
        self.meeting(input)?;
        let settings = input["TranscriptionConfiguration"].as_object();
        if settings.is_none_or(|settings| {
            !settings.contains_key("EngineTranscribeSettings")
                && !settings.contains_key("EngineTranscribeMedicalSettings")
        }) {
            let message = "TranscriptionConfiguration must contain EngineTranscribeSettings or \
                           EngineTranscribeMedicalSettings.";
            return Err(Error::bad_request(message));
        }
        Ok(Value::Null)
    }

    pub fn stop_meeting_transcription(&mut self, input: &Value) -> Result<Value, Error> {
        self.meeting(input)?;
        Ok(Value::Null)
    }
}
