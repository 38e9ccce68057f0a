//! Faults that a test injects.

use std::time::Duration;

/// A fault that one request meets.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Whether the operation is performed before the fault.
    pub performed: bool,
    /// The client's response.
    pub answer: Answer,
}

/// The client's response instead of the service's.
#[derive(Clone, Copy, Debug)]
pub enum Answer {
    /// The service's response, for a request between two failing ones.
    Unchanged,
    /// An error: status and name. Its message quotes the request, as AWS's messages may.
    Refusal(u16, &'static str),
    /// A `ServiceUnavailableException` that asks to retry after this many seconds.
    Unavailable(u32),
    /// This status and body.
    Raw(u16, &'static str),
    /// The connection is closed.
    Closed,
    /// Nothing, while the connection stays open.
    Stalled,
    /// The response without the second half of its body. If the operation is not performed, it is
    /// an error.
    Truncated,
    /// The response, after a delay. The operation is performed before the delay or after it.
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
