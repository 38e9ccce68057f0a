//! API Gateway: the event that comes in, the route, and the reply that goes out.

mod event;
mod route;

use std::panic::AssertUnwindSafe;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::FutureExt;
use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::time::Instant;

pub use self::event::{HttpRequest, NotHttp, PayloadFormat};
pub use self::route::Operation;
use crate::create_meeting::{Answer, CreateMeeting};
use crate::error::{Error, ErrorKind};
use crate::meeting::Meeting;
use crate::request::CreateMeetingRequest;
use crate::store;
use crate::telemetry::{self, Record, Telemetry, TraceHeader};

/// Answers one event, which has come `now`, and reports what came of it. Whatever goes wrong is
/// answered too.
///
/// # Errors
/// If the event comes from no HTTP source, or an answer cannot be written as JSON.
pub async fn handle(
    create_meeting: &CreateMeeting,
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
    let call = store::Call::until(started_at + time_limit(context.deadline, now));
    let operation = Operation::called_by(&request);
    let operation_name = operation.as_ref().ok().map(|operation| operation.name);
    let mut media_region = None;
    let answer = async {
        let (account_id, wanted) = read(create_meeting, operation?, &request)?;
        media_region = Some(wanted.media_region);
        create_meeting.call(account_id, wanted, now, &call).await
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
        store: call.usage(),
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

/// Who asks for what.
fn read<'a>(
    create_meeting: &CreateMeeting,
    operation: &Operation,
    request: &'a HttpRequest,
) -> Result<(&'a str, CreateMeetingRequest), Error> {
    if operation.name != "CreateMeeting" {
        return Err(Error::bad_request(format!(
            "This endpoint does not support {}. It supports CreateMeeting (POST /meetings) only.",
            operation.name
        )));
    }
    let account_id = create_meeting.allowed_callers.admit(&request.caller)?;
    if !request.has_json() {
        return Err(Error::bad_request("The content type must be application/json."));
    }
    Ok((account_id, CreateMeetingRequest::from_json(&request.body()?)?))
}

fn answer_headers(answer: &Answer) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if answer.replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    headers
}

fn error_headers(kind: ErrorKind) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert("x-amzn-errortype", HeaderValue::from_static(kind.wire().name));
    if let Some(wait) = kind.retry_after() {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
        // In milliseconds; Rust's and JavaScript's SDKs honour it.
        headers.insert("x-amz-retry-after", (wait.as_secs() * 1000).into());
    }
    if let ErrorKind::MethodNotAllowed { allow } = kind {
        headers.insert(ALLOW, HeaderValue::from_static(allow));
    }
    headers
}

/// A reply in the payload format of its event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Reply {
    /// To a REST API.
    V1(ApiGatewayProxyResponse),
    /// To an HTTP API or a function URL.
    V2(ApiGatewayV2httpResponse),
}

impl Reply {
    /// What a client gets of `result`.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn new(
        format: PayloadFormat,
        request_id: &str,
        result: &Result<Answer, Error>,
    ) -> serde_json::Result<Self> {
        let (status, mut headers, body) = match result {
            Ok(answer) => {
                let body = Body { meeting: &answer.meeting };
                (201, answer_headers(answer), serde_json::to_string(&body)?)
            }
            Err(error) => {
                let kind = error.kind();
                (kind.wire().status, error_headers(kind), serde_json::to_string(&error.body())?)
            }
        };
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", request_id);
        }
        Ok(match format {
            PayloadFormat::V1 => {
                let mut reply = ApiGatewayProxyResponse::default();
                reply.status_code = status.into();
                reply.headers = headers;
                reply.body = Some(body.into());
                Self::V1(reply)
            }
            PayloadFormat::V2 => {
                let mut reply = ApiGatewayV2httpResponse::default();
                reply.status_code = status.into();
                reply.headers = headers;
                reply.body = Some(body.into());
                Self::V2(reply)
            }
        })
    }
}

/// The body of an answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    meeting: &'a Meeting,
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
