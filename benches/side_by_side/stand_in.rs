//! Stand-ins for `DynamoDB` and the Amazon Chime SDK that respond at once: no response depends on
//! an earlier request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::routing::post;
use axum::serve::{Listener, ListenerExt};
use local::Result;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use uuid::Uuid;

/// A server for as long as the process lives.
pub struct StandIn {
    pub address: String,
    connections: Arc<AtomicUsize>,
}

impl StandIn {
    pub async fn dynamodb(acceptor: Option<TlsAcceptor>) -> Result<Self> {
        Self::start(Router::new().route("/", post(respond_as_dynamodb)), acceptor).await
    }

    pub async fn chime_sdk(acceptor: Option<TlsAcceptor>) -> Result<Self> {
        Self::start(Router::new().route("/meetings", post(respond_as_chime_sdk)), acceptor).await
    }

    async fn start(router: Router, acceptor: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = connections.clone();
        let tcp = listener.tap_io(move |client| {
            counter.fetch_add(1, Ordering::Relaxed);
            // It fails only if the client is gone.
            let _ = client.set_nodelay(true);
        });
        match acceptor {
            None => tokio::spawn(axum::serve(tcp, router).into_future()),
            Some(acceptor) => {
                tokio::spawn(axum::serve(TlsListener { tcp, acceptor }, router).into_future())
            }
        };
        Ok(Self { address, connections })
    }

    /// Takes the number of connections opened since the last take.
    pub fn take_connections(&self) -> usize {
        self.connections.swap(0, Ordering::Relaxed)
    }
}

async fn respond_as_dynamodb(body: Bytes) -> impl IntoResponse {
    const IF_THERE: &[u8] = br#""attribute_exists(ClientRequestToken)""#;
    const TRANSACTION: &[u8] = br#""TransactItems""#;
    let has = |part: &[u8]| body.windows(part.len()).any(|it| it == part);
    // The table is empty.
    let (status, answer) = if has(IF_THERE) {
        let name = "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException";
        (StatusCode::BAD_REQUEST, format!(r#"{{"__type":"{name}"}}"#))
    } else if has(TRANSACTION) {
        (
            StatusCode::OK,
            r#"{"ConsumedCapacity":[{"CapacityUnits":5.0,"TableName":"Meetings"}]}"#.into(),
        )
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

async fn respond_as_chime_sdk(body: Bytes) -> impl IntoResponse {
    let request: Value = serde_json::from_slice(&body).unwrap_or_default();
    let id = Uuid::new_v4();
    let domain = "m2.ue1.app.chime.aws";
    let screen = format!("wss://bitpw.{domain}:443/v2/screen/{id}");
    let viewer = format!("passcode=null&viewer_uuid=null&X-BitHub-Call-Id={id}");
    let meeting = json!({
        "MeetingId": id,
        "MeetingArn": format!("arn:aws:chime:us-east-1:111122223333:meeting/{id}"),
        "ExternalMeetingId": request["ExternalMeetingId"],
        "MediaRegion": request["MediaRegion"],
        "MediaPlacement": {
            "AudioHostUrl": format!("{}.k.{domain}:3478", id.simple()),
            "AudioFallbackUrl": format!("wss://haxrp.{domain}:443/calls/{id}"),
            "SignalingUrl": format!("wss://signal.{domain}/control/{id}"),
            "TurnControlUrl": "https://ccp.cp.ue1.app.chime.aws/v2/turn_sessions",
            "ScreenDataUrl": screen,
            "ScreenViewingUrl": format!("wss://bitpw.{domain}:443/ws/connect?{viewer}"),
            "ScreenSharingUrl": screen,
            "EventIngestionUrl": "https://data.svc.ue1.ingest.chime.aws/v1/client-events",
        },
    });
    let headers = [("content-type", "application/json"), ("x-amzn-requestid", &*id.to_string())]
        .map(|(name, value)| (name, value.to_owned()));
    (headers, json!({ "Meeting": meeting }).to_string())
}

struct TlsListener<L> {
    tcp: L,
    acceptor: TlsAcceptor,
}

impl<L: Listener<Io = TcpStream>> Listener for TlsListener<L> {
    type Io = TlsStream<TcpStream>;
    type Addr = L::Addr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (client, address) = self.tcp.accept().await;
            // A client that does not trust us or disconnects can retry.
            if let Ok(client) = self.acceptor.accept(client).await {
                return (client, address);
            }
        }
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.tcp.local_addr()
    }
}
