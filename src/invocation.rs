//! An invocation: when its request arrived, its deadline, and its remote calls.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::error::{Error, ErrorKind};
use crate::meeting::MediaRegion;

/// How much of the time budget must be left for a second attempt, as a percentage.
const MIN_FOR_RESTART: u32 = 40;

/// One invocation of the function. It is passed by value to everything that calls a remote service.
#[derive(Clone, Copy, Debug)]
pub struct Invocation<'a> {
    /// When the request arrived, as the time since 1970.
    pub arrived_at: Duration,
    started: Instant,
    deadline: Instant,
    /// What the log entry reports about the invocation.
    pub record: &'a Record,
}

impl<'a> Invocation<'a> {
    /// An invocation that starts now. Its request arrived at `arrived_at` (the time since 1970) and must be responded
    /// to within `budget`.
    #[must_use]
    pub fn new(arrived_at: Duration, budget: Duration, record: &'a Record) -> Self {
        let started = Instant::now();
        Self { arrived_at, started, deadline: started + budget, record }
    }

    /// The time of the request, in whole seconds since 1970, against which expiry is checked.
    #[must_use]
    pub const fn now(self) -> u64 {
        self.arrived_at.as_secs()
    }

    /// This invocation with an earlier deadline: this percentage of its time budget, counted from its start.
    #[must_use]
    pub fn by(self, percent: u32) -> Self {
        Self { deadline: self.started + self.budget() * percent / 100, ..self }
    }

    /// This invocation with the time that is left as its time budget, if that is enough for a second attempt.
    #[must_use]
    pub fn restarted(self) -> Option<Self> {
        self.has_left(MIN_FOR_RESTART).then(|| Self { started: Instant::now(), ..self })
    }

    /// How much time is left.
    #[must_use]
    pub fn left(self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Whether at least this percentage of the time budget is left.
    #[must_use]
    pub fn has_left(self, percent: u32) -> bool {
        self.left() >= self.budget() * percent / 100
    }

    /// How long the invocation has taken so far.
    #[must_use]
    pub fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    fn budget(self) -> Duration {
        self.deadline.saturating_duration_since(self.started)
    }
}

/// What the log entry of an invocation reports besides its result. It is written while the invocation runs, so that it
/// survives an error or a panic.
#[derive(Debug, Default)]
pub struct Record {
    /// The media Region of the meeting to create, once the request is parsed.
    pub media_region: OnceLock<MediaRegion>,
    /// Why what was learned about a meeting could not be stored, if it could not. The request succeeds nevertheless.
    mark_error: OnceLock<String>,
    /// The mutex is never contended: it makes the record shareable with the threads of a concurrent runtime.
    calls: Mutex<Vec<RemoteCall>>,
}

impl Record {
    /// Adds a call of a remote service.
    pub fn add(&self, call: RemoteCall) {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
    }

    /// Notes whether what was learned about a meeting could be stored.
    pub fn note_mark(&self, marked: Result<(), Error>) {
        if let Err(error) = marked {
            // The first one is enough.
            let _ = self.mark_error.set(error.log_message());
        }
    }

    /// Why what was learned about a meeting could not be stored, if it could not.
    #[must_use]
    pub fn mark_error(&self) -> Option<&str> {
        self.mark_error.get().map(String::as_str)
    }

    /// The calls of remote services, in the order in which they ended.
    #[must_use]
    pub fn take_calls(&self) -> Vec<RemoteCall> {
        std::mem::take(&mut *self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A remote service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Stores the meetings.
    DynamoDb,
    /// Creates meetings that clients can join.
    ChimeSdk,
}

/// A call of a remote service, and what it took.
#[derive(Debug)]
pub struct RemoteCall {
    /// The service.
    pub service: Service,
    /// The operation, by the service's name for it.
    pub operation: &'static str,
    /// How long all attempts took, with the backoff between them.
    pub latency: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of attempts that the service throttled.
    pub throttles: u32,
    /// Whether the service may have performed an attempt that failed.
    pub is_in_doubt: bool,
    /// Capacity units, if `DynamoDB` reports them. It does not for a write that it rejects.
    pub consumed_capacity: Option<f64>,
    /// The service's ID of the last request, if it is logged.
    pub request_id: Option<String>,
    /// The kind of its final error, if it failed.
    pub failed_with: Option<ErrorKind>,
}
