//! Starts the Lambda function: settings, clients, warm connections, and the runtime.
//!
//! With the argument `--check`, it only checks the settings, which needs no Lambda.

use std::env;
use std::process::ExitCode;
use std::time::SystemTime;

use create_meeting::api::Api;
use create_meeting::settings::{Settings, TelemetrySettings};
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
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
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
    let credentials = client::credentials(connector.clone());
    Ok(Api::new(settings, connector, credentials))
}

async fn serve(telemetry: Telemetry) -> Result<(), lambda_runtime::Error> {
    let api = configure()?;
    api.warm_up().await;
    // Leaked, because concurrent invocations share both for the life of the process.
    let (api, telemetry) = &*Box::leak(Box::new((api, telemetry)));
    lambda_runtime::run_concurrent(service_fn(|event| {
        gateway::handle(api, telemetry, event, SystemTime::now())
    }))
    .await
}
