//! Faults that a test injects.

use std::time::Duration;

/// What happens to one request.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Whether the operation is performed before the fault.
    pub performed: bool,
    /// What the client gets.
    pub answer: Answer,
}

/// What the client gets instead of the service's answer.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// The service's answer after all: a request between two that fail.
    Unchanged,
    /// An error: status and name. Its message quotes the request, as AWS's may.
    Refusal(u16, &'static str),
    /// A `ServiceUnavailableException` that asks to retry after this many seconds.
    Unavailable(u32),
    /// This status and body.
    Raw(u16, &'static str),
    /// The connection is closed.
    Closed,
    /// Nothing, while the connection stays open.
    Stalled,
    /// The answer without the second half of its body. If the operation is not performed, an error's.
    Truncated,
    /// The answer, after a delay. If the operation is not performed before it, it is after it.
    Slow(Duration),
}

impl Fault {
    /// No fault.
    pub const NONE: Self = Self::after(Answer::Unchanged);

    /// A fault before the operation is performed.
    #[must_use]
    pub const fn before(answer: Answer) -> Self {
        Self { performed: false, answer }
    }

    /// A fault after the operation is performed.
    #[must_use]
    pub const fn after(answer: Answer) -> Self {
        Self { performed: true, answer }
    }
}
