//! Calls of remote services: retries, timeouts, and what each call took.
//!
//! Every call runs through [`with_retries`], which returns a [`Completed`] call. The SDK's own retries are off.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep, timeout};

use crate::error::{Cause, Error, ErrorKind};

/// Maximum attempts per call. Conflicts with concurrent writes do not count.
pub const MAX_ATTEMPTS: u32 = 3;

/// Maximum backoff after the first conflict with a concurrent write. A transaction takes milliseconds.
const FIRST_CONFLICT_BACKOFF: Duration = Duration::from_millis(20);
/// The maximum doubles with each conflict, up to this.
const MAX_CONFLICT_BACKOFF: Duration = Duration::from_millis(200);

/// A remote service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// Stores the meetings.
    DynamoDb,
    /// Creates meetings that clients can join.
    ChimeSdkMeetings,
}

/// A call of a remote service, and what it took.
#[derive(Debug)]
pub struct ServiceCall {
    /// The service.
    pub service: Service,
    /// The operation, by the service's name for it.
    pub operation: &'static str,
    /// When the first attempt began.
    pub started_at: SystemTime,
    /// How long all attempts took, with the backoff between them.
    pub latency: Duration,
    /// The number of attempts.
    pub attempts: u32,
    /// The number of attempts that the service throttled.
    pub throttles: u32,
    /// Capacity units, if `DynamoDB` reports them. It does not for a write that it rejects.
    pub consumed_capacity: Option<f64>,
    /// The service's ID of the last request, if it is logged.
    pub request_id: Option<String>,
    /// The kind of error that it ended in, if it failed.
    pub failed_with: Option<ErrorKind>,
}

impl ServiceCall {
    /// Whether the call exceeded a quota of the Amazon Chime SDK.
    #[must_use]
    pub fn exceeded_quota(&self) -> bool {
        self.service == Service::ChimeSdkMeetings
            && self.failed_with == Some(ErrorKind::ResourceLimitExceeded)
    }
}

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
    /// The service's request ID, if it is logged.
    pub request_id: Option<String>,
}

/// Whether and when to retry.
#[derive(Clone, Copy, Debug)]
pub enum Retry {
    /// A retry would fail, too.
    Never,
    /// A limited number of attempts, with a random backoff between `min_backoff` and `max_backoff`.
    Limited {
        /// The maximum number of attempts, the first one included.
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
    /// For failures and throttling: a few attempts with short, random backoff.
    pub const BRIEFLY: Self = Self::Limited {
        attempts: MAX_ATTEMPTS,
        min_backoff: Duration::ZERO,
        max_backoff: Duration::from_millis(100),
    };

    /// The backoff after this many failures of the same kind, or `None` if there is no retry.
    fn backoff(self, failures: u32) -> Option<Duration> {
        let (min_backoff, max_backoff) = match self {
            Self::Limited { attempts, min_backoff, max_backoff } if failures < attempts => {
                (min_backoff, max_backoff)
            }
            Self::Never | Self::Limited { .. } => return None,
            Self::UntilDeadline => {
                let doubled = FIRST_CONFLICT_BACKOFF * 2_u32.saturating_pow(failures.min(8) - 1);
                (Duration::ZERO, doubled.min(MAX_CONFLICT_BACKOFF))
            }
        };
        Some(min_backoff + max_backoff.saturating_sub(min_backoff).mul_f64(fastrand::f64()))
    }
}

impl Failure {
    /// The service failed, was unreachable, or did not respond in time.
    pub fn transient(cause: impl Into<Cause>) -> Self {
        Self { retry: Retry::BRIEFLY, ..Error::service_unavailable(cause).into() }
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
        Self { error, retry: Retry::Never, is_throttled: false, request_id: None }
    }
}

/// A completed call: what it took, and its result.
#[derive(Debug)]
#[must_use]
pub struct Completed<T> {
    /// What it took.
    pub call: ServiceCall,
    /// The response. The error is the last attempt's, `ServiceUnavailable` if that timed out, or that of
    /// [`Self::parse`].
    pub result: Result<T, Error>,
}

impl<T> Completed<T> {
    /// Parses a successful response. If it is unusable, the call has failed.
    pub fn parse<U>(self, parse: impl FnOnce(T) -> Result<U, Error>) -> Completed<U> {
        let Self { mut call, result } = self;
        let parse =
            |response| parse(response).inspect_err(|error| call.failed_with = Some(error.kind()));
        let result = result.and_then(parse);
        Completed { call, result }
    }

    /// Adds the call to `calls`, for telemetry, and returns its result.
    ///
    /// # Errors
    /// The call's.
    pub fn record(self, calls: &mut Vec<ServiceCall>) -> Result<T, Error> {
        calls.push(self.call);
        self.result
    }
}

/// Calls `operation` of `service` with `send`, and retries it if that may help. The call ends by `deadline`, and each
/// attempt within `attempt_timeout`.
pub async fn with_retries<T, F: Future<Output = Result<(T, ResponseMetadata), Failure>>>(
    (service, operation): (Service, &'static str),
    deadline: Instant,
    attempt_timeout: Duration,
    mut send: impl FnMut() -> F,
) -> Completed<T> {
    let started = Instant::now();
    let mut call = ServiceCall {
        service,
        operation,
        started_at: SystemTime::now(),
        latency: Duration::ZERO,
        attempts: 0,
        throttles: 0,
        consumed_capacity: None,
        request_id: None,
        failed_with: None,
    };
    // Counted apart, because conflicts do not use up the attempts for faults.
    let (mut conflicts, mut faults) = (0, 0);
    let result = loop {
        call.attempts += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let failure = match timeout(attempt_timeout.min(left), send()).await {
            Ok(Ok((output, metadata))) => {
                call.consumed_capacity = metadata.consumed_capacity;
                call.request_id = metadata.request_id;
                break Ok(output);
            }
            Ok(Err(failure)) => failure,
            Err(elapsed) => Failure::transient(elapsed),
        };
        call.throttles += u32::from(failure.is_throttled);
        call.request_id = failure.request_id;
        let failures = if matches!(failure.retry, Retry::UntilDeadline) {
            conflicts += 1;
            conflicts
        } else {
            faults += 1;
            // Throttled attempts may have a lower limit, and so are counted apart. The maximum is for all failures.
            if failure.is_throttled && faults < MAX_ATTEMPTS { call.throttles } else { faults }
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match failure.retry.backoff(failures) {
            Some(backoff) if left >= backoff + attempt_timeout => sleep(backoff).await,
            _ => break Err(failure.error),
        }
    };
    call.latency = started.elapsed();
    call.failed_with = result.as_ref().err().map(Error::kind);
    Completed { call, result }
}
