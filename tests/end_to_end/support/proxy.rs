//! A proxy in front of the engine, which counts requests and injects faults.

use std::io;
use std::iter;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A fault that one request meets.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Whether the engine gets the request before the fault.
    pub committed: bool,
    pub answer: Answer,
}

/// The function's response instead of the engine's.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// A `DynamoDB` error: status and code.
    Refusal(u16, &'static str),
    /// A cancelled transaction: the reasons for the put and for the counter.
    Canceled(&'static str, &'static str),
    /// Any status and body.
    Raw(u16, &'static str),
    /// The connection is closed instead.
    Closed,
    /// Nothing, while the connection stays open.
    Stalled,
    /// The first half of the response, or of an error if there is none.
    Truncated,
    /// The response, after a delay.
    Slow,
}

impl Fault {
    /// A fault before the write.
    pub const fn before(answer: Answer) -> Self {
        Self { committed: false, answer }
    }

    /// A fault after the write.
    pub const fn after(answer: Answer) -> Self {
        Self { committed: true, answer }
    }
}

/// A request that has arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The operation's name, such as `PutItem`.
    pub operation: String,
    /// The access key that signed it, such as `AKIDEXAMPLE`.
    pub access_key: String,
}

/// Stops when it is dropped.
pub struct Proxy {
    pub endpoint: String,
    state: Arc<State>,
    _server: JoinSet<()>,
}

struct State {
    engine: String,
    http: reqwest::Client,
    requests: watch::Sender<Vec<Seen>>,
    connections: AtomicUsize,
    faults: Mutex<Box<dyn Iterator<Item = Fault> + Send>>,
    /// Whether concurrent requests conflict, like transactions on the same item.
    contended: AtomicBool,
    in_engine: tokio::sync::Mutex<()>,
}

impl Proxy {
    pub async fn start(engine: String) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(State {
            engine,
            // Directly, even if this machine is configured to use a proxy.
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            requests: watch::Sender::default(),
            connections: AtomicUsize::new(0),
            faults: Mutex::new(Box::new(iter::empty())),
            contended: AtomicBool::new(false),
            in_engine: tokio::sync::Mutex::default(),
        });
        let mut server = JoinSet::new();
        server.spawn(serve(listener, state.clone()));
        Self { endpoint, state, _server: server }
    }

    pub fn take_seen(&self) -> Vec<Seen> {
        self.state.requests.send_replace(Vec::new())
    }

    pub async fn seen(&self, requests: usize) {
        let mut seen = self.state.requests.subscribe();
        seen.wait_for(|seen| seen.len() >= requests).await.unwrap();
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    pub fn set_contended(&self) {
        self.state.contended.store(true, Ordering::Relaxed);
    }

    pub fn set_faults(&self, faults: impl Iterator<Item = Fault> + Send + 'static) {
        *self.state.faults.lock().unwrap() = Box::new(faults);
    }
}

async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        state.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(async move {
            let service = service_fn(|request| respond(&state, request));
            // Some faults end it with an error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// An error closes the connection.
async fn respond(state: &State, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let header = |name| request.headers()[name].to_str().unwrap();
    let (_, operation) = header("x-amz-target").split_once('.').unwrap();
    let (_, credential) = header("authorization").split_once("Credential=").unwrap();
    let (access_key, _) = credential.split_once('/').unwrap();
    let seen = Seen { operation: operation.into(), access_key: access_key.into() };
    state.requests.send_modify(|requests| requests.push(seen));
    let Some(fault) = state.faults.lock().unwrap().next() else {
        let alone = state.in_engine.try_lock();
        return Ok(if alone.is_err() && state.contended.load(Ordering::Relaxed) {
            canceled("None", "TransactionConflict")
        } else {
            forward_to_engine(state, request).await
        });
    };
    let passed = if fault.committed {
        forward_to_engine(state, request).await
    } else {
        refusal(500, "InternalServerError")
    };
    Ok(match fault.answer {
        Answer::Refusal(status, code) => refusal(status, code),
        Answer::Canceled(put, count) => canceled(put, count),
        Answer::Raw(status, body) => Response::builder().status(status).body(body.into()).unwrap(),
        Answer::Closed => return Err(io::ErrorKind::ConnectionReset.into()),
        Answer::Stalled => std::future::pending().await,
        Answer::Truncated => truncated(passed).await,
        Answer::Slow => {
            tokio::time::sleep(Duration::from_millis(200)).await;
            passed
        }
    })
}

async fn forward_to_engine(state: &State, request: Request<Incoming>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    parts.uri = state.engine.parse().unwrap();
    let body = axum::body::to_bytes(Body::new(body), usize::MAX).await.unwrap();
    let request = Request::from_parts(parts, body).try_into().unwrap();
    let response: Response<reqwest::Body> = state.http.execute(request).await.unwrap().into();
    response.map(Body::new)
}

fn refusal(status: u16, code: &str) -> Response<Body> {
    error(status, code, &json!({}))
}

fn canceled(put: &str, count: &str) -> Response<Body> {
    let reasons = json!({"CancellationReasons": [{"Code": put}, {"Code": count}]});
    error(400, "TransactionCanceledException", &reasons)
}

/// An error in `DynamoDB`'s form, with additional members.
fn error(status: u16, code: &str, rest: &Value) -> Response<Body> {
    let mut body = rest.clone();
    body["__type"] = json!(format!("com.amazonaws.dynamodb.v20120810#{code}"));
    body["message"] = json!(format!("{code} on purpose"));
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .body(body.to_string().into())
        .unwrap()
}

async fn truncated(response: Response<Body>) -> Response<Body> {
    let (parts, body) = response.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let half: Result<Bytes, io::Error> = Ok(body.slice(..body.len() / 2));
    let body = futures_util::stream::iter([half, Err(io::ErrorKind::ConnectionReset.into())]);
    Response::from_parts(parts, Body::from_stream(body))
}
