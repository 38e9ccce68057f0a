//! TLS in front of a server on this machine.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

pub struct Tls {
    /// The server's endpoint with TLS.
    pub endpoint: String,
    /// The certificate, in PEM, of the authority that signed the server's.
    pub ca_certificate: String,
}

/// Adds TLS to the server on `port`, until the test ends.
pub async fn serve(port: u16) -> Tls {
    let (acceptor, ca_certificate) = acceptor(&[]);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // It ends with an error if a client does not trust it, or disconnects.
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Tls { endpoint, ca_certificate }
}

/// Accepts connections to this machine with a certificate of a new authority, for these protocols. Also returns the
/// authority's own certificate, in PEM.
pub fn acceptor(protocols: &[&str]) -> (TlsAcceptor, String) {
    let ca_key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // A certificate with its issuer's name counts as self-signed.
    params.distinguished_name.push(DnType::CommonName, "a private authority");
    let ca_certificate = params.self_signed(&ca_key).unwrap().pem();
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new(["localhost".into(), "127.0.0.1".into()]).unwrap();
    let certificate = certificate.signed_by(&key, &Issuer::new(params, &ca_key)).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let mut config = ServerConfig::builder_with_provider(ring::default_provider().into())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|it| it.as_bytes().to_vec()).collect();
    (TlsAcceptor::from(Arc::new(config)), ca_certificate)
}
