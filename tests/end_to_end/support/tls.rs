//! TLS before a server on this machine.

use local_dynamodb::tls;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

pub struct Tls {
    /// Where the server is to be had with TLS.
    pub endpoint: String,
    /// Of the authority that has signed the server's, in PEM.
    pub ca_certificate: String,
}

/// Serves with TLS what is served without it on `port`, until the test ends.
pub async fn serve(port: u16) -> Tls {
    let (acceptor, ca_certificate) = tls::acceptor().unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("https://localhost:{}", listener.local_addr().unwrap().port());
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            // It ends with an error where a client does not trust it, or breaks off.
            tokio::spawn(async move {
                let mut client = acceptor.accept(client).await?;
                let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
                copy_bidirectional(&mut client, &mut server).await
            });
        }
    });
    Tls { endpoint, ca_certificate }
}
