//! The compiled function, beside a stand-in for the Lambda Runtime API.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::process::Process;
use super::{DynamoDb, Event, PATIENCE, program};

pub struct Function {
    pub process: Process,
    invocations: mpsc::UnboundedSender<Invocation>,
}

/// What the function made of an event: its response, or the error it reported.
type Outcome = Result<Value, Value>;

struct Invocation {
    event: String,
    outcome: oneshot::Sender<Outcome>,
}

/// An HTTP response as the function hands it to API Gateway, header names in lower case.
#[derive(Debug)]
pub struct Reply {
    pub status: u64,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    /// The error message. A reply without one fails the test.
    pub fn message(&self) -> String {
        self.json()["Message"].as_str().unwrap().to_owned()
    }

    pub fn is_replay(&self) -> bool {
        self.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
    }
}

impl Function {
    pub async fn start(dynamodb: &DynamoDb) -> Self {
        Self::start_with(dynamodb, &[]).await
    }

    /// Starts the function with these variables in its environment.
    pub async fn start_with(dynamodb: &DynamoDb, settings: &[(&str, &str)]) -> Self {
        let mut command = program::create_meeting().await;
        command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint);
        Self::spawn(command.envs(settings.iter().copied())).await
    }

    pub async fn spawn(command: &mut Command) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (invocations, next) = mpsc::unbounded_channel();
        tokio::spawn(async { axum::serve(listener, runtime_api(next)).await });
        let process = Process::spawn(command.env("AWS_LAMBDA_RUNTIME_API", address));
        Self { process, invocations }
    }

    /// The reply to an event that comes from HTTP.
    pub async fn invoke(&self, event: &Event) -> Reply {
        let reply = self.invoke_raw(&event.0).await.unwrap();
        let headers = reply["headers"].as_object().unwrap().iter();
        Reply {
            status: reply["statusCode"].as_u64().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
                .collect(),
            body: reply["body"].as_str().unwrap().to_owned(),
        }
    }

    pub async fn invoke_raw(&self, event: &Value) -> Outcome {
        let (sender, outcome) = oneshot::channel();
        let invocation = Invocation { event: event.to_string(), outcome: sender };
        self.invocations.send(invocation).ok().unwrap();
        match timeout(PATIENCE, outcome).await {
            Ok(Ok(outcome)) => outcome,
            _ => panic!("no answer to {event}; the function wrote:\n{}", self.process.output()),
        }
    }
}

struct RuntimeApi {
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    pending: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

fn runtime_api(next: mpsc::UnboundedReceiver<Invocation>) -> Router {
    let state = RuntimeApi { next: next.into(), pending: Mutex::default() };
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
        .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(take_outcome))
        .with_state(Arc::new(state))
}

async fn next_invocation(State(runtime_api): State<Arc<RuntimeApi>>) -> Response {
    let Some(invocation) = runtime_api.next.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = uuid::Uuid::new_v4().to_string();
    let deadline = (std::time::UNIX_EPOCH.elapsed().unwrap() + PATIENCE).as_millis();
    runtime_api.pending.lock().unwrap().insert(id.clone(), invocation.outcome);
    let headers = [
        ("Lambda-Runtime-Aws-Request-Id", id),
        ("Lambda-Runtime-Deadline-Ms", deadline.to_string()),
        (
            "Lambda-Runtime-Invoked-Function-Arn",
            "arn:aws:lambda:us-east-1:999999999999:function:create-meeting".into(),
        ),
        ("Lambda-Runtime-Trace-Id", "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5".into()),
    ];
    (headers, invocation.event).into_response()
}

async fn take_outcome(
    State(runtime_api): State<Arc<RuntimeApi>>,
    Path((id, outcome)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap();
    let sender = runtime_api.pending.lock().unwrap().remove(&id).unwrap();
    // Whoever asked may have given up.
    let _ = sender.send(if outcome == "response" { Ok(body) } else { Err(body) });
    StatusCode::ACCEPTED
}
