//! TLS for a server on this machine, as `DynamoDB`'s own endpoints have it.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
pub use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
pub use tokio_rustls::server::TlsStream;

use crate::Result;

/// Where the server is to be had with TLS.
pub struct Tls {
    /// A URL of `localhost`.
    pub endpoint: String,
    /// The certificate, in PEM, of the authority that has signed the server's.
    pub ca_certificate: String,
}

/// Serves with TLS what is served without it on `port` of this machine, for as long as the process
/// lives. The authority is a new one.
///
/// # Errors
/// If there is no port or no certificate to be had.
pub async fn serve(port: u16) -> Result<Tls> {
    let (acceptor, ca_certificate) = acceptor()?;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let endpoint = format!("https://localhost:{}", listener.local_addr()?.port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // It ends with an error where a client does not trust us, or breaks off.
            tokio::spawn(async move {
                client.set_nodelay(true)?;
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                server.set_nodelay(true)?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Ok(Tls { endpoint, ca_certificate })
}

/// Accepts connections to this machine by the certificate of a new authority, whose own certificate is
/// returned too, in PEM.
///
/// # Errors
/// If there is no certificate to be had.
pub fn acceptor() -> Result<(TlsAcceptor, String)> {
    let ca_key = KeyPair::generate()?;
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // Who has the name of his issuer is taken to have signed for himself.
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
