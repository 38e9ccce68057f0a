//! The meetings, and the operations on them.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use super::media_placement;

/// The account that all meetings belong to.
const ACCOUNT: &str = "111122223333";

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

/// The meetings of one control Region, and the tokens that created them.
pub struct Region {
    pub name: String,
    pub meetings: Vec<Meeting>,
    /// The request and the meeting of each token.
    pub created: HashMap<String, (Value, Value)>,
    pub tokens: Tokens,
}

/// A meeting that has not ended.
pub struct Meeting {
    /// The meeting as responses contain it.
    pub description: Value,
    /// The attendees as responses contain them, in the order of their creation.
    pub attendees: BTreeMap<u64, Value>,
}

impl Region {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.into(),
            meetings: Vec::new(),
            created: HashMap::new(),
            tokens: Tokens::Remembered,
        }
    }

    pub fn create_meeting(&mut self, input: &Value) -> Result<Value, Error> {
        let token = input["ClientRequestToken"].as_str().unwrap_or_default();
        if let Some((request, meeting)) = self.created.get(token) {
            match self.tokens {
                Tokens::Compared if request != input => {
                    let message = format!("The ClientRequestToken {token} was used before.");
                    return Err(Error::bad_request(message));
                }
                Tokens::Remembered | Tokens::Compared => return Ok(json!({"Meeting": meeting})),
                Tokens::Ignored => {}
            }
        }
        let description = describe(input, &self.name)?;
        self.created.insert(token.into(), (input.clone(), description.clone()));
        let attendees = BTreeMap::new();
        self.meetings.push(Meeting { description: description.clone(), attendees });
        Ok(json!({"Meeting": description}))
    }

    pub fn get_meeting(&mut self, input: &Value) -> Result<Value, Error> {
        Ok(json!({"Meeting": self.meeting(input)?.description}))
    }

    pub fn delete_meeting(&mut self, input: &Value) -> Result<Value, Error> {
        self.meeting(input)?;
        self.meetings.retain(|meeting| meeting.description["MeetingId"] != input["MeetingId"]);
        Ok(Value::Null)
    }

    /// The meeting that an input names.
    pub fn meeting(&mut self, input: &Value) -> Result<&mut Meeting, Error> {
        let mut meetings = self.meetings.iter_mut();
        meetings
            .find(|meeting| meeting.description["MeetingId"] == input["MeetingId"])
            .ok_or_else(|| Error::not_found("The meeting has ended"))
    }
}

/// A new meeting. Members that the request lacks are null.
fn describe(input: &Value, region: &str) -> Result<Value, Error> {
    let id = Uuid::new_v4();
    let media_region = input["MediaRegion"].as_str().unwrap_or_default();
    let media_placement = media_placement::describe(media_region, id).ok_or_else(|| {
        Error::bad_request(format!("The MediaRegion {media_region} is not supported."))
    })?;
    Ok(json!({
        "MeetingId": id,
        "MeetingHostId": input["MeetingHostId"],
        "ExternalMeetingId": input["ExternalMeetingId"],
        "MediaRegion": media_region,
        "MediaPlacement": media_placement,
        "MeetingFeatures": input["MeetingFeatures"],
        "PrimaryMeetingId": input["PrimaryMeetingId"],
        "TenantIds": input["TenantIds"],
        "MeetingArn": format!("arn:aws:chime:{region}:{ACCOUNT}:meeting/{id}"),
    }))
}
