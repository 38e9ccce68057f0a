//! TLS for a server on this machine, like that of `DynamoDB`'s own endpoints.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
pub use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
pub use tokio_rustls::server::TlsStream;

use crate::Result;

/// Accepts connections to this machine with a certificate of a new authority. Also returns the
/// authority's own certificate, in PEM.
///
/// # Errors
/// If a certificate cannot be generated.
pub fn acceptor() -> Result<(TlsAcceptor, String)> {
    let ca_key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A certificate with its issuer's name counts as self-signed.
    params.distinguished_name.push(DnType::CommonName, "authority of local-dynamodb");
    let ca_certificate = params.self_signed(&ca_key)?.pem();
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".into(), "127.0.0.1".into()])?
        .signed_by(&key, &Issuer::new(params, &ca_key))?;
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), ca_certificate))
}
