//! What is told of a request: properties in camel case, metrics in Pascal case.

use std::time::{Duration, SystemTime};

use metrique_writer_core::EntryWriter;
use metrique_writer_core::unit::AsCount;
use metrique_writer_format_emf::NoMetric;
use tracing::Level;

use super::xray::TraceHeader;
use crate::caller::Caller;
use crate::create_meeting::Answer;
use crate::error::{Error, ErrorKind};
use crate::meeting::MediaRegion;
use crate::store::Usage;

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
    /// What the store has taken.
    pub store: Usage,
    /// What the client gets.
    pub result: &'a Result<Answer, Error>,
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
            Ok(answer) if answer.replayed => ("replayed", "Replayed"),
            Ok(_) => ("created", "Created"),
            Err(error) if error.is_ours() => ("failed", "Failed"),
            Err(error) if error.kind() == ErrorKind::Conflict => ("conflicted", "Conflicted"),
            Err(_) => ("refused", "Refused"),
        }
    }

    /// The HTTP status code of the answer.
    pub(super) fn status(&self) -> u16 {
        match self.result {
            Ok(_) => 201,
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
        if self.store.started.is_some() {
            writer.value("StoreLatency", &self.store.latency);
            writer.value("StoreAttempts", &count(self.store.attempts));
            writer.value("StoreThrottles", &count(self.store.throttles));
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
        writer.value("consumedCapacity", &self.store.consumed_capacity.map(NoMetric::from));
        writer.value("status", &NoMetric::from(self.status()));
        match self.result {
            Ok(answer) => {
                writer.value("meetingId", &*answer.meeting.meeting_id.to_string());
            }
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

fn count(count: u32) -> AsCount<u32> {
    count.into()
}

/// As much of a message as a log line can bear: a client may break a hundred thousand constraints.
pub fn beginning(message: &str) -> &str {
    &message[..message.floor_char_boundary(8 * 1024)]
}
