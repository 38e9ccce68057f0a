//! TLS in front of a server on this machine.

use local_dynamodb::tls;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

pub struct Tls {
    /// The server's endpoint with TLS.
    pub endpoint: String,
    /// The certificate, in PEM, of the authority that signed the server's.
    pub ca_certificate: String,
}

/// Adds TLS to the server on `port`, until the test ends.
pub async fn serve(port: u16) -> Tls {
    let (acceptor, ca_certificate) = tls::acceptor().unwrap();
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
