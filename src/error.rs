//! The errors of all operations.
//!
//! An error has a kind, a message, and possibly a cause:
//!
//! - The **kind** says who has to act: the client corrects its request (4xx) or retries later (429, 503), or the
//!   operator has to fix the service (500).
//! - The **message** goes to the client. It contains only what the client can act on: no sensitive values and no
//!   internals.
//! - The **cause** goes to the log.
//!
//! Each kind maps to an exception of Amazon Chime's service model, for which SDKs have types; only `MethodNotAllowed`
//! is not in the model. `Conflict` maps to `BadRequestException`, and is a kind of its own for telemetry.
//! `CreateMeeting` has the seven exceptions of its API page. [`ErrorKind::exception`] and [`ErrorBody`] define the
//! representation.

use std::borrow::Cow;
use std::iter;
use std::time::Duration;

use serde::Serialize;

/// Anything that can be the cause of an [`Error`].
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", kind.exception().name)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    allow: Option<String>,
    #[source]
    cause: Option<Cause>,
}

/// The kinds of errors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// The request is malformed or violates a constraint.
    BadRequest,
    /// The token was already used with different values. To the client, this is a `BadRequest` as well.
    Conflict,
    /// A quota or the daily limit was reached.
    ResourceLimitExceeded,
    /// The request has no IAM identity, and one is required.
    UnauthorizedClient,
    /// The caller's account is not allowed.
    Forbidden,
    /// `DynamoDB` or the Amazon Chime SDK still throttles after our retries.
    ThrottledClient,
    /// A server-side fault that a retry does not help: a missing table or permission, an item that cannot be parsed.
    ServiceFailure,
    /// `DynamoDB` or the Amazon Chime SDK cannot be reached, fails, or does not respond in time, or write conflicts
    /// persist.
    ServiceUnavailable,
    /// The path does not exist, the meeting has ended, or it has no such attendee.
    NotFound,
    /// The request is well-formed, but the Amazon Chime SDK cannot process it.
    UnprocessableEntity,
    /// The path exists, but not with this method.
    MethodNotAllowed,
}

/// An exception of the service model, by which clients recognize an [`ErrorKind`].
#[derive(Clone, Copy, Debug)]
pub struct Exception {
    /// The name, in the header `x-amzn-ErrorType`. SDKs choose the exception's type by it.
    pub name: &'static str,
    /// The member `Code`.
    pub code: &'static str,
    /// The HTTP status code.
    pub status: u16,
}

impl ErrorKind {
    /// The exception for this kind, as the service model defines it.
    #[must_use]
    pub const fn exception(self) -> Exception {
        let (name, code, status) = match self {
            Self::BadRequest | Self::Conflict => ("BadRequestException", "BadRequest", 400),
            Self::ResourceLimitExceeded => {
                ("ResourceLimitExceededException", "ResourceLimitExceeded", 400)
            }
            Self::UnauthorizedClient => ("UnauthorizedClientException", "Unauthorized", 401),
            Self::Forbidden => ("ForbiddenException", "Forbidden", 403),
            Self::ThrottledClient => ("ThrottledClientException", "Throttled", 429),
            Self::ServiceFailure => ("ServiceFailureException", "ServiceFailure", 500),
            Self::ServiceUnavailable => ("ServiceUnavailableException", "ServiceUnavailable", 503),
            Self::NotFound => ("NotFoundException", "NotFound", 404),
            Self::UnprocessableEntity => ("UnprocessableEntityException", "Unprocessable", 422),
            Self::MethodNotAllowed => ("MethodNotAllowedException", "MethodNotAllowed", 405),
        };
        Exception { name, code, status }
    }

    /// How long a client should wait before it retries, where that helps.
    const fn retry_after(self) -> Option<Duration> {
        match self {
            Self::ThrottledClient | Self::ServiceUnavailable => Some(Duration::from_secs(1)),
            _ => None,
        }
    }
}

impl Error {
    /// An error without a cause: the message says everything.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let (message, retry_after) = (message.into(), kind.retry_after());
        Self { kind, message, retry_after, allow: None, cause: None }
    }

    /// The request is invalid, for the reason in `message`.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// The path `path` exists, but only with the methods in `allow`.
    #[must_use]
    pub fn method_not_allowed(path: &str, allow: String) -> Self {
        let message = format!("Method not allowed on {path}. Allowed: {allow}.");
        Self { allow: Some(allow), ..Self::new(ErrorKind::MethodNotAllowed, message) }
    }

    /// A server-side fault. The client learns no more than that.
    pub fn service_failure(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::ServiceFailure, "The service encountered an unexpected error.")
            .caused_by(cause)
    }

    /// A remote service is unavailable.
    pub fn service_unavailable(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::ServiceUnavailable, "The service is currently unavailable. Try again.")
            .caused_by(cause)
    }

    /// A remote service throttles the function, so the client has to slow down.
    pub fn throttled(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::ThrottledClient, "The request rate limit was exceeded. Try again.")
            .caused_by(cause)
    }

    /// Adds a cause, for the log only.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Changes how long the client should wait before it retries.
    #[must_use]
    pub const fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// How long the client should wait before it retries, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    /// The methods that the path has, for the header `Allow`, if the request used another one.
    #[must_use]
    pub fn allow(&self) -> Option<&str> {
        self.allow.as_deref()
    }

    /// The kind of this error.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether this is a server-side fault, as opposed to a client error.
    #[must_use]
    pub const fn is_server_fault(&self) -> bool {
        use ErrorKind::{ServiceFailure, ServiceUnavailable, ThrottledClient};
        matches!(self.kind, ThrottledClient | ServiceFailure | ServiceUnavailable)
    }

    /// The message for the log: the exception, the client's message, and the full cause chain.
    #[must_use]
    pub fn log_message(&self) -> String {
        iter::successors(Some(self as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }

    /// The body of the response to the request with this ID.
    #[must_use]
    pub fn body<'a>(&'a self, request_id: &'a str) -> ErrorBody<'a> {
        let code = self.kind.exception().code;
        ErrorBody { code, message: &self.message, request_id, resource: () }
    }
}

/// The JSON body of an error response, in the form of the legacy service.
///
/// It has no `__type`: SDKs take the exception's name from the header `x-amzn-ErrorType`, except that the JavaScript
/// SDK v2 would take `err.code` from `__type`, and programs compare it with `Code`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ErrorBody<'a> {
    code: &'static str,
    message: &'a str,
    request_id: &'a str,
    /// Always null.
    resource: (),
}
