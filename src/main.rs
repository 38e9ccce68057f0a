//! Start-up of the Lambda function: settings, client, connection, runtime.
//!
//! With the argument `--check`, it only checks the settings. That needs no Lambda.

use std::env;
use std::process::ExitCode;
use std::time::SystemTime;

use aws_sdk_dynamodb::config::Builder;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::settings::Settings;
use create_meeting::store::Store;
use create_meeting::telemetry::{self, Telemetry};
use create_meeting::{client, gateway};
use lambda_runtime::service_fn;

// Several threads would take longer to start and more time for each event.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    if env::args().nth(1).as_deref() == Some("--check") {
        return check();
    }
    let telemetry = telemetry::init();
    match serve(telemetry).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("startup failed: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Checks the settings as a start does, for a person at a terminal.
fn check() -> ExitCode {
    match configure() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("startup failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn configure() -> Result<(Settings, Builder), lambda_runtime::Error> {
    let settings = Settings::from_env()?;
    let config = client::config(&settings)?;
    Ok((settings, config))
}

async fn serve(telemetry: Telemetry) -> Result<(), lambda_runtime::Error> {
    let (settings, config) = configure()?;
    let store = Store::new(config, settings.table);
    store.warm_up().await;
    let create_meeting = CreateMeeting {
        store,
        media_plane: settings.media_plane,
        meeting_lifetime: settings.meeting_lifetime,
        allowed_callers: settings.allowed_callers,
        daily_limit: settings.daily_limit,
    };
    // For as long as the process lives: invocations that run at once share both.
    let (create_meeting, telemetry) = &*Box::leak(Box::new((create_meeting, telemetry)));
    lambda_runtime::run_concurrent(service_fn(|event| {
        gateway::handle(create_meeting, telemetry, event, SystemTime::now())
    }))
    .await
}
