//! The function in the process of the test, which controls its clock and its deadline.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use create_meeting::api::Api;
use create_meeting::gateway;
use create_meeting::settings::{LogFormat, TelemetrySettings};
use create_meeting::telemetry::Telemetry;
use in_process::Media;
use lambda_runtime::{Context, LambdaEvent};
use tracing::level_filters::LevelFilter;

use super::{Event, Reply};

pub struct InProcess(Api);

impl InProcess {
    pub fn new(config: &SdkConfig, meeting_lifetime: Duration) -> Self {
        Self::with_media(config, meeting_lifetime, in_process::templates())
    }

    pub fn with_media(config: &SdkConfig, meeting_lifetime: Duration, media: Media) -> Self {
        let mut api = in_process::api(config, media);
        api.create_meeting.meeting_lifetime = meeting_lifetime;
        Self(api)
    }

    pub fn with_daily_limit(mut self, limit: u32) -> Self {
        self.0.create_meeting.daily_limit = NonZeroU32::new(limit);
        self
    }

    pub async fn warm_up(&self) {
        self.0.create_meeting.store.warm_up().await;
    }

    /// The reply to an event that arrives at `now`, with a deadline in milliseconds since 1970.
    pub async fn invoke(&self, event: &Event, now: SystemTime, deadline: u64) -> Reply {
        let mut context = Context::default();
        context.deadline = deadline;
        let event = serde_json::value::to_raw_value(&event.0).unwrap();
        let event = LambdaEvent::new(event, context);
        let silent = Telemetry::new(TelemetrySettings {
            format: LogFormat::Text,
            level: LevelFilter::OFF,
            function_name: String::new(),
            xray_daemon: None,
        });
        let reply = gateway::handle(&self.0, &silent, event, now).await;
        Reply::from(serde_json::to_value(reply.unwrap()).unwrap())
    }
}
