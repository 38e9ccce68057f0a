//! The HTTP side of Lambda: parses events, routes requests, and formats responses.

mod event;
mod proxy_response;
mod route;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use tokio::time::Instant;

pub use self::event::{HttpRequest, NotHttp, PayloadFormat};
pub use self::proxy_response::ProxyResponse;
pub use self::route::{Handler, Operation, Route};
use crate::api::{Api, Invocation};
use crate::chime_sdk::patterns;
use crate::error::Error;
use crate::telemetry::{self, LogEntry, Telemetry, TraceHeader};

/// Handles one event, which arrived at `now`: performs its request, reports it to telemetry, and returns the
/// response. Every failure, even a panic, becomes an error response.
///
/// # Errors
/// If the event does not come from an HTTP source, or the response cannot be serialized.
pub async fn handle(
    api: &Api,
    telemetry: &Telemetry,
    event: LambdaEvent<Box<RawValue>>,
    now: SystemTime,
) -> Result<ProxyResponse, Diagnostic> {
    let started_at = Instant::now();
    let LambdaEvent { payload, context } = event;
    let lambda_request_id = &*context.request_id;
    let request = HttpRequest::from_event(&payload)?;
    let is_cold_start = telemetry.take_cold_start();
    let request_id = request.request_id.as_deref().unwrap_or(lambda_request_id);
    let mut invocation = Invocation {
        now,
        deadline: started_at + time_budget(context.deadline, now),
        media_region: None,
        calls: Vec::new(),
    };
    let route = Route::of(&request);
    let (operation, meeting_id) = match &route {
        // An invalid ID may contain anything, so it is not logged.
        Ok(route) => {
            (Some(route.operation.name), route.meeting_id.filter(|id| patterns::is_id(id)))
        }
        Err(_) => (None, None),
    };
    let call = async { api.call(&route?, &request, &mut invocation).await };
    // Unwind-safe: invocations share no state that a panic could leave half changed.
    let result = AssertUnwindSafe(call).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::service_failure(format!("a panic at {}", telemetry::take_panic_location())))
    });
    let response = ProxyResponse::new(request.format, request_id, &result)
        .map_err(lambda_runtime::Error::from);
    telemetry.report(&LogEntry {
        received_at: now,
        latency: started_at.elapsed(),
        request_id,
        extended_request_id: request.extended_request_id.as_deref(),
        lambda_request_id,
        operation,
        trace: context.xray_trace_id.as_deref().and_then(TraceHeader::parse),
        caller: &request.caller,
        media_region: invocation.media_region,
        meeting_id,
        calls: &invocation.calls,
        result: &result,
        is_cold_start,
    });
    Ok(response?)
}

/// How long a request may take: until shortly before Lambda's `deadline` (milliseconds since 1970), which leaves
/// time to respond.
///
/// It is capped at 10 s, which clients wait for and is well below API Gateway's timeout of 29 s ("Quotas" in its
/// developer guide). A deadline in the past is ignored, because local emulators send such deadlines.
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
