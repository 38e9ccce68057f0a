//! The compiled function, with a stand-in for the Lambda Runtime API.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::process::Process;
use super::{DynamoDb, Event, PATIENCE, program};

pub struct Function {
    pub process: Process,
    /// The trace header that Lambda sends with an invocation.
    pub trace_header: &'static str,
    invocations: mpsc::UnboundedSender<Invocation>,
    /// Stops when it is dropped.
    _runtime_api: JoinSet<()>,
}

/// The function's outcome for an event: its response, or the error that it reported.
pub type Outcome = Result<Value, Value>;

struct Invocation {
    event: Vec<u8>,
    deadline: SystemTime,
    trace_header: &'static str,
    outcome: oneshot::Sender<Outcome>,
}

/// An HTTP response as the function returns it to API Gateway, with lower-case header names.
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

    /// A meeting, attendees, both, or nothing for a transcription request.
    fn assert_modelled_success(&self, json: &Value) {
        let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        match (self.status, &members[..]) {
            (200, [] | ["Attendee"] | ["Attendees", "NextToken"])
            | (201, ["Attendee"] | ["Attendees", "Errors"]) => {}
            (200 | 201, ["Meeting"]) | (201, ["Attendees", "Errors", "Meeting"]) => {
                assert_eq!(self.meeting_id().len(), 36, "{self:?}");
                assert_eq!(json["Meeting"]["MediaPlacement"].as_object().unwrap().len(), 8);
            }
            _ => panic!("{self:?}"),
        }
    }

    /// The error message. Panics if there is none.
    pub fn message(&self) -> String {
        self.json()["Message"].as_str().unwrap().to_owned()
    }

    /// Asserts that this is a complete response of the API reference or of HTTP.
    pub fn assert_modelled(&self) {
        let header = |name: &str| self.headers.get(name).map(String::as_str);
        assert!(header("x-amzn-requestid").is_some_and(|id| !id.is_empty()), "{self:?}");
        if self.status == 204 {
            assert_eq!((header("content-type"), &*self.body), (None, ""), "{self:?}");
            return;
        }
        assert_eq!(header("content-type"), Some("application/json"), "{self:?}");
        let json = self.json();
        if self.status < 300 {
            self.assert_modelled_success(&json);
            return;
        }
        let name = json["__type"].as_str().unwrap();
        let (code, status) = match name {
            "BadRequestException" => ("BadRequest", 400),
            "ResourceLimitExceededException" => ("ResourceLimitExceeded", 400),
            "UnauthorizedClientException" => ("Unauthorized", 401),
            "ForbiddenException" => ("Forbidden", 403),
            "ThrottledClientException" => ("Throttled", 429),
            "ServiceFailureException" => ("ServiceFailure", 500),
            "ServiceUnavailableException" => ("ServiceUnavailable", 503),
            "NotFoundException" => ("NotFound", 404),
            "UnprocessableEntityException" => ("Unprocessable", 422),
            "MethodNotAllowedException" => ("MethodNotAllowed", 405),
            _ => panic!("{self:?}"),
        };
        assert_eq!((self.status, &json["Code"]), (status, &code.into()), "{self:?}");
        assert_eq!(header("x-amzn-errortype"), Some(name));
        assert!(!self.message().is_empty());
        let retry = matches!(status, 429 | 503);
        assert_eq!(
            (header("retry-after"), header("x-amz-retry-after")),
            if retry { (Some("1"), Some("1000")) } else { (None, None) }
        );
        assert_eq!(header("allow").is_some(), status == 405);
    }

    /// The meeting's ID. Panics if there is none.
    pub fn meeting_id(&self) -> String {
        self.json()["Meeting"]["MeetingId"].as_str().unwrap_or_else(|| panic!("{self:?}")).into()
    }

    pub fn is_replay(&self) -> bool {
        self.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
    }
}

impl Function {
    pub async fn start(dynamodb: &DynamoDb) -> Self {
        Self::start_with(dynamodb, &[]).await
    }

