//! A stand-in for the Lambda Runtime API.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::{PATIENCE, Result};

/// Serves one function. Stops when it is dropped.
pub struct RuntimeApi {
    pub address: String,
    /// X-Ray's daemon, which drops all segments.
    pub xray: UdpSocket,
    events: mpsc::UnboundedSender<Invocation>,
    polls: watch::Receiver<usize>,
    _server: JoinSet<()>,
}

struct Invocation {
    event: Bytes,
    answer: oneshot::Sender<Bytes>,
}

struct Server {
    events: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    polls: watch::Sender<usize>,
    pending: Mutex<HashMap<String, oneshot::Sender<Bytes>>>,
}

impl RuntimeApi {
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let xray = UdpSocket::bind(("127.0.0.1", 0)).await?;
        let (events, receiver) = mpsc::unbounded_channel();
        let (sender, polls) = watch::channel(0);
        let state = Server { events: receiver.into(), polls: sender, pending: Mutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(take_outcome))
            .with_state(Arc::new(state));
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { address, xray, events, polls, _server: server })
    }

    /// Waits until the function requests its `n`th event, and so has finished the earlier ones.
    pub async fn polled(&self, n: usize) -> Result<()> {
        let mut polls = self.polls.clone();
        tokio::time::timeout(PATIENCE, polls.wait_for(|polls| *polls >= n)).await??;
        Ok(())
    }

    /// The function's response to an event.
    pub async fn invoke(&self, event: Bytes) -> Result<Bytes> {
        let (answer, answered) = oneshot::channel();
        self.events.send(Invocation { event, answer })?;
        Ok(tokio::time::timeout(PATIENCE, answered).await??)
    }
}

async fn next(State(server): State<Arc<Server>>) -> Response {
    server.polls.send_modify(|polls| *polls += 1);
    let Some(invocation) = server.events.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = Uuid::new_v4().to_string();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if let Ok(mut pending) = server.pending.lock() {
        pending.insert(id.clone(), invocation.answer);
    }
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id),
        ("Lambda-Runtime-Deadline-Ms", (now.as_millis() + 29_000).to_string()),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:111122223333:function:create-meeting".into(),
        ),
        (
            "Lambda-Runtime-Trace-Id",
            "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1".into(),
        ),
    ];
    (headers, invocation.event).into_response()
}

async fn take_outcome(
    State(server): State<Arc<Server>>,
    Path((id, _)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let answer = server.pending.lock().ok().and_then(|mut pending| pending.remove(&id));
    if let Some(answer) = answer {
        // The receiver may have given up.
        let _ = answer.send(body);
    }
    StatusCode::ACCEPTED
}
