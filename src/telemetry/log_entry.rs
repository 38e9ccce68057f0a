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
    fn count(name: &'static str, count: u32) -> Self {
        Self { name, unit: "Count", value: Value::Integer(count) }
    }

    fn duration(name: &'static str, duration: Duration) -> Self {
        let microseconds = u32::try_from(duration.as_micros()).unwrap_or(u32::MAX);
        let milliseconds = f64::from(microseconds) / 1000.0;
        Self { name, unit: "Milliseconds", value: Value::Decimal(milliseconds) }
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
    /// ERROR for server-side faults, WARN for rejected callers.
    pub(super) fn level(&self) -> Level {
        match self.result {
            Err(error) if error.is_server_fault() => Level::ERROR,
            Err(error) => match error.kind() {
                ErrorKind::UnauthorizedClient | ErrorKind::Forbidden => Level::WARN,
                _ => Level::INFO,
            },
            Ok(_) => Level::INFO,
        }
    }

    /// The HTTP status code of the response.
    pub(super) fn status(&self) -> u16 {
        match self.result {
            Ok(response) => response.status,
            Err(error) => error.kind().exception().status,
        }
    }

    pub(super) fn metrics(&self) -> Vec<Metric> {
        let mut metrics = vec![
            Metric::duration("Latency", self.latency),
            Metric::count(Outcome::of(self.result).metric(), 1),
        ];
        if let Err(error) = self.result {
            metrics.push(Metric::count(error.kind().exception().name, 1));
        }
        metrics.push(Metric::count("ColdStart", self.is_cold_start.into()));
        for (service, [latency, attempts, throttles, errors]) in [
            (Service::DynamoDb, ["StoreLatency", "StoreAttempts", "StoreThrottles", "StoreErrors"]),
            (
                Service::ChimeSdk,
                ["UpstreamLatency", "UpstreamAttempts", "UpstreamThrottles", "UpstreamErrors"],
            ),
        ] {
            let calls = || self.calls.iter().filter(move |call| call.service == service);
            if calls().next().is_some() {
                metrics.extend([
                    Metric::duration(latency, calls().map(|call| call.latency).sum()),
                    Metric::count(attempts, calls().map(|call| call.attempts).sum()),
                    Metric::count(throttles, calls().map(|call| call.throttles).sum()),
                ]);
            }
            // Counted even if the request succeeded: the call that checks a meeting may fail.
            let failed = calls().filter(|call| has_failed(call)).count();
            if failed > 0 {
                metrics.push(Metric::count(errors, u32::try_from(failed).unwrap_or(u32::MAX)));
            }
        }
        if self.calls.iter().any(RemoteCall::exceeded_quota) {
            metrics.push(Metric::count("UpstreamLimitExceeded", 1));
        }
        metrics
    }

    pub(super) fn properties(&self) -> Vec<Property<'_>> {
        let response = self.result.as_ref().ok();
        let error = self.result.as_ref().err();
        let created = response.and_then(|response| response.meeting_id.as_ref());
        let not_sent = response.map(|it| it.not_sent.join(",")).filter(|it| !it.is_empty());
        let message = error.map(|error| truncated(&error.log_message()).to_owned());
        let capacity = self.calls.iter().filter_map(|call| call.consumed_capacity);
        let upstream = self.calls.iter().rfind(|call| call.service == Service::ChimeSdk);
        let caller_arn = self.caller.arn.as_deref().filter(|_| self.level() == Level::WARN);
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
            ("consumedCapacity", capacity.reduce(|a, b| a + b).map(Value::Decimal)),
            (
                "upstreamRequestId",
                upstream.and_then(|it| it.request_id.as_deref()).map(Value::from),
            ),
            ("status", Some(Value::Integer(self.status().into()))),
            ("meetingId", created.or(self.meeting_id).map(|id| id.as_str().into())),
            ("notSentUpstream", text(not_sent)),
            ("error", error.map(|error| error.kind().exception().name.into())),
            ("message", text(message)),
            ("callerArn", caller_arn.map(Value::from)),
        ];
        properties.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Whether the call counts for the service's error alarm. Client errors do not, and neither do `DynamoDB` errors that the
/// operator caused, such as a missing table. A rejected `CreateMeeting` of the Amazon Chime SDK counts, because the
/// function validated the request first.
fn has_failed(call: &RemoteCall) -> bool {
    match (call.service, call.failed_with) {
        (_, Some(ErrorKind::ServiceUnavailable)) => true,
        (Service::ChimeSdk, Some(kind)) => {
            let is_rejection = matches!(
                kind,
                ErrorKind::BadRequest | ErrorKind::NotFound | ErrorKind::UnprocessableEntity
            );
            kind == ErrorKind::ServiceFailure || (is_rejection && call.operation == "CreateMeeting")
        }
        _ => false,
    }
}

/// The first 8 KiB of a message, because one request can violate a hundred thousand constraints, and a log entry has a
/// limit ("`CloudWatch` Logs quotas" in its user guide).
pub(super) fn truncated(message: &str) -> &str {
    &message[..message.floor_char_boundary(8 * 1024)]
}
