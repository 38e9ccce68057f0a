//! Events as API Gateway and function URLs send them: the files in `events/`, and variations
//! of those that create a meeting.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

/// The caller's account in the events.
pub const CALLER: &str = "111122223333";

#[derive(Clone, Debug)]
pub struct Event(pub Value);

impl Event {
    /// The event in `events/{name}.json`.
    pub fn named(name: &str) -> Self {
        let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// A REST API's `CreateMeeting`, by an IAM caller.
    pub fn rest() -> Self {
        Self::named("create-meeting")
    }

    /// An HTTP API's `CreateMeeting`, by an IAM caller.
    pub fn http() -> Self {
        Self::named("create-meeting-http-api")
    }

    /// A function URL's `CreateMeeting`, by an IAM caller.
    pub fn url() -> Self {
        Self::named("create-meeting-function-url")
    }

    /// A `CreateMeeting` of each source, by an IAM caller. Their tokens differ.
    pub fn of_each_source() -> [Self; 3] {
        [Self::rest(), Self::http(), Self::url()]
    }

    /// A REST API's event with the request `members`.
    pub fn create(members: &Value) -> Self {
        Self::rest().members(members)
    }

    /// The same request, written differently.
    pub fn replay(self) -> Self {
        let request = r#"
            {
                "MediaRegion": "us-east-1",
                "Tags": null,
                "ExternalMeetingId": "standup",
                "ClientRequestToken": "TOKEN"
            }
        "#;
        let token = self.token("standup");
        self.body(&request.replace("TOKEN", &token))
    }

    /// Another request with the same token.
    pub fn mismatch(self) -> Self {
        let token = self.token("standup");
        self.members(&json!({
            "ClientRequestToken": token,
            "ExternalMeetingId": "retrospective",
            "MediaRegion": "eu-west-1",
        }))
    }

    /// A request with all members.
    pub fn full(self) -> Self {
        let token = self.token("all-hands");
        self.members(&json!({
            "ClientRequestToken": token,
            "ExternalMeetingId": "all-hands-42",
            "MediaRegion": "eu-central-1",
            "MeetingHostId": "host-7",
            "NotificationsConfiguration": {
                "SnsTopicArn": "arn:aws:sns:eu-central-1:111122223333:meetings",
                "SqsQueueArn": "arn:aws:sqs:eu-central-1:111122223333:meetings",
            },
            "Tags": [
                {"Key": "team", "Value": "platform"},
                {"Key": "cost-center", "Value": "k-4711"},
            ],
        }))
    }

    /// A request that violates four constraints.
    pub fn invalid(self) -> Self {
        self.members(&json!({
            "ClientRequestToken": "no spaces",
            "ExternalMeetingId": "x",
            "MediaRegion": "mars-north-1",
            "Tags": [],
        }))
    }

    /// A request in Base64.
    pub fn base64(self) -> Self {
        let token = self.token("base64");
        let request = json!({"ClientRequestToken": token, "ExternalMeetingId": "café 📅"});
        self.body(&BASE64_STANDARD.encode(request.to_string())).set("/isBase64Encoded", json!(true))
    }

    /// Without an IAM identity. The owner's account remains.
    pub fn anonymous(mut self) -> Self {
        if let Some(identity) = self.0.pointer_mut("/requestContext/identity") {
            for name in ["accessKey", "accountId", "caller", "principalOrgId", "user", "userArn"] {
                identity[name] = json!(null);
            }
        } else {
            self.0["requestContext"].as_object_mut().unwrap().remove("authorizer").unwrap();
        }
        self
    }

    pub fn body(self, body: &str) -> Self {
        self.set("/body", json!(body))
    }

    /// Sets the value at a JSON pointer, which must exist.
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        *self.0.pointer_mut(pointer).unwrap() = value;
        self
    }

    fn members(self, members: &Value) -> Self {
        self.body(&members.to_string())
    }

    /// The token of the event's request, for a meeting about `subject`.
    fn token(&self, subject: &str) -> String {
        let request: Value = serde_json::from_str(self.0["body"].as_str().unwrap()).unwrap();
        request["ClientRequestToken"].as_str().unwrap().replace("standup", subject)
    }
}
