//! Starts the Lambda function: settings, clients, a warm connection, and the runtime.
//!
//! With the argument `--check`, it only checks the settings, which needs no Lambda.

use std::env;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use create_meeting::api::Api;
use create_meeting::chime_sdk::ChimeSdk;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::media_plane::MediaPlane;
use create_meeting::media_plane::chime_sdk_meetings::{ChimeSdkMeetings, TokenScope};
use create_meeting::relay::Relay;
use create_meeting::settings::{MediaPlaneSettings, Settings, TelemetrySettings};
use create_meeting::store::Store;
use create_meeting::telemetry::{self, Telemetry};
use create_meeting::{client, gateway};
use lambda_runtime::service_fn;

// A single thread starts faster, and handles an event with less overhead.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some("--check") {
        return check();
    }
    let telemetry = telemetry::init(TelemetrySettings::from_env());
    match serve(telemetry).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("startup failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Checks the settings and prints the first problem, for a person at a terminal.
fn check() -> ExitCode {
    match configure() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("startup failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Builds the API from the environment.
fn configure() -> Result<Api, lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let connector = client::connector(&settings)?;
    let http_client = client::http_client(connector.clone());
    let credentials = client::credentials(http_client.clone());
    let dynamodb = client::dynamodb(&settings, http_client, credentials.clone());
    let (media_plane, relay) = match settings.media_plane {
        MediaPlaneSettings::Templates(templates) => {
            (MediaPlane::Templates(Box::new(templates)), None)
        }
        MediaPlaneSettings::ChimeSdkMeetings(ref chime) => {
            let scope = TokenScope {
                region: settings.region.clone(),
                table: settings.table.clone(),
                token_window: settings.meeting_lifetime.min(ChimeSdkMeetings::MAX_TOKEN_WINDOW),
            };
            let (region, url) = (chime.region.clone(), &chime.endpoint_url);
            let client = Arc::new(ChimeSdk::new(connector, credentials, region, url));
            let relay = Relay::new(client.clone());
            let chime = ChimeSdkMeetings::new(client, chime.sends_notifications, scope);
            (MediaPlane::ChimeSdkMeetings(Box::new(chime)), Some(relay))
        }
    };
    let create_meeting = CreateMeeting {
        store: Store::new(dynamodb, settings.table),
        media_plane,
        meeting_lifetime: settings.meeting_lifetime,
        daily_limit: settings.daily_limit,
    };
    Ok(Api { allowed_callers: settings.allowed_callers, create_meeting, relay })
}

async fn serve(telemetry: Telemetry) -> Result<(), lambda_runtime::Error> {
    let api = configure()?;
    api.create_meeting.store.warm_up().await;
    // Leaked, because concurrent invocations share both for the life of the process.
    let (api, telemetry) = &*Box::leak(Box::new((api, telemetry)));
    lambda_runtime::run_concurrent(service_fn(|event| {
        gateway::handle(api, telemetry, event, SystemTime::now())
    }))
    .await
}
