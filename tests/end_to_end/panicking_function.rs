//! The function, except that its first request panics before its write.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use create_meeting::api::Api;
use create_meeting::settings::{Settings, TelemetrySettings};
use create_meeting::{client, gateway, telemetry};
use lambda_runtime::service_fn;

/// Panics when the first request is sent.
#[derive(Debug)]
struct PanicsOnce {
    connector: SharedHttpConnector,
    has_panicked: AtomicBool,
}

impl HttpConnector for PanicsOnce {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        assert!(self.has_panicked.swap(true, Ordering::Relaxed), "s3cr3t");
        self.connector.call(request)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    let telemetry = &telemetry::init(TelemetrySettings::from_env());
    let settings = Settings::from_env()?;
    let connector = client::connector(&settings)?;
    let credentials = client::credentials(connector.clone());
    let has_panicked = AtomicBool::new(false);
    let connector = SharedHttpConnector::new(PanicsOnce { connector, has_panicked });
    let api = &Api::new(settings, connector, credentials);
    lambda_runtime::run(service_fn(|event| {
        Box::pin(gateway::handle(api, telemetry, event, SystemTime::now()))
    }))
    .await
}
