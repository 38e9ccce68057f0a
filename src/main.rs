//! Start-up of the Lambda function: settings, client, runtime.

use std::process::ExitCode;
use std::time::SystemTime;

use aws_config::environment::{
    EnvironmentVariableCredentialsProvider, EnvironmentVariableRegionProvider,
};
use aws_config::{BehaviorVersion, SdkConfig};
use aws_smithy_http_client::Builder as HttpClient;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::settings::Settings;
use create_meeting::store::Store;
use create_meeting::{gateway, telemetry};
use lambda_runtime::service_fn;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    telemetry::init();
    match serve().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("the function ends: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve() -> Result<(), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let mut config = aws_sdk_dynamodb::config::Builder::from(&aws_config().await);
    config.set_endpoint_url(settings.endpoint_url);
    let create_meeting = &CreateMeeting {
        store: Store::new(config, settings.table),
        media_plane: settings.media_plane,
        meeting_lifetime: settings.meeting_lifetime,
        allowed_callers: settings.allowed_callers,
        daily_limit: settings.daily_limit,
    };
    lambda_runtime::run(service_fn(|event| {
        gateway::handle(create_meeting, event, SystemTime::now())
    }))
    .await
}

/// What Lambda's environment says: region and credentials come from there alone.
async fn aws_config() -> SdkConfig {
    let https = HttpClient::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(https)
        .region(EnvironmentVariableRegionProvider::new())
        .credentials_provider(EnvironmentVariableCredentialsProvider::new())
        .load()
        .await
}
