//! The operations that follow `CreateMeeting`: requests to the service and responses to the client.

mod callers;
mod constraints;
pub mod errors;
mod faults;
mod operations;
mod paging;
mod telemetry;

use serde_json::json;
use uuid::Uuid;

use crate::support::{Call, Chime, DynamoDb, Event, Function, Reply, Source};

/// The function and a meeting.
pub struct World {
    pub dynamodb: DynamoDb,
    pub chime: Chime,
    pub function: Function,
    pub meeting_id: String,
}

impl World {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(settings: &[(&str, &str)]) -> Self {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, settings).await;
        let mut world = Self { dynamodb, chime, function, meeting_id: String::new() };
        world.create_meeting().await;
        world
    }

    /// Creates another meeting, which all later paths refer to.
    pub async fn create_meeting(&mut self) {
        let members = json!({"ClientRequestToken": Uuid::new_v4(), "ExternalMeetingId": "standup"});
        let event = Event::create(&members);
        let mut reply = self.function.invoke(&event).await;
        // Retry like all SDKs: on a busy machine, the service may be unavailable.
        while reply.status == 503 {
            reply = self.function.invoke(&event).await;
        }
        self.meeting_id = reply.meeting_id();
        self.chime.take();
        self.dynamodb.take_requests();
    }

    /// The reply to a call of a REST API.
    pub async fn call(&self, call: &Call) -> Reply {
        self.function.invoke(&call.event(Source::RestRoute)).await
    }

    /// The meeting's path, followed by `rest`.
    pub fn path(&self, rest: &str) -> String {
        format!("/meetings/{}{rest}", self.meeting_id)
    }

    /// The ID of a new attendee.
    pub async fn create_attendee(&self, user: &str) -> String {
        let call = Call::new("POST", self.path("/attendees"));
        let reply = self.call(&call.body(json!({"ExternalUserId": user}))).await;
        self.chime.take();
        self.dynamodb.take_requests();
        reply.json()["Attendee"]["AttendeeId"]
            .as_str()
            .unwrap_or_else(|| panic!("{reply:?}"))
            .into()
    }
}
