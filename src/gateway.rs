//! API Gateway: the event that comes in, the route, and the reply that goes out.

mod event;
mod reply;
mod route;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::value::RawValue;
use tokio::time::Instant;

pub use self::event::{HttpRequest, NotHttp, PayloadFormat};
pub use self::reply::Reply;
pub use self::route::{Operation, Service};
use crate::endpoint::Endpoint;
use crate::error::Error;
use crate::telemetry::{self, Record, Telemetry, TraceHeader};

/// Answers one event, which has come `now`, and reports what came of it. Whatever goes wrong is
/// answered too.
///
/// # Errors
/// If the event comes from no HTTP source, or an answer cannot be written as JSON.
pub async fn handle(
    endpoint: &Endpoint,
    telemetry: &Telemetry,
    event: LambdaEvent<Box<RawValue>>,
    now: SystemTime,
) -> Result<Reply, Diagnostic> {
    let started_at = Instant::now();
    let LambdaEvent { payload, context } = event;
    let lambda_request_id = &*context.request_id;
    let request = HttpRequest::from_event(&payload)?;
    let is_cold_start = telemetry.is_cold_start();
    let request_id = request.request_id.as_deref().unwrap_or(lambda_request_id);
    let deadline = started_at + time_limit(context.deadline, now);
    let mut calls = Vec::new();
    let operation = Operation::called_by(&request);
    let operation_name = operation.as_ref().ok().map(|operation| operation.name);
    let mut media_region = None;
    let answer = async {
        endpoint.call(operation?, &request, (now, deadline), &mut media_region, &mut calls).await
    };
    // A panic leaves nothing half done: what invocations share does not change.
    let result = AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| {
        Err(Error::service_failure(format!("a panic at {}", telemetry::panic_place())))
    });
    let reply =
        Reply::new(request.format, request_id, &result).map_err(lambda_runtime::Error::from);
    telemetry.report(&Record {
        received_at: now,
        latency: started_at.elapsed(),
        request_id,
        extended_request_id: request.extended_request_id.as_deref(),
        lambda_request_id,
        operation: operation_name,
        trace: context.xray_trace_id.as_deref().and_then(TraceHeader::parse),
        caller: &request.caller,
        media_region,
        meeting_id: request.meeting_id(),
        calls: &calls,
        result: &result,
        is_cold_start,
    });
    Ok(reply?)
}

/// How long the work on a request may take: it leaves time to answer before `deadline`, which
/// Lambda tells in milliseconds since 1970. It is never longer than a client cares to wait, and by
/// far not as long as API Gateway does (29 s, "Quotas" in its developer guide). A deadline that
/// has passed is none: emulators send such.
fn time_limit(deadline: u64, now: SystemTime) -> Duration {
    const LONGEST: Duration = Duration::from_secs(10);
    const TO_ANSWER: Duration = Duration::from_millis(250);
    let deadline = UNIX_EPOCH + Duration::from_millis(deadline);
    deadline.duration_since(now).map_or(LONGEST, |left| left.saturating_sub(TO_ANSWER).min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_work_ends_before_any_deadline() {
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
            assert_eq!(time_limit(milliseconds(left), now), limit, "{left:?}");
        }
        // No deadline, an emulator's, one that has just passed, one that never comes.
        for deadline in [0, 600_000, milliseconds(Duration::ZERO) - 1, u64::MAX] {
            assert_eq!(time_limit(deadline, now), Duration::from_secs(10), "{deadline}");
        }
    }
}
