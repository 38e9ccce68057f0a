//! Retries of remote calls.
//!
//! A retry may help after three kinds of failure. The service **throttled** the request or **failed**: a few attempts
//! with a short, random backoff, since many clients may retry at the same moment. Or the write **conflicted** with a
//! concurrent one, which ends within milliseconds: attempts until the deadline is near. In any case, the client's own
//! retry is the last resort, so no retry starts that could not end before the deadline.
//!
//! Every call of a request runs through [`with_retries`]; the SDK's own retries are off.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use crate::client::{abandon_connection, capturing_connection};
use crate::error::{Cause, Error, ErrorKind};
use crate::invocation::{Invocation, Record, RemoteCall, Service};

/// Maximum attempts per call. Conflicts with concurrent writes do not count.
pub const MAX_ATTEMPTS: u32 = 3;

/// Maximum backoff after the first conflict with a concurrent write. A transaction takes milliseconds.
const FIRST_CONFLICT_BACKOFF: Duration = Duration::from_millis(20);
/// The maximum doubles with each conflict, up to this.
const MAX_CONFLICT_BACKOFF: Duration = Duration::from_millis(200);

/// Timeout for opening a connection at startup. It usually takes milliseconds, and Lambda allows the init phase ten
/// seconds ("Lambda runtime environment" in its developer guide).
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// What a successful response says about the request.
#[derive(Debug, Default)]
pub struct ResponseMetadata {
    /// Capacity units, if `DynamoDB` reports them.
    pub consumed_capacity: Option<f64>,
    /// The service's request ID, if it is logged.
    pub request_id: Option<String>,
}

/// A failed attempt, and whether a retry may help.
#[derive(Debug)]
pub struct Failure {
    /// The error of the call if this was the last attempt.
    pub error: Error,
    /// Whether to retry.
    pub retry: Retry,
    /// Whether the service throttled the attempt.
    pub is_throttled: bool,
    /// Whether the service may have performed the request nevertheless.
    pub is_in_doubt: bool,
    /// The service's request ID, if it is logged.
    pub request_id: Option<String>,
}

/// Whether and when to retry.
#[derive(Clone, Copy, Debug)]
pub enum Retry {
    /// A retry would fail as well.
    Never,
    /// A limited number of attempts, with a random backoff between `min_backoff` and `max_backoff`.
    Limited {
        /// The maximum number of attempts that fail this way, at most [`MAX_ATTEMPTS`].
        attempts: u32,
        /// The minimum backoff.
        min_backoff: Duration,
        /// The maximum backoff.
        max_backoff: Duration,
    },
    /// Until the deadline, with growing backoff: a conflict with concurrent writes is transient.
    UntilDeadline,
}

impl Retry {
    /// For faults and throttling: a few attempts with short, random backoff.
    const BRIEFLY: Self = Self::Limited {
        attempts: MAX_ATTEMPTS,
        min_backoff: Duration::ZERO,
        max_backoff: Duration::from_millis(100),
    };
}

impl Failure {
    /// The service failed, was unreachable, or did not respond in time.
    pub fn transient(cause: impl Into<Cause>) -> Self {
        let failure = Error::service_unavailable(cause).into();
        Self { retry: Retry::BRIEFLY, is_in_doubt: true, ..failure }
    }

    /// Transient conflict with a concurrent write.
    pub fn conflict(cause: impl Into<Cause>) -> Self {
        Self { retry: Retry::UntilDeadline, ..Error::service_unavailable(cause).into() }
    }

    /// The service throttled the attempt.
    pub fn throttled(cause: impl Into<Cause>) -> Self {
        Self { retry: Retry::BRIEFLY, is_throttled: true, ..Error::throttled(cause).into() }
    }
}

impl From<Error> for Failure {
    /// A failure that a retry does not help.
    fn from(error: Error) -> Self {
        Self {
            error,
            retry: Retry::Never,
            is_throttled: false,
            is_in_doubt: false,
            request_id: None,
        }
    }
}

/// How many attempts of a call have failed so far.
#[derive(Default)]
struct Failures {
    /// Conflicts are counted separately, because they do not use up the attempts for faults.
    conflicts: u32,
    /// All others, throttled attempts included.
    faults: u32,
    /// Throttled attempts, for which a service may have a lower limit.
    throttles: u32,
}

