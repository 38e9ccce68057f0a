//! The function with a panic on the way to its first write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::{AsyncSleep, BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::config::{SharedCredentialsProvider, Sleep};
use create_meeting::caller::AllowedCallers;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::endpoint::Endpoint;
use create_meeting::media_plane::MediaPlane;
use create_meeting::media_plane::templates::Templates;
use create_meeting::store::Store;
use create_meeting::{gateway, telemetry};
use lambda_runtime::service_fn;

/// Panics when the first timeout is set.
#[derive(Debug, Default)]
struct PanicsOnce(AtomicBool);

impl AsyncSleep for PanicsOnce {
    fn sleep(&self, duration: Duration) -> Sleep {
        assert!(self.0.swap(true, Ordering::Relaxed), "s3cr3t");
        Sleep::new(tokio::time::sleep(duration))
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::init();
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let config = aws_config::SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL_DYNAMODB")?)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(PanicsOnce::default())
        .build();
    let create_meeting = CreateMeeting {
        store: Store::new((&config).into(), "Meetings".into()),
        media_plane: MediaPlane::Templates(Box::new(Templates::new("media.test"))),
        meeting_lifetime: Duration::from_hours(1),
        daily_limit: None,
    };
    let endpoint =
        &Endpoint { allowed_callers: AllowedCallers::Anyone, create_meeting, relay: None };
    lambda_runtime::run(service_fn(|event| {
        Box::pin(gateway::handle(endpoint, telemetry, event, SystemTime::now()))
    }))
    .await
}
