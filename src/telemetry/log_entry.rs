//! What is reported about a request: properties in camel case, metrics in Pascal case.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde::Serialize;
use tracing::Level;

use crate::caller::Caller;
use crate::error::{Error, ErrorKind};
use crate::invocation::{RemoteCall, Service};
use crate::meeting::{Guid, MediaRegion};
use crate::response::{Outcome, Response};

/// What is reported about a request. Like the messages of errors, it contains no sensitive values.
#[derive(Debug)]
pub struct LogEntry<'a> {
    /// When the request arrived.
    pub received_at: SystemTime,
    /// How long the response took.
    pub latency: Duration,
    /// The request ID that the client also gets, and may have chosen.
    pub request_id: &'a str,
    /// The second request ID of a REST API, which no client can choose.
    pub extended_request_id: Option<&'a str>,
    /// Lambda's ID of the invocation.
    pub lambda_request_id: &'a str,
    /// The operation that was called, if the API has it.
    pub operation: Option<&'static str>,
    /// The ID of the trace that the request belongs to.
    pub trace_id: Option<&'a str>,
    /// The caller.
    pub caller: &'a Caller,
    /// The media Region of a meeting to create, once the request was parsed.
    pub media_region: Option<MediaRegion>,
    /// The ID of the meeting in the request's path, if the request calls an operation and the ID is well-formed.
    pub meeting_id: Option<&'a Guid>,
    /// Why what was learned about a meeting could not be stored, if it could not.
    pub mark_error: Option<&'a str>,
    /// The calls of remote services that the request took.
    pub calls: &'a [RemoteCall],
    /// The response or the error that the client gets.
    pub result: &'a Result<Response, Error>,
    /// Whether it is the process's first request.
    pub is_cold_start: bool,
}

/// A metric of one request. It serializes as its definition.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    pub name: &'static str,
    /// `Count` or `Milliseconds`, as `CloudWatch` names them.
    pub unit: &'static str,
    #[serde(skip)]
    pub value: Value<'static>,
}

impl Metric {
    const fn one(name: &'static str) -> Self {
        Self { name, unit: "Count", value: Value::Integer(1) }
    }
}

/// The name and the value of a property.
pub type Property<'a> = (&'static str, Value<'a>);

/// The value of a property or a metric.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Value<'a> {
    Text(Cow<'a, str>),
    Integer(u32),
    Decimal(f64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text.into())
    }
}

