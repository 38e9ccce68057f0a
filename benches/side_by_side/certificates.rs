//! TLS for stand-ins, with certificates like those of AWS's own endpoints.

use std::process::Command;
use std::sync::Arc;

use local::Result;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// The certificate chain that a client receives.
pub const CHAIN: &str =
    "an RSA-2048 leaf, an intermediate, and the root cross-signed by an older root";

/// Accepts connections to this machine with a new [`CHAIN`]. Also returns its root, in PEM.
///
/// Amazon's root is self-signed in trust stores; servers send the version signed by its
/// predecessor.
pub fn acceptor() -> Result<(TlsAcceptor, String)> {
    let [older_root_key, root_key, intermediate_key, key] =
        [rsa_key()?, rsa_key()?, rsa_key()?, rsa_key()?];
    let older_root = Issuer::new(authority("older root"), &older_root_key);
    let cross_signed = authority("root").signed_by(&root_key, &older_root)?;
    let trusted = authority("root").self_signed(&root_key)?;
    let root = Issuer::new(authority("root"), &root_key);
    let intermediate = authority("intermediate").signed_by(&intermediate_key, &root)?;
    let issuer = Issuer::new(authority("intermediate"), &intermediate_key);
    let leaf = CertificateParams::new(["localhost".into(), "127.0.0.1".into()])?
        .signed_by(&key, &issuer)?;
    let chain = [leaf, intermediate, cross_signed].map(|certificate| certificate.der().clone());
    let key = PrivateKeyDer::try_from(key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain.into(), key)?;
    Ok((TlsAcceptor::from(Arc::new(config)), trusted.pem()))
}

fn authority(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// ring can read RSA keys, but not generate them.
fn rsa_key() -> Result<KeyPair> {
    let generated = Command::new("openssl")
        .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"])
        .output()
        .map_err(|error| format!("cannot run openssl to generate RSA keys: {error}"))?;
    Ok(KeyPair::from_pem(std::str::from_utf8(&generated.stdout)?)?)
}