impl Failures {
    /// Counts `failure`, and returns the backoff before the next attempt, or `None` if there is none.
    fn backoff(&mut self, failure: &Failure) -> Option<Duration> {
        let (min_backoff, max_backoff) = match failure.retry {
            Retry::Never => return None,
            Retry::Limited { attempts, min_backoff, max_backoff } => {
                self.faults += 1;
                self.throttles += u32::from(failure.is_throttled);
                let failed_alike = if failure.is_throttled { self.throttles } else { self.faults };
                if self.faults >= MAX_ATTEMPTS || failed_alike >= attempts {
                    return None;
                }
                (min_backoff, max_backoff)
            }
            Retry::UntilDeadline => {
                let doubled = FIRST_CONFLICT_BACKOFF * 2_u32.saturating_pow(self.conflicts.min(7));
                self.conflicts += 1;
                (Duration::ZERO, doubled.min(MAX_CONFLICT_BACKOFF))
            }
        };
        Some(min_backoff + max_backoff.saturating_sub(min_backoff).mul_f64(fastrand::f64()))
    }
}

/// Opens a connection with an attempt ahead of the first request, which would otherwise pay for it. If that fails, the
/// reason is logged, and the first request opens the connection.
///
/// # Errors
/// The kind of the attempt's error.
pub async fn warm_up<T>(
    service: Service,
    attempt: impl Future<Output = Result<T, Failure>>,
) -> Result<T, ErrorKind> {
    within(WARM_UP_TIMEOUT, pin!(attempt)).await.map_err(|Failure { error, .. }| {
        tracing::warn!(?service, error = error.log_message(), "could not pre-open a connection");
        error.kind()
    })
}

/// The result of an attempt that may take this long. The connection of one that takes longer is not used again.
async fn within<T>(
    limit: Duration,
    attempt: Pin<&mut impl Future<Output = Result<T, Failure>>>,
) -> Result<T, Failure> {
    let mut attempt = pin!(capturing_connection(timeout(limit, attempt)));
    if let Ok(result) = attempt.as_mut().await {
        return result;
    }
    abandon_connection(attempt);
    Err(Failure::transient(format!("no response within {limit:?}")))
}

/// A completed call: what it took, and its result.
#[derive(Debug)]
#[must_use]
pub struct Completed<'a, T> {
    call: RemoteCall,
    result: Result<T, Error>,
    record: &'a Record,
}

impl<'a, T> Completed<'a, T> {
    /// Parses a successful response. If it is unusable, the call has failed.
    pub fn parse<U>(self, parse: impl FnOnce(T) -> Result<U, Error>) -> Completed<'a, U> {
        let Self { mut call, result, record } = self;
        let parse =
            |response| parse(response).inspect_err(|error| call.failed_with = Some(error.kind()));
        let result = result.and_then(parse);
        Completed { call, result, record }
    }

    /// Replaces the error of a call that did what it was meant to do. The record keeps the error.
    pub fn recover(self, recover: impl FnOnce(&RemoteCall) -> Option<T>) -> Self {
        let Self { call, result, record } = self;
        let result = result.or_else(|error| recover(&call).ok_or(error));
        Self { call, result, record }
    }

    /// Adds the call to the invocation's record, and returns the call's result.
    ///
    /// # Errors
    /// That of the last attempt, `ServiceUnavailable` if it timed out, or that of [`Self::parse`].
    pub fn record(self) -> Result<T, Error> {
        self.record.add(self.call);
        self.result
    }
}

/// Calls `operation` of `service` with `send`, and retries it if that may help. The call ends by the deadline of
/// `invocation`, and each attempt within `attempt_timeout`.
pub async fn with_retries<'a, T, F: Future<Output = Result<(T, ResponseMetadata), Failure>>>(
    service: Service,
    operation: &'static str,
    invocation: Invocation<'a>,
    attempt_timeout: Duration,
    mut send: impl FnMut() -> F,
) -> Completed<'a, T> {
    let started = Instant::now();
    let mut call = RemoteCall {
        service,
        operation,
        latency: Duration::ZERO,
        attempts: 0,
        throttles: 0,
        is_in_doubt: false,
        consumed_capacity: None,
        request_id: None,
        failed_with: None,
    };
    let mut failures = Failures::default();
    let result = loop {
        call.attempts += 1;
        let limit = attempt_timeout.min(invocation.left());
        let failure = match within(limit, pin!(send())).await {
            Ok((output, metadata)) => {
                call.consumed_capacity = metadata.consumed_capacity;
                call.request_id = metadata.request_id;
                break Ok(output);
            }
            Err(failure) => failure,
        };
        call.is_in_doubt |= failure.is_in_doubt;
        match failures.backoff(&failure) {
            // The next attempt must be able to end before the deadline.
            Some(backoff) if invocation.left() >= backoff + attempt_timeout => sleep(backoff).await,
            _ => {
                call.request_id = failure.request_id;
                break Err(failure.error);
            }
        }
    };
    call.latency = started.elapsed();
    call.throttles = failures.throttles;
    call.failed_with = result.as_ref().err().map(Error::kind);
    Completed { call, result, record: invocation.record }
}
