//! API Gateway: the event that comes in, the route, and the reply that goes out.

mod event;

use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use lambda_runtime::LambdaEvent;
use serde::Serialize;

pub use self::event::{HttpRequest, PayloadFormat};
use crate::create_meeting::{Answer, CreateMeeting};
use crate::error::{Error, ErrorKind};
use crate::meeting::Meeting;
use crate::request::CreateMeetingRequest;

/// Answers one event. Whatever goes wrong is answered too.
///
/// # Errors
/// Only if an answer cannot be written as JSON.
pub async fn handle(
    create_meeting: &CreateMeeting,
    event: LambdaEvent<HttpRequest>,
) -> Result<Reply, lambda_runtime::Error> {
    let LambdaEvent { payload: request, context } = event;
    let request_id = request.request_id.clone().unwrap_or(context.request_id);
    let format = request.format;
    let result = route(create_meeting, request).await;
    if let Err(error) = &result
        && error.is_ours()
    {
        tracing::error!(request_id, error = error.log_message());
    }
    let (status, mut headers, body) = match &result {
        Ok(answer) => (
            201,
            answer_headers(answer),
            serde_json::to_string(&Body { meeting: &answer.meeting })?,
        ),
        Err(error) => (
            error.kind().wire().status,
            error_headers(error.kind()),
            serde_json::to_string(&error.body())?,
        ),
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Ok(request_id) = HeaderValue::from_str(&request_id) {
        headers.insert("x-amzn-requestid", request_id);
    }
    Ok(Reply::new(format, status, headers, body))
}

async fn route(create_meeting: &CreateMeeting, request: HttpRequest) -> Result<Answer, Error> {
    if request.path != "/meetings" {
        return Err(Error::new(
            ErrorKind::NotFound,
            "There is nothing at this path. Meetings are created by POST /meetings.",
        ));
    }
    if request.method != "POST" {
        return Err(Error::new(
            ErrorKind::MethodNotAllowed,
            "There is no such method on /meetings. Meetings are created by POST /meetings.",
        ));
    }
    if !request.has_json() {
        return Err(Error::bad_request("The content type must be application/json."));
    }
    let wanted = CreateMeetingRequest::from_json(&request.body()?)?;
    create_meeting.call(request.account_id, wanted).await
}

/// The body of an answer.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    meeting: &'a Meeting,
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
    if kind == ErrorKind::MethodNotAllowed {
        headers.insert(ALLOW, HeaderValue::from_static("POST"));
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
    fn new(format: PayloadFormat, status: u16, headers: HeaderMap, body: String) -> Self {
        match format {
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
        }
    }
}
