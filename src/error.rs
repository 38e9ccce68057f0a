//! The errors of all operations.
//!
//! An error is a kind, a message and perhaps a cause. The **kind** says whose turn it is: the client
//! mends its request (4xx), tries again later (429, 503), or can do nothing because the fault is
//! ours (500). The **message** goes to the client and holds only what it can act on: never a
//! sensitive value, nothing of the inside. The **cause** goes to the log.
//!
//! The kinds are the exceptions of Amazon Chime's service model, which SDKs have types for, and
//! `MethodNotAllowed`, which any HTTP endpoint needs. `CreateMeeting` has the seven of its API page. How they look
//! on the wire is [`ErrorKind::wire`] and [`ErrorBody`].

use std::borrow::Cow;
use std::iter;
use std::time::Duration;

use serde::Serialize;

/// Anything that can be the cause of an [`Error`].
pub type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a request fails.
#[derive(Debug, thiserror::Error)]
#[error("{}: {message}", kind.wire().name)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
    retry_after: Option<Duration>,
    #[source]
    cause: Option<Cause>,
}

/// The exceptions of Amazon Chime's service model, and one of HTTP's.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ErrorKind {
    /// The body is not a JSON object that fits.
    BadRequest,
    /// The token was used for another request. To the client that is a `BadRequest` too.
    Conflict,
    /// The account has created as many meetings as it may.
    ResourceLimitExceeded,
    /// The request carries no caller identity, and one is required.
    UnauthorizedClient,
    /// The caller's account is not one of those allowed.
    Forbidden,
    /// `DynamoDB` or the Amazon Chime SDK still throttles after our retries.
    ThrottledClient,
    /// Our own fault: no table, no permission, an item that cannot be read.
    ServiceFailure,
    /// `DynamoDB` or the Amazon Chime SDK cannot be reached, fails, or does not respond in time.
    ServiceUnavailable,
    /// There is nothing at this path, or the meeting has ended.
    NotFound,
    /// The Amazon Chime SDK cannot process the request, which is well-formed.
    UnprocessableEntity,
    /// There is something at this path, but it takes another method.
    MethodNotAllowed {
        /// The methods that it takes, as in the header `Allow`.
        allow: &'static str,
    },
}

/// How an [`ErrorKind`] looks on the wire.
#[derive(Clone, Copy, Debug)]
pub struct Wire {
    /// The exception's name: `__type` and `x-amzn-ErrorType`, by which SDKs choose their type.
    pub name: &'static str,
    /// The `Code` member of the exception.
    pub code: &'static str,
    /// The HTTP status code.
    pub status: u16,
}

impl ErrorKind {
    /// The name, code and status of this kind, from the service model.
    #[must_use]
    pub const fn wire(self) -> Wire {
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
            Self::MethodNotAllowed { .. } => ("MethodNotAllowedException", "MethodNotAllowed", 405),
        };
        Wire { name, code, status }
    }

    /// Whether this is a server-side fault, as opposed to a client error.
    const fn is_ours(self) -> bool {
        matches!(self, Self::ThrottledClient | Self::ServiceFailure | Self::ServiceUnavailable)
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
    /// An error whose message tells the client all there is to know.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into(), retry_after: kind.retry_after(), cause: None }
    }

    /// The client's request is at fault, as `message` says.
    pub fn bad_request(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::BadRequest, message)
    }

    /// We are at fault. The client learns just that.
    pub fn service_failure(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::ServiceFailure, "The service encountered an unexpected error.")
            .caused_by(cause)
    }

    /// A service that we need cannot serve us now.
    pub fn service_unavailable(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::ServiceUnavailable, "The service is currently unavailable. Try again.")
            .caused_by(cause)
    }

    /// A service throttles us, so we throttle the client.
    pub fn throttled(cause: impl Into<Cause>) -> Self {
        Self::new(ErrorKind::ThrottledClient, "The request rate limit was exceeded. Try again.")
            .caused_by(cause)
    }

    /// This error with a cause, which only the log gets.
    #[must_use]
    pub fn caused_by(mut self, cause: impl Into<Cause>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// This error with another time for the client to wait.
    #[must_use]
    pub const fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    /// How long the client should wait before it retries, where that helps.
    #[must_use]
    pub const fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What kind of error this is.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Whether this is a server-side fault, as opposed to a client error.
    #[must_use]
    pub const fn is_ours(&self) -> bool {
        self.kind.is_ours()
    }

    /// All that is known of this error, for the log: what the client is told, and every cause.
    #[must_use]
    pub fn log_message(&self) -> String {
        iter::successors(Some(self as &dyn std::error::Error), |error| error.source())
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(": ")
    }

    /// The body of the answer.
    #[must_use]
    pub fn body(&self) -> ErrorBody<'_> {
        let Wire { name, code, .. } = self.kind.wire();
        ErrorBody { name, code, message: &self.message }
    }
}

/// What an [`Error`] tells the client. `__type` is for SDKs that do not read the header first;
/// `Code` and `Message` are what Amazon Chime's service model gives its exceptions.
#[derive(Debug, Serialize)]
pub struct ErrorBody<'a> {
    #[serde(rename = "__type")]
    name: &'static str,
    #[serde(rename = "Code")]
    code: &'static str,
    #[serde(rename = "Message")]
    message: &'a str,
}
