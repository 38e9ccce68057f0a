//! What is reported about a request: properties in camel case, metrics in Pascal case.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tracing::Level;

use super::xray::TraceHeader;
use crate::attempts::{Service, ServiceCall};
use crate::caller::Caller;
use crate::error::{Error, ErrorKind};
use crate::meeting::MediaRegion;
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
    /// The trace that the request belongs to.
    pub trace: Option<TraceHeader<'a>>,
    /// The caller.
    pub caller: &'a Caller,
    /// The media Region of a meeting to create, once the request was parsed.
    pub media_region: Option<MediaRegion>,
    /// The ID of the meeting in the request's path.
    pub meeting_id: Option<&'a str>,
    /// The calls of remote services that the request took.
    pub calls: &'a [ServiceCall],
    /// The response or the error that the client gets.
    pub result: &'a Result<Response, Error>,
    /// Whether it is the process's first request.
    pub is_cold_start: bool,
}

/// A metric of one request.
pub struct Metric {
    pub name: &'static str,
    /// `Count` or `Milliseconds`, as `CloudWatch` names them.
    pub unit: &'static str,
    /// A number.
    pub value: Value,
}

impl Metric {
    fn count(name: &'static str, count: u32) -> Self {
        Self { name, unit: "Count", value: json!(count) }
    }

    fn latency(name: &'static str, latency: Duration) -> Self {
        let microseconds = u32::try_from(latency.as_micros()).unwrap_or(u32::MAX);
        Self { name, unit: "Milliseconds", value: json!(f64::from(microseconds) / 1000.0) }
    }
}

impl LogEntry<'_> {
    /// ERROR for server-side faults, WARN for callers that were turned away.
    pub(super) fn level(&self) -> Level {
        match self.result {
            Err(error) if error.is_ours() => Level::ERROR,
            Err(error) => match error.kind() {
                ErrorKind::UnauthorizedClient | ErrorKind::Forbidden => Level::WARN,
                _ => Level::INFO,
            },
            Ok(_) => Level::INFO,
        }
    }

    /// What became of the request, as a property and as a metric.
    pub(super) fn outcome(&self) -> (&'static str, &'static str) {
        match self.result {
            Ok(response) => match response.outcome {
                Outcome::Created => ("created", "Created"),
                Outcome::Replayed => ("replayed", "Replayed"),
                Outcome::Relayed => ("relayed", "Relayed"),
            },
            Err(error) if error.is_ours() => ("failed", "Failed"),
            Err(error) if error.kind() == ErrorKind::Conflict => ("conflicted", "Conflicted"),
            Err(_) => ("refused", "Refused"),
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
        let mut metrics =
            vec![Metric::latency("Latency", self.latency), Metric::count(self.outcome().1, 1)];
        if let Err(error) = self.result {
            metrics.push(Metric::count(error.kind().exception().name, 1));
        }
        metrics.push(Metric::count("ColdStart", self.is_cold_start.into()));
        for (service, [latency, attempts, throttles, errors]) in [
            (Service::DynamoDb, ["StoreLatency", "StoreAttempts", "StoreThrottles", "StoreErrors"]),
            (
                Service::ChimeSdkMeetings,
                ["UpstreamLatency", "UpstreamAttempts", "UpstreamThrottles", "UpstreamErrors"],
            ),
        ] {
            let calls = || self.calls.iter().filter(move |call| call.service == service);
            if calls().next().is_some() {
                metrics.extend([
                    Metric::latency(latency, calls().map(|call| call.latency).sum()),
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
        if self.calls.iter().any(ServiceCall::met_quota) {
            metrics.push(Metric::count("UpstreamLimitExceeded", 1));
        }
        metrics
    }

    pub(super) fn properties(&self) -> Vec<(&'static str, Value)> {
        let response = self.result.as_ref().ok();
        let error = self.result.as_ref().err();
        let created = response.and_then(|response| response.meeting_id.as_deref());
        let not_sent = response.map(|response| response.not_sent.join(","));
        let capacity = self.calls.iter().filter_map(|call| call.consumed_capacity);
        let upstream = self.calls.iter().rfind(|call| call.service == Service::ChimeSdkMeetings);
        let caller_arn = self.caller.arn.as_ref().filter(|_| self.level() == Level::WARN);
        let properties = [
            ("outcome", json!(self.outcome().0)),
            ("requestId", json!(self.request_id)),
            ("extendedRequestId", json!(self.extended_request_id)),
            ("lambdaRequestId", json!(self.lambda_request_id)),
            ("traceId", json!(self.trace.map(|trace| trace.root))),
            ("operation", json!(self.operation)),
            ("accountId", json!(self.caller.account())),
            ("mediaRegion", json!(self.media_region)),
            ("consumedCapacity", json!(capacity.reduce(|a, b| a + b))),
            ("upstreamRequestId", json!(upstream.and_then(|call| call.request_id.as_deref()))),
            ("status", json!(self.status())),
            ("meetingId", json!(created.or(self.meeting_id))),
            ("notSentUpstream", json!(not_sent.filter(|members| !members.is_empty()))),
            ("error", json!(error.map(|error| error.kind().exception().name))),
            ("message", json!(error.map(|error| truncated(&error.log_message()).to_owned()))),
            ("callerArn", json!(caller_arn)),
        ];
        properties.into_iter().filter(|(_, value)| !value.is_null()).collect()
    }
}

/// Whether the call failed in a way that the service's alarm is for: not by a client's fault, nor, at `DynamoDB`, by
/// an operator's, such as a missing table. If the Amazon Chime SDK rejects `CreateMeeting`, that counts, because the
/// function has validated the request before.
fn has_failed(call: &ServiceCall) -> bool {
    match (call.service, call.failed_with) {
        (_, Some(ErrorKind::ServiceUnavailable)) => true,
        (Service::ChimeSdkMeetings, Some(kind)) => {
            let is_rejection = matches!(
                kind,
                ErrorKind::BadRequest | ErrorKind::NotFound | ErrorKind::UnprocessableEntity
            );
            kind == ErrorKind::ServiceFailure || (is_rejection && call.operation == "CreateMeeting")
        }
        _ => false,
    }
}

/// The beginning of a message, because one request can violate a hundred thousand constraints.
pub(super) fn truncated(message: &str) -> &str {
    &message[..message.floor_char_boundary(8 * 1024)]
}
