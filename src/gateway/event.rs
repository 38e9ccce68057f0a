//! Events of API Gateway and of function URLs.
//!
//! REST APIs send payload format 1.0; HTTP APIs and function URLs send 2.0. Only what is needed is
//! read of either, and here instead of by `lambda_http`: its way from an event to an
//! `http::Request` fails or panics on hosts and header values that a client is free to send.

use std::borrow::Cow;
use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Error;

/// How an event is written, and how its reply is to be.
#[derive(Clone, Copy, Debug)]
pub enum PayloadFormat {
    /// 1.0: REST APIs.
    V1,
    /// 2.0: HTTP APIs and function URLs.
    V2,
}

/// What an event says of the HTTP request behind it.
#[derive(Debug, Deserialize)]
#[serde(try_from = "ProxyEvent")]
pub struct HttpRequest {
    /// How the event was written.
    pub format: PayloadFormat,
    /// As in `POST`.
    pub method: String,
    /// Without the stage.
    pub path: String,
    content_type: Option<String>,
    body: String,
    is_base64_encoded: bool,
    /// The caller's account, where API Gateway has checked who calls.
    pub account_id: Option<String>,
    /// API Gateway's id of the request.
    pub request_id: Option<String>,
}

impl HttpRequest {
    /// Whether the content type is JSON, as the MIME Sniffing standard defines it, or none is given.
    #[must_use]
    pub fn has_json(&self) -> bool {
        let Some(content_type) = &self.content_type else { return true };
        let essence =
            content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
    }

    /// The body's bytes.
    ///
    /// # Errors
    /// `BadRequest` if it is not the Base64 that the event says it is.
    pub fn body(&self) -> Result<Cow<'_, [u8]>, Error> {
        if !self.is_base64_encoded {
            return Ok(self.body.as_bytes().into());
        }
        BASE64_STANDARD.decode(&self.body).map(Cow::Owned).map_err(|_| {
            Error::bad_request("The request body is not the Base64 that it is said to be.")
        })
    }
}

/// An event of payload format 1.0 or 2.0, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent {
    http_method: Option<String>,
    path: Option<String>,
    raw_path: Option<String>,
    headers: Option<HashMap<String, String>>,
    multi_value_headers: Option<HashMap<String, Vec<String>>>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
    request_context: RequestContext,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<String>,
    stage: Option<String>,
    /// 1.0: who calls.
    identity: Option<Identity>,
    /// 2.0: the request line.
    http: Option<RequestLine>,
    /// 2.0: who calls, as `iam`. In 1.0 it holds whatever a Lambda authorizer likes.
    authorizer: Option<Value>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: String,
}

/// Who calls. `requestContext.accountId`, in contrast, is whose API it is.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    account_id: Option<String>,
}

impl TryFrom<ProxyEvent> for HttpRequest {
    type Error = &'static str;

    fn try_from(event: ProxyEvent) -> Result<Self, Self::Error> {
        let content_type = event.content_type();
        let context = event.request_context;
        let (format, method, path, account_id) =
            match (context.http, event.raw_path, event.http_method, event.path) {
                (Some(line), Some(path), ..) => {
                    let caller =
                        context.authorizer.as_ref().and_then(|who| who.pointer("/iam/accountId"));
                    (
                        PayloadFormat::V2,
                        line.method,
                        path,
                        caller.and_then(Value::as_str).map(str::to_owned),
                    )
                }
                (None, _, Some(method), Some(path)) => (
                    PayloadFormat::V1,
                    method,
                    path,
                    context.identity.and_then(|who| who.account_id),
                ),
                _ => return Err("neither an API Gateway proxy event nor one of a function URL"),
            };
        let stage = context.stage.map(|stage| format!("/{stage}"));
        let path = match stage.and_then(|stage| path.strip_prefix(&stage).map(str::to_owned)) {
            Some(rest) if rest.starts_with('/') => rest,
            _ => path,
        };
        Ok(Self {
            format,
            method,
            path,
            content_type,
            body: event.body.unwrap_or_default(),
            is_base64_encoded: event.is_base64_encoded.unwrap_or_default(),
            account_id,
            request_id: context.request_id,
        })
    }
}

impl ProxyEvent {
    fn content_type(&self) -> Option<String> {
        let is_content_type = |name: &str| name.eq_ignore_ascii_case("content-type");
        let single = self.headers.iter().flatten().find(|(name, _)| is_content_type(name));
        let multi =
            self.multi_value_headers.iter().flatten().find(|(name, _)| is_content_type(name));
        single.map(|(_, value)| value).or_else(|| multi?.1.last()).cloned()
    }
}
