//! A stand-in for the Lambda Runtime API, for one function ("Lambda runtime API" in Lambda's developer guide).

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use uuid::Uuid;

/// The Runtime API. It stops when it is dropped.
pub struct RuntimeApi {
    /// The value of `AWS_LAMBDA_RUNTIME_API` for the function.
    pub address: String,
    invocations: mpsc::UnboundedSender<(Invocation, oneshot::Sender<Outcome>)>,
    polls: watch::Receiver<usize>,
    _server: JoinSet<()>,
}

/// One invocation of the function.
pub struct Invocation {
    /// The event, usually JSON.
    pub event: Bytes,
    /// The time by which the function must respond.
    pub deadline: SystemTime,
    /// X-Ray's tracing header.
    pub trace_header: &'static str,
}

/// The function's response, or the error that it reported.
pub type Outcome = Result<Bytes, Bytes>;

struct Server {
    invocations:
        tokio::sync::Mutex<mpsc::UnboundedReceiver<(Invocation, oneshot::Sender<Outcome>)>>,
    polls: watch::Sender<usize>,
    pending: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

impl RuntimeApi {
    /// Starts it on a free port of this machine.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?.to_string();
        let (invocations, receiver) = mpsc::unbounded_channel();
        let (sender, polls) = watch::channel(0);
        let state =
            Server { invocations: receiver.into(), polls: sender, pending: Mutex::default() };
        let router = Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(complete))
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::new(state));
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, router).await.unwrap_or_default() });
        Ok(Self { address, invocations, polls, _server: server })
    }

    /// Waits for the `n`th poll. A function that handles one event at a time has then completed the first `n` - 1.
    pub async fn polled(&self, n: usize) {
        // The sender lives as long as the server, and so as long as `self`.
        let _ = self.polls.clone().wait_for(|polls| *polls >= n).await;
    }

    /// Invokes the function. If it dies, there is no outcome.
    pub fn invoke(&self, invocation: Invocation) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        // Without a server, the sender is dropped, and the receiver reports that.
        let _ = self.invocations.send((invocation, sender));
        outcome
    }
}

async fn next(State(server): State<Arc<Server>>) -> Response {
    server.polls.send_modify(|polls| *polls += 1);
    let Some((invocation, outcome)) = server.invocations.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = Uuid::new_v4().to_string();
    let deadline = invocation.deadline.duration_since(UNIX_EPOCH).unwrap_or_default();
    server.pending.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), outcome);
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id),
        ("Lambda-Runtime-Deadline-Ms", deadline.as_millis().to_string()),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:999999999999:function:create-meeting".into(),
        ),
        ("Lambda-Runtime-Trace-Id", invocation.trace_header.into()),
    ];
    (headers, invocation.event).into_response()
}

async fn complete(
    State(server): State<Arc<Server>>,
    Path((id, kind)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let outcome = server.pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&id);
    let Some(outcome) = outcome else { return StatusCode::BAD_REQUEST };
    // The receiver may have given up.
    let _ = outcome.send(if kind == "response" { Ok(body) } else { Err(body) });
    StatusCode::ACCEPTED
}
