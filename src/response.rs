//! A plain response, and the outcome of a request.

use crate::error::{Error, ErrorKind};
use crate::meeting::Guid;

/// A successful response, with what telemetry reports about it.
#[derive(Debug)]
pub struct Response {
    /// The HTTP status code.
    pub status: u16,
    /// The JSON body, if there is one.
    pub body: Option<String>,
    /// What the request did.
    pub outcome: Outcome,
    /// The ID of the meeting that was created or replayed.
    pub meeting_id: Option<Guid>,
    /// The request members that were stored but not sent to the Amazon Chime SDK, by the API page's names.
    pub not_sent: Vec<&'static str>,
    /// The request members that differ from those of the meeting that was replayed, by the API page's names.
    pub differing: Vec<&'static str>,
}

impl Response {
    /// A response that is not about one meeting that was created or replayed.
    #[must_use]
    pub const fn new(status: u16, body: Option<String>, outcome: Outcome) -> Self {
        Self {
            status,
            body,
            outcome,
            meeting_id: None,
            not_sent: Vec::new(),
            differing: Vec::new(),
        }
    }
}

/// What a request did.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It created a meeting.
    Created,
    /// It returned the meeting that an earlier request with the same token created.
    Replayed,
    /// It was forwarded to the Amazon Chime SDK.
    Relayed,
    /// It listed meetings.
    Listed,
    /// It reused a token with different values.
    Conflicted,
    /// It was rejected because of another client error.
    Refused,
    /// It failed because of a server-side fault.
    Failed,
}

impl Outcome {
    /// The outcome of a request with this result.
    #[must_use]
    pub fn of(result: &Result<Response, Error>) -> Self {
        match result {
            Ok(response) => response.outcome,
            Err(error) if error.is_server_fault() => Self::Failed,
            Err(error) if error.kind() == ErrorKind::Conflict => Self::Conflicted,
            Err(_) => Self::Refused,
        }
    }

    /// Its name in a log entry.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Replayed => "replayed",
            Self::Relayed => "relayed",
            Self::Listed => "listed",
            Self::Conflicted => "conflicted",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }

    /// The name of its metric.
    #[must_use]
    pub const fn metric(self) -> &'static str {
        match self {
            Self::Created => "Created",
            Self::Replayed => "Replayed",
            Self::Relayed => "Relayed",
            Self::Listed => "Listed",
            Self::Conflicted => "Conflicted",
            Self::Refused => "Refused",
            Self::Failed => "Failed",
        }
    }
}
