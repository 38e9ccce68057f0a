//! The Amazon Chime SDK, as a value. What AWS does not document, how long it remembers a token, is up to the explorer.

use serde_json::{Value, json};

use crate::function::{Observation, Request};
use crate::names::Name;
use crate::scenario::Tick;

/// The meetings in the order of their creation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ChimeSdk(pub Vec<Meeting>);

/// A meeting.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Meeting {
    /// The token that created it.
    pub token: String,
    /// Its `ExternalMeetingId`.
    pub external_id: String,
    /// When it was created.
    pub created: Tick,
    /// Whether the service remembers the token.
    pub is_remembered: bool,
    /// When it ended, if it did.
    pub ended: Option<Tick>,
}

impl ChimeSdk {
    /// The ID of a meeting.
    #[must_use]
    pub fn id(index: usize) -> Name {
        Name(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// When the meeting with this ID ended, if it did.
    #[must_use]
    pub fn ended(&self, id: Name) -> Option<Tick> {
        self.0.get(id.0 as usize)?.ended
    }

    /// Whether the meeting with this ID has ended.
    #[must_use]
    pub fn has_ended(&self, id: Name) -> bool {
        self.ended(id).is_some()
    }

    /// Performs a request.
    pub fn perform(&mut self, request: &Request, clock: Tick) -> Observation {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let path = request.target.trim_start_matches("/meetings");
        if path.is_empty() {
            return self.create(&body, clock);
        }
        let found = named(request).filter(|index| self.0[*index].ended.is_none());
        let Some(index) = found else { return not_found() };
        match (&*request.method, path.ends_with("/attendees?operation=batch-create")) {
            ("GET", _) => self.describe(index),
            ("DELETE", _) => {
                self.0[index].ended = Some(clock);
                Observation::Response(204, String::new())
            }
            ("POST", true) => respond(200, &json!({"Attendees": [], "Errors": []})),
            _ => respond(404, &json!({"Code": "UnknownOperation"})),
        }
    }

    fn create(&mut self, body: &Value, clock: Tick) -> Observation {
        let token = body["ClientRequestToken"].as_str().unwrap_or_default();
        let known = self.0.iter().rposition(|it| it.token == token && it.is_remembered);
        let index = known.unwrap_or_else(|| {
            let token = token.into();
            let external_id = body["ExternalMeetingId"].as_str().unwrap_or_default().into();
            self.0.push(Meeting {
                token,
                external_id,
                created: clock,
                is_remembered: true,
                ended: None,
            });
            self.0.len() - 1
        });
        self.describe(index)
    }

    fn describe(&self, index: usize) -> Observation {
        let urls = json!({"AudioHostUrl": "audio.test", "SignalingUrl": "wss://signal.test"});
        let meeting = json!({
            "MeetingId": Self::id(index).to_string(),
            "ExternalMeetingId": self.0[index].external_id,
            "MediaRegion": "us-east-1",
            "MediaPlacement": urls,
        });
        respond(200, &json!({"Meeting": meeting}))
    }
}

/// The response about a meeting that has ended, or that the service does not know yet.
#[must_use]
pub fn not_found() -> Observation {
    respond(404, &json!({"Code": "NotFound", "Message": "The meeting has ended"}))
}

/// The number of the meeting that a request names.
#[must_use]
pub fn named(request: &Request) -> Option<usize> {
    let id = request.target.strip_prefix("/meetings/")?.split('/').next()?;
    Name::read(id).map(|id| id.0 as usize)
}

fn respond(status: u16, body: &Value) -> Observation {
    Observation::Response(status, body.to_string())
}
