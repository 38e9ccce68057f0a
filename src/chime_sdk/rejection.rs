//! Error responses of the Amazon Chime SDK: which error each one is, and whether to retry it.

use std::time::Duration;

use aws_smithy_runtime_api::http::Headers;
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::attempts::{Failure, Retry};
use crate::error::{Cause, Error, ErrorKind};

/// Minimum time that a client is told to wait. The header has no fractions, and 0 would mean at once.
const MIN_RETRY_AFTER: Duration = Duration::from_secs(1);
/// Maximum time that a client is told to wait, so that a mistaken value does not stop it for long.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// An error response. Its message is dropped, because it may quote sensitive values.
#[derive(Debug, thiserror::Error)]
#[error(
    "chime-sdk-meetings responded with {} ({status}), request ID {}",
    name.as_deref().unwrap_or("an unnamed error"),
    request_id.as_deref().unwrap_or("unknown")
)]
pub struct Rejection {
    name: Option<String>,
    status: u16,
    request_id: Option<String>,
    retry_after: Option<Duration>,
    /// Whether the service itself left out the name: with a body that is neither empty nor JSON, something other than
    /// the service may have responded.
    is_unnamed: bool,
}

impl Rejection {
    /// The error response with this status, these headers and this body.
    pub fn new(status: u16, headers: &Headers, body: &[u8]) -> Self {
        let name = headers.get("x-amzn-errortype").filter(|name| !name.is_empty());
        let name = name.map(ToOwned::to_owned).or_else(|| name_in(body));
        let is_json = || serde_json::from_slice::<IgnoredAny>(body).is_ok();
        let wait = headers.get("retry-after").and_then(|wait| wait.parse().ok());
        Self {
            is_unnamed: name.is_none() && (body.is_empty() || is_json()),
            name: name.and_then(|name| if_safe_to_log(short_name(&name))),
            status,
            request_id: headers.get("x-amzn-requestid").and_then(if_safe_to_log),
            retry_after: wait.map(|seconds| MAX_RETRY_AFTER.min(Duration::from_secs(seconds))),
        }
    }

    /// Classifies the error by its name, or without one by its status ("Errors" of each operation in the API
    /// reference).
    pub fn into_failure(self) -> Failure {
        let name = self.name.as_deref().unwrap_or_default();
        // The member Code lacks this ending.
        let name = name.strip_suffix("Exception").unwrap_or(name);
        match (name, self.status) {
            // The service's front end responds with a SerializationException to a member of the wrong type, and with a
            // status to bodies and URLs that are too long.
            ("BadRequest" | "Validation" | "Serialization", _) | ("", 400) | (_, 413 | 414) => {
                rejected(ErrorKind::BadRequest, "The Amazon Chime SDK rejected the request.", self)
            }
            ("LimitExceeded" | "ResourceLimitExceeded", _) => rejected(
                ErrorKind::ResourceLimitExceeded,
                "The Amazon Chime SDK's quota of meetings or attendees is used up.",
                self,
            ),
            ("NotFound" | "ResourceNotFound", _) => ended(self),
            (_, 404) if self.is_unnamed => ended(self),
            ("UnprocessableEntity", _) | (_, 422) => rejected(
                ErrorKind::UnprocessableEntity,
                "The Amazon Chime SDK cannot process the request.",
                self,
            ),
            ("Conflict", _) | ("", 409) => Failure {
                retry: Retry::Limited {
                    attempts: 3,
                    min_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_millis(200),
                },
                is_in_doubt: false,
                ..Failure::transient(self)
            },
            ("Throttling" | "Throttled" | "ThrottledClient", _) | (_, 429) => Failure {
                retry: Retry::Limited {
                    attempts: 2,
                    min_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_millis(500),
                },
                ..Failure::throttled(self)
            },
            (_, 503) => unavailable(self),
            (_, 500..) => Failure::transient(self),
            // The stack's role, Region or account is at fault.
            _ => Error::service_failure(self).into(),
        }
    }
}

fn ended(rejection: Rejection) -> Failure {
    rejected(ErrorKind::NotFound, "The meeting has ended", rejection)
}

fn rejected(kind: ErrorKind, message: &'static str, cause: impl Into<Cause>) -> Failure {
    Error::new(kind, message).caused_by(cause).into()
}

/// The service may say how long to wait. If there is no time for that, the client is told to wait.
fn unavailable(rejection: Rejection) -> Failure {
    let Some(wait) = rejection.retry_after else { return Failure::transient(rejection) };
    let error = Error::service_unavailable(rejection).with_retry_after(wait.max(MIN_RETRY_AFTER));
    Failure {
        retry: Retry::Limited { attempts: 3, min_backoff: wait, max_backoff: wait },
        is_in_doubt: true,
        ..error.into()
    }
}

/// The error's name without a namespace before it or a URL after it, as AWS's clients parse it.
fn short_name(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or(name);
    name.rsplit('#').next().unwrap_or(name)
}

fn name_in(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        kind: Option<String>,
        code: Option<String>,
        #[serde(rename = "Code")]
        legacy_code: Option<String>,
    }
    let Body { kind, code, legacy_code } = serde_json::from_slice(body).ok()?;
    kind.or(code).or(legacy_code)
}

/// A name or an ID, if it is well-formed: it comes from outside and goes into the log.
pub fn if_safe_to_log(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte);
    ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}
