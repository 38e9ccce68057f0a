//! The function's outermost layer: reads a request from an event, and turns the outcome, even a panic, into a response.

mod event;
mod meeting_event;
mod proxy_response;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::value::RawValue;

pub use self::event::{HttpEvent, NotHttp, PayloadFormat};
use self::meeting_event::MeetingEvent;
pub use self::proxy_response::ProxyResponse;
use crate::api::Api;
use crate::error::Error;
use crate::invocation::{Invocation, Record};
use crate::meeting::Guid;
use crate::operation::Route;
use crate::telemetry::{self, LogEntry, Telemetry};

/// Handles one event, which arrived at `now`: performs its request, reports it to telemetry, and returns the
/// response. Every failure, even a panic, becomes an error response. An event about a meeting has no response.
///
/// # Errors
/// If the event does not come from an HTTP source, or the response cannot be serialized.
pub async fn handle(
    api: &Api,
    telemetry: &Telemetry,
    event: LambdaEvent<Box<RawValue>>,
    now: SystemTime,
) -> Result<ProxyResponse, Diagnostic> {
    let record = Record::default();
    let LambdaEvent { payload, context } = event;
    let arrived_at = now.duration_since(UNIX_EPOCH).unwrap_or_default();
    let invocation = Invocation::new(arrived_at, time_budget(context.deadline, now), &record);
    let lambda_request_id = &*context.request_id;
    let event = match HttpEvent::parse(&payload) {
        Ok(event) => event,
        Err(not_http) => {
            let event = MeetingEvent::parse(&payload).ok_or(not_http)?;
            Box::pin(handle_meeting_event(api, event, invocation, lambda_request_id)).await;
            return Ok(ProxyResponse::Nothing(()));
        }
    };
    let is_cold_start = telemetry.take_cold_start();
    let request_id = event.request_id.as_deref().unwrap_or(lambda_request_id);
    let route = Route::of(&event.request);
    let operation = route.as_ref().ok().map(|route| route.operation.name);
    // An ID that is not well-formed may contain anything, so it is not logged.
    let meeting_id = route.as_ref().ok().and_then(|route| Guid::parse(route.meeting_id?));
    let performing = async { api.perform(&route?, invocation).await };
    // Unwind-safe: invocations share no state that a panic could leave half changed.
    let result = AssertUnwindSafe(performing).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::service_failure(format!("a panic at {}", telemetry::take_panic_location())))
    });
    let response =
        ProxyResponse::new(event.format, request_id, &result).map_err(lambda_runtime::Error::from);
    let latency = invocation.elapsed();
    telemetry.report(&LogEntry {
        received_at: now,
        latency,
        request_id,
        extended_request_id: event.extended_request_id.as_deref(),
        lambda_request_id,
        operation,
        trace_id: context.xray_trace_id.as_deref().and_then(trace_id),
        caller: &event.request.caller,
        media_region: record.media_region.get().copied(),
        meeting_id: meeting_id.as_ref(),
        mark_error: record.mark_error(),
        calls: &record.take_calls(),
        result: &result,
        is_cold_start,
    });
    Ok(response?)
}

/// Handles an event about a meeting. It never fails: Lambda would send it again, and an alarm would roll an update back.
/// A later request finds out what the event could not tell.
async fn handle_meeting_event(
    api: &Api,
    event: MeetingEvent,
    invocation: Invocation<'_>,
    lambda_request_id: &str,
) {
    let meeting_id = match event {
        MeetingEvent::Ended(meeting_id) => meeting_id,
        MeetingEvent::EndedUnnamed => {
            let message = "ignored an event that a meeting has ended, without a valid meetingId";
            return tracing::warn!(lambdaRequestId = lambda_request_id, "{message}");
        }
        MeetingEvent::Other => {
            return tracing::debug!(lambdaRequestId = lambda_request_id, "ignored an event");
        }
    };
    let ended = AssertUnwindSafe(api.meeting_ended(&meeting_id, invocation)).catch_unwind().await;
    let error = match ended {
        Ok(Ok(is_known)) => {
            let message =
                if is_known { "a meeting has ended" } else { "another meeting has ended" };
            return tracing::info!(
                lambdaRequestId = lambda_request_id,
                meetingId = meeting_id.as_str(),
                "{message}"
            );
        }
        Ok(Err(error)) => error.log_message(),
        Err(_) => format!("a panic at {}", telemetry::take_panic_location()),
    };
    tracing::warn!(
        lambdaRequestId = lambda_request_id,
        meetingId = meeting_id.as_str(),
        error,
        "could not store that it has ended"
    );
}

/// The trace's ID in X-Ray's header, such as
/// `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1` ("Concepts" in its developer guide).
/// Clients can send one, so only a well-formed ID is accepted.
fn trace_id(header: &str) -> Option<&str> {
    let id = header.split(';').find_map(|part| part.trim().strip_prefix("Root="))?;
    let is_hex = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let [version, time, unique] = id.split('-').collect::<Vec<_>>()[..] else { return None };
    let lengths = (version, time.len(), unique.len());
    (lengths == ("1", 8, 24) && is_hex(time) && is_hex(unique)).then_some(id)
}

/// How long a request may take: until shortly before Lambda's `deadline` (milliseconds since 1970), which leaves
/// time to respond.
///
/// It is capped at 10 s: clients wait that long, and API Gateway allows 29 s ("Quotas" in its developer guide). A
/// deadline in the past is ignored, because local emulators send such deadlines.
fn time_budget(deadline: u64, now: SystemTime) -> Duration {
    const CAP: Duration = Duration::from_secs(10);
    // Formatting and logging a response takes microseconds. The rest is for a busy processor.
    const TO_RESPOND: Duration = Duration::from_millis(250);
    let deadline = UNIX_EPOCH + Duration::from_millis(deadline);
    deadline.duration_since(now).map_or(CAP, |left| left.saturating_sub(TO_RESPOND).min(CAP))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_budget_is_capped_and_ends_before_the_deadline() {
        let now = UNIX_EPOCH + Duration::from_secs(1_795_342_523);
        let in_time = |left: Duration| (now + left).duration_since(UNIX_EPOCH).unwrap_or_default();
        let milliseconds = |left| u64::try_from(in_time(left).as_millis()).unwrap_or(u64::MAX);
        for (left, limit) in [
            (Duration::from_millis(1), Duration::ZERO),
            (Duration::from_millis(250), Duration::ZERO),
            (Duration::from_secs(1), Duration::from_millis(750)),
            (Duration::from_secs(3), Duration::from_millis(2750)),
            (Duration::from_millis(10_249), Duration::from_millis(9999)),
            (Duration::from_secs(29), Duration::from_secs(10)),
            (Duration::from_mins(15), Duration::from_secs(10)),
        ] {
            assert_eq!(time_budget(milliseconds(left), now), limit, "{left:?}");
        }
        // No deadline, an emulator's, one that has just passed, one that never comes.
        for deadline in [0, 600_000, milliseconds(Duration::ZERO) - 1, u64::MAX] {
            assert_eq!(time_budget(deadline, now), Duration::from_secs(10), "{deadline}");
        }
    }
}
