//! The function in the process of the test, which controls its clock and its deadline.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_http_client::Connector;
use aws_smithy_runtime_api::client::http::SharedHttpConnector;
use create_meeting::api::Api;
use create_meeting::caller::AllowedCallers;
use create_meeting::gateway;
use create_meeting::settings::{
    ChimeSdkSettings, LogFormat, MediaPlaneSettings, Settings, TelemetrySettings,
};
use create_meeting::telemetry::Telemetry;
use lambda_runtime::{Context, LambdaEvent};
use tracing::level_filters::LevelFilter;

use super::{Event, Reply};

pub struct InProcess {
    options: Options,
    api: Api,
}

#[derive(Clone)]
struct Options {
    dynamodb: String,
    /// The endpoint of the Amazon Chime SDK, with the media plane `chime-sdk-meetings`.
    chime_sdk: Option<String>,
    lifetime: Duration,
    daily_limit: Option<NonZeroU32>,
}

impl InProcess {
    /// The function with the media plane `templates`.
    pub fn new(dynamodb: &str, lifetime: Duration) -> Self {
        let dynamodb = dynamodb.into();
        Options { dynamodb, chime_sdk: None, lifetime, daily_limit: None }.into()
    }

    /// The function with the media plane `chime-sdk-meetings`.
    pub fn with_chime_sdk(dynamodb: &str, lifetime: Duration, chime_sdk: String) -> Self {
        let (dynamodb, chime_sdk) = (dynamodb.into(), Some(chime_sdk));
        Options { dynamodb, chime_sdk, lifetime, daily_limit: None }.into()
    }

    pub fn with_daily_limit(&self, limit: u32) -> Self {
        Options { daily_limit: NonZeroU32::new(limit), ..self.options.clone() }.into()
    }

    pub async fn warm_up(&self) {
        self.api.warm_up().await;
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
        });
        let reply = Box::pin(gateway::handle(&self.api, &silent, event, now)).await;
        Reply::from(serde_json::to_value(reply.unwrap()).unwrap())
    }
}

impl From<Options> for InProcess {
    fn from(options: Options) -> Self {
        let Options { dynamodb, chime_sdk, lifetime, daily_limit } = options.clone();
        let region = String::from("us-east-1");
        let media_plane = match chime_sdk {
            None => MediaPlaneSettings::Templates { domain: "media.test".into() },
            Some(endpoint_url) => MediaPlaneSettings::ChimeSdkMeetings(ChimeSdkSettings {
                region: region.clone(),
                endpoint_url,
                sends_notifications: true,
            }),
        };
        let settings = Settings {
            table: "Meetings".into(),
            region,
            dynamodb_endpoint_url: Some(dynamodb),
            use_fips: false,
            use_dual_stack: false,
            ca_bundle: None,
            meeting_lifetime: lifetime,
            allowed_callers: AllowedCallers::Anyone,
            replays_reused_tokens: false,
            daily_limit,
            media_plane,
        };
        let connector = SharedHttpConnector::new(Connector::builder().build_http());
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let api = Api::new(settings, connector, SharedCredentialsProvider::new(credentials));
        Self { options, api }
    }
}
