//! The response to API Gateway or a function URL, in the payload format of the event.

use lambda_http::aws_lambda_events::apigw::{ApiGatewayProxyResponse, ApiGatewayV2httpResponse};
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{ALLOW, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use serde::Serialize;

use super::event::PayloadFormat;
use crate::error::Error;
use crate::response::{Outcome, Response};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A response in the payload format of the event.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum ProxyResponse {
    /// For a REST API.
    V1(ApiGatewayProxyResponse),
    /// For an HTTP API or a function URL.
    V2(ApiGatewayV2httpResponse),
    /// For an event that is no request.
    Nothing(()),
}

impl ProxyResponse {
    /// The HTTP response for `result`.
    ///
    /// # Errors
    /// If the body of an error cannot be serialized.
    pub fn new(
        format: PayloadFormat,
        request_id: &str,
        result: &Result<Response, Error>,
    ) -> serde_json::Result<Self> {
        let (status, mut headers, body) = match result {
            Ok(response) => (response.status, response_headers(response), response.body.clone()),
            Err(error) => {
                let status = error.kind().exception().status;
                (
                    status,
                    error_headers(error),
                    Some(serde_json::to_string(&error.body(request_id))?),
                )
            }
        };
        if let Ok(request_id) = HeaderValue::from_str(request_id) {
            headers.insert("x-amzn-requestid", request_id);
        }
        Ok(match format {
            PayloadFormat::V1 => {
                let mut response = ApiGatewayProxyResponse::default();
                response.status_code = status.into();
                response.headers = headers;
                response.body = body.map(Into::into);
                Self::V1(response)
            }
            PayloadFormat::V2 => {
                let mut response = ApiGatewayV2httpResponse::default();
                response.status_code = status.into();
                response.headers = headers;
                response.body = body.map(Into::into);
                Self::V2(response)
            }
        })
    }
}

fn response_headers(response: &Response) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if response.outcome == Outcome::Replayed {
        headers.insert("idempotent-replayed", HeaderValue::from_static("true"));
    }
    if response.body.is_some() {
        headers.insert(CONTENT_TYPE, JSON);
    }
    headers
}

fn error_headers(error: &Error) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, JSON);
    let name = error.kind().exception().name;
    headers.insert("x-amzn-errortype", HeaderValue::from_static(name));
    if let Some(wait) = error.retry_after() {
        headers.insert(RETRY_AFTER, wait.as_secs().into());
        // In milliseconds. The SDKs for Rust and JavaScript honor it.
        headers.insert("x-amz-retry-after", (wait.as_secs() * 1000).into());
    }
    if let Some(Ok(methods)) = error.allow().map(HeaderValue::from_str) {
        headers.insert(ALLOW, methods);
    }
    headers
}