    /// Starts the function with these environment variables. The request that opens its connection
    /// is not counted.
    pub async fn start_with(dynamodb: &DynamoDb, settings: &[(&str, &str)]) -> Self {
        let mut command = program::create_meeting().await;
        command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint);
        let function = Self::spawn(command.envs(settings.iter().copied())).await;
        dynamodb.take_requests();
        function
    }

    /// Starts a function, and waits until it requests its first event.
    pub async fn spawn(command: &mut Command) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (invocations, next) = mpsc::unbounded_channel();
        let (is_ready, mut ready) = watch::channel(false);
        let mut runtime_api = JoinSet::new();
        runtime_api.spawn(async { axum::serve(listener, serve(next, is_ready)).await.unwrap() });
        let process = Process::spawn(command.env("AWS_LAMBDA_RUNTIME_API", address));
        let started = timeout(PATIENCE, ready.wait_for(|ready| *ready)).await.is_ok();
        assert!(started, "no start; the function wrote:\n{}", process.output());
        let trace_header = "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5";
        Self { process, trace_header, invocations, _runtime_api: runtime_api }
    }

    /// The reply to an event that comes from HTTP.
    pub async fn invoke(&self, event: &Event) -> Reply {
        Reply::from(self.invoke_raw(event.0.to_string()).await.unwrap())
    }

    /// The reply to an HTTP event. Like Lambda, it accepts none after the deadline, unless the
    /// deadline was already over.
    pub async fn invoke_by(&self, deadline: SystemTime, event: &Event) -> Reply {
        Reply::from(self.outcome(deadline, event.0.to_string().into()).await.unwrap())
    }

    pub async fn invoke_raw(&self, event: impl Into<Vec<u8>>) -> Outcome {
        self.outcome(SystemTime::now() + PATIENCE, event.into()).await
    }

    async fn outcome(&self, deadline: SystemTime, event: Vec<u8>) -> Outcome {
        let outcome = self.send(deadline, event);
        let left = deadline.duration_since(SystemTime::now()).unwrap_or(PATIENCE);
        match timeout(left, outcome).await {
            Ok(Ok(outcome)) => outcome,
            _ => {
                panic!("no reply within {left:?}; the function wrote:\n{}", self.process.output())
            }
        }
    }

    /// Sends an event. If the function dies, there is no outcome.
    pub fn send(&self, deadline: SystemTime, event: Vec<u8>) -> oneshot::Receiver<Outcome> {
        let (sender, outcome) = oneshot::channel();
        let trace_header = self.trace_header;
        let invocation = Invocation { event, deadline, trace_header, outcome: sender };
        self.invocations.send(invocation).ok().unwrap();
        outcome
    }
}

impl From<Value> for Reply {
    fn from(reply: Value) -> Self {
        let headers = reply["headers"].as_object().unwrap().iter();
        Self {
            status: reply["statusCode"].as_u64().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_lowercase(), value.as_str().unwrap().to_owned()))
                .collect(),
            body: reply["body"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

struct RuntimeApi {
    is_ready: watch::Sender<bool>,
    next: tokio::sync::Mutex<mpsc::UnboundedReceiver<Invocation>>,
    pending: Mutex<HashMap<String, oneshot::Sender<Outcome>>>,
}

fn serve(next: mpsc::UnboundedReceiver<Invocation>, is_ready: watch::Sender<bool>) -> Router {
    let state = RuntimeApi { is_ready, next: next.into(), pending: Mutex::default() };
    Router::new()
        .route("/2018-06-01/runtime/invocation/next", get(next_invocation))
        .route("/2018-06-01/runtime/invocation/{id}/{outcome}", post(take_outcome))
        .layer(DefaultBodyLimit::disable())
        .with_state(Arc::new(state))
}

async fn next_invocation(State(runtime_api): State<Arc<RuntimeApi>>) -> Response {
    runtime_api.is_ready.send_replace(true);
    let Some(invocation) = runtime_api.next.lock().await.recv().await else {
        return StatusCode::GONE.into_response();
    };
    let id = uuid::Uuid::new_v4().to_string();
    let deadline = invocation.deadline.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    runtime_api.pending.lock().unwrap().insert(id.clone(), invocation.outcome);
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

async fn take_outcome(
    State(runtime_api): State<Arc<RuntimeApi>>,
    Path((id, outcome)): Path<(String, String)>,
    body: Bytes,
) -> StatusCode {
    let body = serde_json::from_slice(&body).unwrap();
    let sender = runtime_api.pending.lock().unwrap().remove(&id).unwrap();
    // The receiver may have given up.
    let _ = sender.send(if outcome == "response" { Ok(body) } else { Err(body) });
    StatusCode::ACCEPTED
}
