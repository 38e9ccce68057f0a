//! The compiled function, with a stand-in for the Lambda Runtime API.

use std::collections::BTreeMap;
use std::time::SystemTime;

use axum::body::Bytes;
use futures_util::TryFutureExt;
use local::runtime_api::{Invocation, RuntimeApi};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::oneshot::error::RecvError;
use tokio::time::timeout;

use super::exceptions::exception;
use super::process::Process;
use super::{DynamoDb, Event, PATIENCE, program};

pub struct Function {
    pub process: Process,
    /// The trace header that Lambda sends with an invocation.
    pub trace_header: &'static str,
    runtime_api: RuntimeApi,
}

/// The function's response to an event, or the error that it reported.
pub type Outcome = Result<Value, Value>;

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

    /// A meeting, attendees, both, or nothing for a transcription request.
    fn assert_modelled_success(&self, json: &Value) {
        let members: Vec<_> = json.as_object().unwrap().keys().map(String::as_str).collect();
        match (self.status, &members[..]) {
            (200, [] | ["Attendee" | "Meetings"] | ["Attendees" | "Meetings", "NextToken"])
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
        let name = header("x-amzn-errortype").unwrap();
        let (code, status) = exception(name).unwrap_or_else(|| panic!("{self:?}"));
        assert_eq!(self.status, status, "{self:?}");
        assert!(!self.message().is_empty());
        let request_id = header("x-amzn-requestid");
        assert_eq!(
            json,
            json!({"Code": code, "Message": self.message(), "RequestId": request_id, "Resource": null}),
        );
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
        let runtime_api = RuntimeApi::start().await.unwrap();
        let process = Process::spawn(command.env("AWS_LAMBDA_RUNTIME_API", &runtime_api.address));
        let started = timeout(PATIENCE, runtime_api.polled(1)).await.is_ok();
        assert!(started, "no start; the function wrote:\n{}", process.output());
        let trace_header = "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5";
        Self { process, trace_header, runtime_api }
    }

    /// The reply to an HTTP event.
    pub async fn invoke(&self, event: &Event) -> Reply {
        Reply::from(self.invoke_raw(event.0.to_string()).await.unwrap())
    }

    /// The reply to an HTTP event. Like Lambda, it accepts no reply after the deadline, unless the
    /// deadline had already passed.
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

    /// Sends an event. If the function dies while it handles the event, there is no outcome.
    pub fn send(
        &self,
        deadline: SystemTime,
        event: Vec<u8>,
    ) -> impl Future<Output = Result<Outcome, RecvError>> + use<> {
        let (event, trace_header) = (event.into(), self.trace_header);
        let outcome = self.runtime_api.invoke(Invocation { event, deadline, trace_header });
        let json = |body: Bytes| serde_json::from_slice(&body).unwrap();
        outcome.map_ok(move |outcome| outcome.map(json).map_err(json))
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
