//! The function, except that its first request panics before its write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{AsyncSleep, BehaviorVersion, Region, Sleep};
use create_meeting::settings::TelemetrySettings;
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
    let telemetry = &telemetry::init(TelemetrySettings::from_env());
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(in_process::credentials())
        .endpoint_url(std::env::var("AWS_ENDPOINT_URL_DYNAMODB")?)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .sleep_impl(PanicsOnce::default())
        .build();
    let api = &in_process::api(&config, in_process::templates());
    lambda_runtime::run(service_fn(|event| {
        Box::pin(gateway::handle(api, telemetry, event, SystemTime::now()))
    }))
    .await
}
