//! A connection that dies silently costs the request that uses it one attempt, whatever its protocol and its service.
//!
//! With HTTP/1.1, dropping the request closes the connection. With HTTP/2, the function has to abandon it.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Body;
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::support::{Answer, Chime, DynamoDb, Event, Fault, Function, tls};

/// TLS in front of a service, behind a proxy whose connections can die without being closed.
struct Front {
    endpoint: String,
    /// Its certificate authority.
    ca_bundle: NamedTempFile,
    connections: Arc<AtomicUsize>,
    /// How many of the first connections are dead.
    dead: watch::Sender<usize>,
}

impl Front {
    async fn start(service: String, protocol: &str) -> Self {
        let (acceptor, ca_certificate) = tls::acceptor(&[protocol]);
        let ca_bundle = NamedTempFile::new().unwrap();
        std::fs::write(&ca_bundle, ca_certificate).unwrap();
        let server = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = server.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = server.accept().await {
                let (acceptor, service) = (acceptor.clone(), service.clone());
                tokio::spawn(async move {
                    let stream = TokioIo::new(acceptor.accept(stream).await.unwrap());
                    let forward = service_fn(move |request| forward(service.clone(), request));
                    let server = auto::Builder::new(TokioExecutor::new());
                    // It ends with an error when the function does.
                    let _ = server.serve_connection(stream, forward).await;
                });
            }
        });
        let proxy = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("https://{}", proxy.local_addr().unwrap());
        let (connections, dead) = (Arc::<AtomicUsize>::default(), watch::Sender::new(0));
        let (counter, death) = (connections.clone(), dead.clone());
        tokio::spawn(async move {
            while let Ok((mut client, _)) = proxy.accept().await {
                let number = counter.fetch_add(1, Ordering::Relaxed);
                let mut death = death.subscribe();
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(address).await.unwrap();
                    let is_dead = tokio::select! {
                        _ = copy_bidirectional(&mut client, &mut server) => false,
                        _ = death.wait_for(|dead| *dead > number) => true,
                    };
                    if is_dead {
                        // Both ends stay open, and nothing arrives.
                        std::future::pending::<()>().await;
                    }
                });
            }
        });
        Self { endpoint, ca_bundle, connections, dead }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }

    /// From now on, all connections so far are dead.
    fn kill_connections(&self) {
        self.dead.send_replace(self.connections());
    }
}

async fn forward(
    service: String,
    request: Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let (mut parts, body) = request.into_parts();
    // It is signed, and in HTTP/2 a part of the URI.
    if let Some(authority) = parts.uri.authority() {
        parts.headers.insert("host", authority.as_str().parse().unwrap());
    }
    parts.uri = format!("{service}{}", parts.uri.path_and_query().unwrap()).parse().unwrap();
    parts.version = axum::http::Version::HTTP_11;
    let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = Request::from_parts(parts, body).try_into().unwrap();
    let response: Response<reqwest::Body> = http.execute(request).await.unwrap().into();
    Ok(response.map(Body::new))
}

/// Asserts that a request succeeds after the connections to the service behind `front` have died.
async fn assert_survives(front: &Front, function: &Function) {
    let create = |token: &str| Event::create(&json!({"ClientRequestToken": token}));
    assert_eq!(function.invoke(&create("before")).await.status, 201);
    let before = front.connections();
    front.kill_connections();

    for token in ["after", "later"] {
        let deadline = SystemTime::now() + Duration::from_secs(6);
        let reply = function.invoke_by(deadline, &create(token)).await;
        assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
    }

    assert_eq!(front.connections(), before + 1, "a new connection, which is used again");
}

#[tokio::test]
async fn requests_to_dynamodb_survive() {
    for protocol in ["h2", "http/1.1"] {
        let dynamodb = DynamoDb::start().await;
        let front = Front::start(dynamodb.endpoint.clone(), protocol).await;
        let settings = [
            ("AWS_ENDPOINT_URL_DYNAMODB", &*front.endpoint),
            ("AWS_CA_BUNDLE", front.ca_bundle.path().to_str().unwrap()),
        ];
        let function = Function::start_with(&dynamodb, &settings).await;
        assert_survives(&front, &function).await;
    }
}

#[tokio::test]
async fn requests_to_the_chime_sdk_survive() {
    for protocol in ["h2", "http/1.1"] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let front = Front::start(chime.service.endpoint(), protocol).await;
        let settings = [
            ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", &*front.endpoint),
            ("AWS_CA_BUNDLE", front.ca_bundle.path().to_str().unwrap()),
        ];
        let function = chime.function(&dynamodb, &settings).await;
        assert_survives(&front, &function).await;
    }
}

#[tokio::test]
async fn one_that_did_not_respond_at_startup_is_not_used_again() {
    let dynamodb = DynamoDb::start().await;
    dynamodb.set_faults([Fault::before(Answer::Stalled)]);
    let front = Front::start(dynamodb.endpoint.clone(), "h2").await;
    let settings = [
        ("AWS_ENDPOINT_URL_DYNAMODB", &*front.endpoint),
        ("AWS_CA_BUNDLE", front.ca_bundle.path().to_str().unwrap()),
    ];
    let function = Function::start_with(&dynamodb, &settings).await;

    assert_eq!(function.invoke(&Event::rest()).await.status, 201);

    assert_eq!(front.connections(), 2);
}