impl LogEntry<'_> {
    /// ERROR for server-side faults, WARN for rejected callers and for what could not be stored about a meeting.
    pub(super) fn level(&self) -> Level {
        match self.result {
            Err(error) if error.is_server_fault() => Level::ERROR,
            _ if self.is_caller_rejected() || self.mark_error.is_some() => Level::WARN,
            _ => Level::INFO,
        }
    }

    fn is_caller_rejected(&self) -> bool {
        let kind = self.result.as_ref().err().map(Error::kind);
        matches!(kind, Some(ErrorKind::UnauthorizedClient | ErrorKind::Forbidden))
    }

    /// The HTTP status code of the response.
    pub(super) fn status(&self) -> u16 {
        match self.result {
            Ok(response) => response.status,
            Err(error) => error.kind().exception().status,
        }
    }

    /// The metrics, each of which an alarm or the dashboard reads: `CloudWatch` bills each name.
    pub(super) fn metrics(&self) -> Vec<Metric> {
        let (name, unit, value) = ("Latency", "Milliseconds", milliseconds(self.latency));
        let mut metrics =
            vec![Metric { name, unit, value }, Metric::one(Outcome::of(self.result).metric())];
        if let Err(error) = self.result {
            if error.kind() == ErrorKind::ServiceFailure {
                metrics.push(Metric::one(error.kind().exception().name));
            }
            // A request fails with its last call, except that a conflict can follow a failed check, and a client error
            // can precede a mark that could not be stored.
            let is_failed_mark =
                |call: &RemoteCall| self.mark_error.is_some() && call.operation == "UpdateItem";
            let last = self.calls.iter().rfind(|call| !is_failed_mark(call));
            let last = last.filter(|_| error.kind() != ErrorKind::Conflict);
            metrics.extend(last.and_then(failure_metric).map(Metric::one));
        }
        metrics
    }

    pub(super) fn properties(&self) -> Vec<Property<'_>> {
        let response = self.result.as_ref().ok();
        let error = self.result.as_ref().err();
        let created = response.and_then(|response| response.meeting_id.as_ref());
        let joined = |members: &[&str]| (!members.is_empty()).then(|| members.join(","));
        let not_sent = response.and_then(|it| joined(&it.not_sent));
        let differing = response.and_then(|it| joined(&it.differing));
        let message = error.map(|error| truncated(&error.log_message()).to_owned());
        let capacity = self.calls.iter().filter_map(|call| call.consumed_capacity);
        let upstream = self.calls.iter().rfind(|call| call.service == Service::ChimeSdk);
        let caller_arn = self.caller.arn.as_deref().filter(|_| self.is_caller_rejected());
        let text = |text: Option<String>| text.map(|text| Value::Text(text.into()));
        let properties = [
            ("outcome", Some(Outcome::of(self.result).name().into())),
            ("requestId", Some(self.request_id.into())),
            ("extendedRequestId", self.extended_request_id.map(Value::from)),
            ("lambdaRequestId", Some(self.lambda_request_id.into())),
            ("traceId", self.trace_id.map(Value::from)),
            ("operation", self.operation.map(Value::from)),
            ("accountId", Some(self.caller.account().into())),
            ("mediaRegion", self.media_region.map(|region| region.name().into())),
            ("coldStart", self.is_cold_start.then_some(Value::Integer(1))),
            ("consumedCapacity", capacity.reduce(|a, b| a + b).map(Value::Decimal)),
            (
                "upstreamRequestId",
                upstream.and_then(|it| it.request_id.as_deref()).map(Value::from),
            ),
            ("status", Some(Value::Integer(self.status().into()))),
            ("meetingId", created.or(self.meeting_id).map(|id| id.as_str().into())),
            ("notSentUpstream", text(not_sent)),
            ("differingMembers", text(differing)),
            ("error", error.map(|error| error.kind().exception().name.into())),
            ("message", text(message)),
            ("callerArn", caller_arn.map(Value::from)),
            ("markError", self.mark_error.map(|error| truncated(error).into())),
        ];
        let took = [
            (Service::DynamoDb, ["storeLatency", "storeAttempts", "storeThrottles"]),
            (Service::ChimeSdk, ["upstreamLatency", "upstreamAttempts", "upstreamThrottles"]),
        ];
        let took = took.into_iter().flat_map(|(service, names)| self.took(service, names));
        properties
            .into_iter()
            .chain(took)
            .filter_map(|(name, value)| Some((name, value?)))
            .collect()
    }

    /// What the calls of `service` took, as the properties `latency`, `attempts` and `throttles`.
    fn took(
        &self,
        service: Service,
        [latency, attempts, throttles]: [&'static str; 3],
    ) -> [(&'static str, Option<Value<'static>>); 3] {
        let calls = || self.calls.iter().filter(|call| call.service == service);
        let count = |count: u32| (count > 0).then_some(Value::Integer(count));
        let total = milliseconds(calls().map(|call| call.latency).sum());
        [
            (latency, calls().next().map(|_| total)),
            (attempts, count(calls().map(|call| call.attempts).sum())),
            (throttles, count(calls().map(|call| call.throttles).sum())),
        ]
    }
}

/// The metric of a call that made its request fail, if there is one. Client errors have none, and neither have
/// `DynamoDB` errors that the operator caused, such as a missing table. A rejected `CreateMeeting` of the Amazon Chime
/// SDK has one, because the function validated the request first.
fn failure_metric(call: &RemoteCall) -> Option<&'static str> {
    use ErrorKind::{
        BadRequest, NotFound, ResourceLimitExceeded, ServiceFailure, ServiceUnavailable,
        ThrottledClient, UnprocessableEntity,
    };
    match (call.service, call.failed_with?) {
        (Service::DynamoDb, ThrottledClient) => Some("StoreThrottles"),
        (Service::DynamoDb, ServiceUnavailable) => Some("StoreErrors"),
        (Service::ChimeSdk, ThrottledClient) => Some("UpstreamThrottles"),
        (Service::ChimeSdk, ResourceLimitExceeded) => Some("UpstreamLimitExceeded"),
        (Service::ChimeSdk, ServiceFailure | ServiceUnavailable) => Some("UpstreamErrors"),
        (Service::ChimeSdk, BadRequest | NotFound | UnprocessableEntity)
            if call.operation == "CreateMeeting" =>
        {
            Some("UpstreamErrors")
        }
        _ => None,
    }
}

fn milliseconds(duration: Duration) -> Value<'static> {
    let microseconds = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
    Value::Decimal(f64::from(microseconds) / 1000.0)
}

/// The first 8 KiB of a message, because one request can violate thousands of constraints, and a log entry has a limit
/// ("`CloudWatch` Logs quotas" in its user guide).
pub(super) fn truncated(message: &str) -> &str {
    &message[..message.floor_char_boundary(8 * 1024)]
}
