//! A stand-in for `DynamoDB` that takes no time: its answer does not depend on what was written.

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::Listener;
use local_dynamodb::tls::{TlsAcceptor, TlsStream};
use tokio::net::{TcpListener, TcpStream};

use crate::Result;

/// Serves for as long as the process lives, with and without TLS, and returns the two ports.
pub async fn serve(acceptor: TlsAcceptor) -> Result<[u16; 2]> {
    let router = Router::new().route("/", post(answer));
    let plain = TcpListener::bind(("127.0.0.1", 0)).await?;
    let tls = TlsListener { tcp: TcpListener::bind(("127.0.0.1", 0)).await?, acceptor };
    let ports = [tls.tcp.local_addr()?.port(), plain.local_addr()?.port()];
    tokio::spawn(axum::serve(tls, router.clone()).into_future());
    tokio::spawn(axum::serve(plain, router).into_future());
    Ok(ports)
}

async fn answer(body: Bytes) -> impl IntoResponse {
    const IF_THERE: &[u8] = br#""attribute_exists(ClientRequestToken)""#;
    // Nothing is there.
    let (status, answer) = if body.windows(IF_THERE.len()).any(|it| it == IF_THERE) {
        let name = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        (StatusCode::BAD_REQUEST, format!(r#"{{"__type":"{name}"}}"#))
    } else {
        (
            StatusCode::OK,
            r#"{"ConsumedCapacity":{"CapacityUnits":2.0,"TableName":"Meetings"}}"#.into(),
        )
    };
    let headers = [
        ("content-type", "application/x-amz-json-1.0"),
        ("x-amzn-requestid", "BSGD2PFV1FKSU2P1JNGB0FVBHVVV4KQNSO5AEMVJF66Q9ASUAAJG"),
    ];
    (status, headers, answer)
}

struct TlsListener {
    tcp: TcpListener,
    acceptor: TlsAcceptor,
}

impl Listener for TlsListener {
    type Io = TlsStream<TcpStream>;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (client, address) = Listener::accept(&mut self.tcp).await;
            // Who does not trust us or breaks off may try again.
            if client.set_nodelay(true).is_ok()
                && let Ok(client) = self.acceptor.accept(client).await
            {
                return (client, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
