//! The Amazon Chime SDK, as a value. What AWS does not document, how long it remembers a token, is up to the explorer.

use serde_json::{Value, json};

use crate::function::{Observation, Request};
use crate::names::Name;

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
    /// Whether the service remembers the token.
    pub is_remembered: bool,
    /// Whether it has ended.
    pub has_ended: bool,
}

impl ChimeSdk {
    /// The ID of a meeting.
    #[must_use]
    pub fn id(index: usize) -> Name {
        Name(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Whether the meeting with this ID has ended.
    #[must_use]
    pub fn has_ended(&self, id: Name) -> bool {
        self.0.get(id.0 as usize).is_some_and(|meeting| meeting.has_ended)
    }

    /// Performs a request.
    pub fn perform(&mut self, request: &Request) -> Observation {
        let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
        let path = request.target.trim_start_matches("/meetings").trim_start_matches('/');
        if path.is_empty() {
            return self.create(&body);
        }
        let id = path.split('/').next().and_then(Name::read).map(|id| id.0 as usize);
        let found = id.filter(|index| self.0.get(*index).is_some_and(|it| !it.has_ended));
        let Some(index) = found else {
            return respond(404, &json!({"Code": "NotFound", "Message": "The meeting has ended"}));
        };
        match (&*request.method, path.ends_with("/attendees?operation=batch-create")) {
            ("GET", _) => {
                respond(200, &json!({"Meeting": {"MeetingId": Self::id(index).to_string()}}))
            }
            ("DELETE", _) => {
                self.0[index].has_ended = true;
                Observation::Response(204, String::new())
            }
            ("POST", true) => respond(200, &json!({"Attendees": [], "Errors": []})),
            _ => respond(404, &json!({"Code": "UnknownOperation"})),
        }
    }

    fn create(&mut self, body: &Value) -> Observation {
        let token = body["ClientRequestToken"].as_str().unwrap_or_default();
        let known = self.0.iter().rposition(|it| it.token == token && it.is_remembered);
        let index = known.unwrap_or_else(|| {
            let token = token.into();
            let external_id = body["ExternalMeetingId"].as_str().unwrap_or_default().into();
            self.0.push(Meeting { token, external_id, is_remembered: true, has_ended: false });
            self.0.len() - 1
        });
        let urls = json!({"AudioHostUrl": "audio.test", "SignalingUrl": "wss://signal.test"});
        let meeting = json!({
            "MeetingId": Self::id(index).to_string(),
            "ExternalMeetingId": self.0[index].external_id,
            "MediaRegion": body["MediaRegion"],
            "MediaPlacement": urls,
        });
        respond(200, &json!({"Meeting": meeting}))
    }
}

fn respond(status: u16, body: &Value) -> Observation {
    Observation::Response(status, body.to_string())
}
