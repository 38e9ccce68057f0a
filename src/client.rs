//! The way to `DynamoDB`: Region, credentials and TLS.
//!
//! All of it comes from Lambda's environment. What else the SDK would look through (profiles, the
//! system's certificates) is not there, or takes longer to read than the first meeting to create.

use aws_config::BehaviorVersion;
use aws_config::ecs::EcsCredentialsProvider;
use aws_config::environment::EnvironmentVariableCredentialsProvider;
use aws_config::meta::credentials::CredentialsProviderChain;
use aws_config::provider_config::ProviderConfig;
use aws_sdk_dynamodb::config::{Builder, Config, Region};
use aws_smithy_http_client::Builder as HttpClient;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};

use crate::settings::Settings;

/// The roots that `DynamoDB`'s endpoints chain to in AWS's public Regions: Amazon Trust Services'
/// repository has them. Where others are needed, `AWS_CA_BUNDLE` names them.
const AMAZON_TRUST_SERVICES: &[u8] = include_bytes!("amazon_trust_services.pem");

/// What a client needs to reach `DynamoDB`.
///
/// # Errors
/// If there is no TLS to be had.
pub fn config(settings: &Settings) -> Result<Builder, lambda_runtime::Error> {
    let ca_bundle = settings.ca_bundle.as_deref().unwrap_or(AMAZON_TRUST_SERVICES);
    let trust_store = TrustStore::empty().with_pem_certificate(ca_bundle);
    let http_client = HttpClient::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(TlsContext::builder().with_trust_store(trust_store).build()?)
        .build_https();
    // Where an environment outlives its credentials, Lambda has new ones behind a URL.
    let container = EcsCredentialsProvider::builder()
        .configure(&ProviderConfig::default().with_http_client(http_client.clone()))
        .build();
    let environment = EnvironmentVariableCredentialsProvider::new();
    let credentials = CredentialsProviderChain::first_try("environment", environment)
        .or_else("container", container);
    let mut config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .http_client(http_client)
        .region(Region::new(settings.region.clone()))
        .credentials_provider(credentials)
        .use_fips(settings.use_fips)
        .use_dual_stack(settings.use_dual_stack);
    config.set_endpoint_url(settings.endpoint_url.clone());
    Ok(config)
}
