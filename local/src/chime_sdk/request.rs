//! A request: its operation and its input.

use hyper::HeaderMap;
use hyper::body::Bytes;
use serde_json::{Map, Value, json};

use super::error::Error;

/// A request as it was received.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "HTTP's own terms")]
pub struct Request {
    pub method: String,
    pub path: String,
    /// Without the question mark. Empty if there is none.
    pub query: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Request {
    /// The operation's name, or `UnknownOperation`.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        let path: Vec<_> = self.path.split('/').skip(1).collect();
        match (&self.method[..], &path[..], self.query("operation").as_deref()) {
            ("POST", ["meetings"], None) => "CreateMeeting",
            ("POST", ["meetings"], Some("create-attendees")) => "CreateMeetingWithAttendees",
            ("GET", ["meetings", _], None) => "GetMeeting",
            ("DELETE", ["meetings", _], None) => "DeleteMeeting",
            ("POST", ["meetings", _, "attendees"], None) => "CreateAttendee",
            ("POST", ["meetings", _, "attendees"], Some("batch-create")) => "BatchCreateAttendee",
            ("GET", ["meetings", _, "attendees"], None) => "ListAttendees",
            ("GET", ["meetings", _, "attendees", _], None) => "GetAttendee",
            ("DELETE", ["meetings", _, "attendees", _], None) => "DeleteAttendee",
            ("POST", ["meetings", _, "transcription"], Some("start")) => {
                "StartMeetingTranscription"
            }
            ("POST", ["meetings", _, "transcription"], Some("stop")) => "StopMeetingTranscription",
            _ => "UnknownOperation",
        }
    }

    /// The members of the operation's input, from body, path and query.
    pub(crate) fn input(&self) -> Result<Value, Error> {
        let mut input = self.body()?;
        for (member, segment) in [("MeetingId", 2), ("AttendeeId", 4)] {
            if let Some(id) = self.path.split('/').nth(segment) {
                input.insert(member.into(), id.into());
            }
        }
        if let Some(token) = self.query("next-token") {
            input.insert("NextToken".into(), token.into());
        }
        if let Some(results) = self.query("max-results") {
            let number = results.parse::<i64>().map_or(results.into(), Value::from);
            input.insert("MaxResults".into(), number);
        }
        Ok(input.into())
    }

    fn body(&self) -> Result<Map<String, Value>, Error> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        let mut body = serde_json::from_slice(&self.body)
            .map_err(|error| Error::new(400, "SerializationException", error.to_string()))?;
        remove_nulls(&mut body);
        match body {
            Value::Object(members) => Ok(members),
            _ => Err(Error::new(400, "SerializationException", "The body is not a JSON object.")),
        }
    }

    fn query(&self, name: &str) -> Option<String> {
        let mut parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    }

    /// The parts of the request that AWS's model describes.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "method": self.method,
            "path": self.path,
            "query": self.query,
            "body": String::from_utf8_lossy(&self.body),
        })
    }
}

/// A member that is `null` is absent.
fn remove_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(remove_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_nulls),
        _ => {}
    }
}
