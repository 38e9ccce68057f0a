//! What is told of a request: properties in camel case, metrics in Pascal case.

use std::time::{Duration, SystemTime};

use metrique_writer_core::EntryWriter;
use metrique_writer_core::unit::AsCount;
use metrique_writer_format_emf::NoMetric;
use tracing::Level;

use super::xray::TraceHeader;
use crate::attempts::{Service, ServiceCall};
use crate::caller::Caller;
use crate::error::{Error, ErrorKind};
use crate::meeting::MediaRegion;
use crate::response::{Outcome, Response};

/// What is told of a request. It holds nothing sensitive, as errors do not either.
#[derive(Debug)]
pub struct Record<'a> {
    /// When the request came.
    pub received_at: SystemTime,
    /// How long the answer took.
    pub latency: Duration,
    /// The id that the client gets too, and may have chosen.
    pub request_id: &'a str,
    /// The id that a REST API gives the request beside it, which no client can choose.
    pub extended_request_id: Option<&'a str>,
    /// Lambda's id of the invocation.
    pub lambda_request_id: &'a str,
    /// Which operation is called, if the API has it.
    pub operation: Option<&'static str>,
    /// Which trace the request belongs to.
    pub trace: Option<TraceHeader<'a>>,
    /// Who calls.
    pub caller: &'a Caller,
    /// Where the meeting is to be, as far as the request has been read.
    pub media_region: Option<MediaRegion>,
    /// The meeting that the request names.
    pub meeting_id: Option<&'a str>,
    /// The calls of remote services that it took.
    pub calls: &'a [ServiceCall],
    /// What the client gets.
    pub result: &'a Result<Response, Error>,
    /// Whether it is the process's first request.
    pub is_cold_start: bool,
}

impl Record<'_> {
    /// Errors are ours, warnings tell of callers who were turned away.
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

    /// What came of the request, as a property and as a metric.
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

    /// The HTTP status code of the answer.
    pub(super) fn status(&self) -> u16 {
        match self.result {
            Ok(response) => response.status,
            Err(error) => error.kind().wire().status,
        }
    }

    pub(super) fn write_metrics<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.value("Latency", &self.latency);
        writer.value(self.outcome().1, &count(1));
        if let Err(error) = self.result {
            writer.value(error.kind().wire().name, &count(1));
        }
        writer.value("ColdStart", &count(self.is_cold_start.into()));
        for (service, [latency, attempts, throttles, errors]) in [
            (Service::DynamoDb, ["StoreLatency", "StoreAttempts", "StoreThrottles", "StoreErrors"]),
            (
                Service::ChimeSdkMeetings,
                ["UpstreamLatency", "UpstreamAttempts", "UpstreamThrottles", "UpstreamErrors"],
            ),
        ] {
            let calls = || self.calls.iter().filter(move |call| call.service == service);
            if calls().next().is_some() {
                writer.value(latency, &calls().map(|call| call.latency).sum::<Duration>());
                writer.value(attempts, &count(calls().map(|call| call.attempts).sum()));
                writer.value(throttles, &count(calls().map(|call| call.throttles).sum()));
            }
            // Even if the request got its answer: a call that only checks a meeting can fail.
            let failed = calls().filter(|call| has_failed(call)).count();
            if failed > 0 {
                writer.value(errors, &count(u32::try_from(failed).unwrap_or(u32::MAX)));
            }
        }
        if self.calls.iter().any(ServiceCall::met_quota) {
            writer.value("UpstreamLimitExceeded", &count(1));
        }
    }

    pub(super) fn write_properties<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        writer.value("outcome", self.outcome().0);
        writer.value("requestId", self.request_id);
        writer.value("extendedRequestId", &self.extended_request_id);
        writer.value("lambdaRequestId", self.lambda_request_id);
        writer.value("traceId", &self.trace.map(|trace| trace.root));
        writer.value("operation", &self.operation);
        writer.value("accountId", self.caller.account());
        writer.value("mediaRegion", &self.media_region.map(MediaRegion::name));
        let capacity = self.calls.iter().filter_map(|call| call.consumed_capacity);
        writer.value("consumedCapacity", &capacity.reduce(|a, b| a + b).map(NoMetric::from));
        let upstream = self.calls.iter().rfind(|call| call.service == Service::ChimeSdkMeetings);
        writer.value("upstreamRequestId", &upstream.and_then(|call| call.request_id.as_deref()));
        writer.value("status", &NoMetric::from(self.status()));
        let created = self.result.as_ref().ok().and_then(|response| response.meeting_id.as_deref());
        writer.value("meetingId", &created.or(self.meeting_id));
        match self.result {
            Ok(response) if response.not_sent.is_empty() => {}
            Ok(response) => writer.value("notSentUpstream", &*response.not_sent.join(",")),
            Err(error) => {
                writer.value("error", error.kind().wire().name);
                writer.value("message", beginning(&error.log_message()));
            }
        }
        if self.level() == Level::WARN {
            writer.value("callerArn", &self.caller.arn);
        }
    }
}

/// Whether the call failed in a way that the service's alarm is for. Neither a client's fault counts nor an
/// operator's at `DynamoDB`, such as a missing table. The Amazon Chime SDK's rejections of `CreateMeeting` count,
/// because the function has checked the request before.
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

fn count(count: u32) -> AsCount<u32> {
    count.into()
}

/// As much of a message as a log line can bear: a client may break a hundred thousand constraints.
pub fn beginning(message: &str) -> &str {
    &message[..message.floor_char_boundary(8 * 1024)]
}
