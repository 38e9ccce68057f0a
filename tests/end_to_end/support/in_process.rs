//! The function in the test's own process: the test controls its clock and its deadline.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use create_meeting::caller::AllowedCallers;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::endpoint::Endpoint;
use create_meeting::gateway;
use create_meeting::media_plane::MediaPlane;
use create_meeting::media_plane::templates::Templates;
use create_meeting::relay::Relay;
use create_meeting::store::Store;
use create_meeting::telemetry::Telemetry;
use lambda_runtime::{Context, LambdaEvent};
use tracing::level_filters::LevelFilter;

use super::{Event, Reply};

pub struct InProcess(Endpoint);

impl InProcess {
    pub fn new(config: &SdkConfig, meeting_lifetime: Duration) -> Self {
        let create_meeting = CreateMeeting {
            store: Store::new(config.into(), "Meetings".into()),
            media_plane: MediaPlane::Templates(Box::new(Templates::new("media.test"))),
            meeting_lifetime,
            daily_limit: None,
        };
        Self(Endpoint { allowed_callers: AllowedCallers::Anyone, create_meeting, relay: None })
    }

    pub fn with_media_plane(mut self, (media_plane, relay): (MediaPlane, Relay)) -> Self {
        self.0.create_meeting.media_plane = media_plane;
        self.0.relay = Some(relay);
        self
    }

    pub fn with_daily_limit(mut self, limit: u32) -> Self {
        self.0.create_meeting.daily_limit = NonZeroU32::new(limit);
        self
    }

    pub async fn warm_up(&self) {
        self.0.create_meeting.store.warm_up().await;
    }

    /// The reply to an event that arrives `now`, with a deadline in Unix milliseconds.
    pub async fn invoke(&self, event: &Event, now: SystemTime, deadline: u64) -> Reply {
        let mut context = Context::default();
        context.deadline = deadline;
        let event = serde_json::value::to_raw_value(&event.0).unwrap();
        let event = LambdaEvent::new(event, context);
        let silent = Telemetry::new(LevelFilter::OFF, None, None);
        let reply = gateway::handle(&self.0, &silent, event, now).await;
        Reply::from(serde_json::to_value(reply.unwrap()).unwrap())
    }
}
