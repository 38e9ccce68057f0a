//! Clients of AWS's services: Region, credentials and TLS.
//!
//! Region and credentials come from Lambda's environment, and the root certificates are compiled in. The SDK's other
//! sources (profiles, the system's certificates) do not exist there, or would slow down a cold start.

use std::cell::RefCell;
use std::pin::Pin;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::{Builder, Config, Region};
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_runtime_api::client::connection::CaptureSmithyConnection;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use tokio::task::futures::TaskLocalFuture;
use tokio::task_local;

use crate::settings::Settings;

/// The root certificates of AWS's endpoints in its public Regions, from Amazon Trust Services' repository.
/// `AWS_CA_BUNDLE` replaces them.
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("amazon_trust_services.pem");

/// The configuration of a `DynamoDB` client.
#[must_use]
pub fn dynamodb(
    settings: &Settings,
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
) -> Builder {
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client(connector))
        .region(Region::new(settings.region.clone()))
        .credentials_provider(credentials)
        .use_fips(settings.use_fips)
        .use_dual_stack(settings.use_dual_stack);
    config.set_endpoint_url(settings.dynamodb_endpoint_url.clone());
    config
}

/// Timeout for a new connection, which usually takes milliseconds.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The connector that all clients share, with its connections.
///
/// # Errors
/// If the TLS context cannot be built.
pub fn connector(settings: &Settings) -> Result<SharedHttpConnector, lambda_runtime::Error> {
    let ca_bundle = settings.ca_bundle.as_deref().unwrap_or(AMAZON_TRUST_SERVICES);
    let trust_store = TrustStore::empty().with_pem_certificate(ca_bundle);
    let timeouts = HttpConnectorSettings::builder().connect_timeout(CONNECT_TIMEOUT).build();
    let connector = Connector::builder()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trust_store).build()?)
        .connector_settings(timeouts)
        .build();
    Ok(SharedHttpConnector::new(CapturingConnector(SharedHttpConnector::new(connector))))
}

task_local! {
    /// The connection of the current attempt's last request.
    static CONNECTION: RefCell<Option<CaptureSmithyConnection>>;
}

/// A connector that notes which connection a request uses.
#[derive(Debug)]
struct CapturingConnector(SharedHttpConnector);

impl HttpConnector for CapturingConnector {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let connection = request.extension().cloned().unwrap_or_else(|| {
            let connection = CaptureSmithyConnection::new();
            request.add_extension(connection.clone());
            connection
        });
        // Outside an attempt, nothing reads it.
        let _ = CONNECTION.try_with(|current| current.replace(Some(connection)));
        self.0.call(request)
    }
}

/// An attempt whose connection is known.
pub type CapturingConnection<F> = TaskLocalFuture<RefCell<Option<CaptureSmithyConnection>>, F>;

/// Runs an attempt and notes its connection.
pub fn capturing_connection<F: Future>(attempt: F) -> CapturingConnection<F> {
    CONNECTION.scope(RefCell::default(), attempt)
}

/// Ensures that the connection of an attempt that timed out is not reused.
///
/// The connection may have died silently. Dropping a request closes an HTTP/1 connection, but only resets a stream of
/// HTTP/2: all later requests would wait on the dead connection as well.
pub fn abandon_connection<F: Future>(attempt: Pin<&mut CapturingConnection<F>>) {
    let connection = attempt.take_value().and_then(RefCell::into_inner);
    if let Some(metadata) = connection.and_then(|connection| connection.get()) {
        metadata.poison();
    }
}

/// An HTTP client of the SDK with these connections. The SDK's own HTTP client would parse the certificates twice: it
/// builds a connector to validate its configuration, and another one for the first request.
///
/// It ignores the timeouts in the SDK's settings: the connector has one, and so has each attempt ([`crate::attempts`]).
fn http_client(connector: SharedHttpConnector) -> SharedHttpClient {
    http_client_fn(move |_, _| connector.clone())
}

/// The credentials in the environment, or those at the URL that it names: Lambda renews them there for environments
/// that outlive their credentials.
#[must_use]
pub fn credentials(connector: SharedHttpConnector) -> SharedCredentialsProvider {
    let container = EcsCredentialsProvider::builder()
        .configure(&ProviderConfig::default().with_http_client(http_client(connector)))
        .build();
    let environment = EnvironmentVariableCredentialsProvider::new();
    SharedCredentialsProvider::new(
        CredentialsProviderChain::first_try("environment", environment)
            .or_else("container", container),
    )
}
