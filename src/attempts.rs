//! Calls of remote services: attempts, their time limits, and what they took.
//!
//! Every call runs through [`attempt`], the one loop of attempts. The SDK's own retries are off.

use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep, timeout};

use crate::error::{Cause, Error, ErrorKind};

/// The most attempts at a call, unless only other writes conflict with it.
pub const MOST: u32 = 3;

/// How long a connection may take. It takes milliseconds.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest pause after the first conflict with another write. A transaction takes milliseconds.
const FIRST_CONFLICT: Duration = Duration::from_millis(20);
/// The longest pause after many conflicts: each doubles it.
const LATER_CONFLICT: Duration = Duration::from_millis(200);

/// A remote service, by the name that AWS gives it in traces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Service {
    /// The store.
    DynamoDb,
    /// Where meetings are created that can be joined.
    ChimeSdkMeetings,
}

/// A call of a remote service, and what it has taken.
#[derive(Debug)]
pub struct ServiceCall {
    /// Which service was called.
    pub service: Service,
    /// Which of its operations.
    pub operation: &'static str,
    /// When the first attempt began.
    pub started_at: SystemTime,
    /// How long it took, pauses between attempts included.
    pub latency: Duration,
    /// How many attempts there were.
    pub attempts: u32,
    /// How many of them the service throttled.
    pub throttles: u32,
    /// Capacity units, if `DynamoDB` reports them. It does not for a write that it rejects.
    pub consumed_capacity: Option<f64>,
    /// The service's ID of the last request, if it is logged.
    pub request_id: Option<String>,
    /// The kind of error that it ended in, if it failed.
    pub failed_with: Option<ErrorKind>,
}

impl ServiceCall {
    /// Whether a quota of the Amazon Chime SDK was exceeded.
    #[must_use]
    pub fn met_quota(&self) -> bool {
        self.service == Service::ChimeSdkMeetings
            && self.failed_with == Some(ErrorKind::ResourceLimitExceeded)
    }
}

/// What a service reports of an attempt beside its answer.
#[derive(Debug, Default)]
pub struct Report {
    /// Capacity units, if `DynamoDB` reports them.
    pub consumed_capacity: Option<f64>,
    /// The service's ID of the request, if it is logged.
    pub request_id: Option<String>,
}

/// Why an attempt has failed, and whether another may help.
#[derive(Debug)]
pub struct Failure {
    /// What the caller gets if it was the last attempt.
    pub error: Error,
    /// Whether there may be another.
    pub retry: Retry,
    /// Whether the service throttled it.
    pub is_throttled: bool,
    /// The service's ID of the request, if it is logged.
    pub request_id: Option<String>,
}

/// Whether and when there may be another attempt.
#[derive(Clone, Copy, Debug)]
pub enum Retry {
    /// It would fail too.
    Never,
    /// Up to a number of attempts in all, each after a pause from `least` to `most`.
    Few {
        /// How many attempts there may be in all.
        attempts: u32,
        /// The shortest pause.
        least: Duration,
        /// The longest pause.
        most: Duration,
    },
    /// As long as there is time: other writes conflict with this one, and soon will not.
    UntilDeadline,
}

impl Retry {
    /// The service fails or throttles: a few attempts, after short pauses at random.
    pub const BRIEFLY: Self =
        Self::Few { attempts: MOST, least: Duration::ZERO, most: Duration::from_millis(100) };

    /// How long to wait after this many failures of the same sort, if there may be another attempt.
    fn pause(self, failures: u32) -> Option<Duration> {
        let (least, most) = match self {
            Self::Few { attempts, least, most } if failures < attempts => (least, most),
            Self::Never | Self::Few { .. } => return None,
            Self::UntilDeadline => {
                let doubled = FIRST_CONFLICT * 2_u32.saturating_pow(failures.min(8) - 1);
                (Duration::ZERO, doubled.min(LATER_CONFLICT))
            }
        };
        Some(least + most.saturating_sub(least).mul_f64(fastrand::f64()))
    }
}

impl Failure {
    /// The service fails, cannot be reached, or does not answer in time.
    pub fn transient(cause: impl Into<Cause>) -> Self {
        Self { retry: Retry::BRIEFLY, ..Error::service_unavailable(cause).into() }
    }

    /// Other writes conflict with this one, and soon will not.
    pub fn conflict(cause: impl Into<Cause>) -> Self {
        Self { retry: Retry::UntilDeadline, ..Error::service_unavailable(cause).into() }
    }

    /// The service throttles us.
    pub fn throttled(cause: impl Into<Cause>) -> Self {
        Self { retry: Retry::BRIEFLY, is_throttled: true, ..Error::throttled(cause).into() }
    }
}

impl From<Error> for Failure {
    /// An error that another attempt would meet too.
    fn from(error: Error) -> Self {
        Self { error, retry: Retry::Never, is_throttled: false, request_id: None }
    }
}

/// Notes that the last of `calls` has failed after all: its answer cannot be used.
pub fn note_failure(calls: &mut [ServiceCall], error: &Error) {
    if let Some(call) = calls.last_mut() {
        call.failed_with = Some(error.kind());
    }
}

/// Calls `operation` of `service` by `attempt`, again where that may help, and adds the call to `calls`.
/// It ends by `deadline`, and each attempt within `time_limit`.
///
/// # Errors
/// The last attempt's, or `ServiceUnavailable` if it took too long.
pub async fn attempt<T, F: Future<Output = Result<(T, Report), Failure>>>(
    (service, operation): (Service, &'static str),
    calls: &mut Vec<ServiceCall>,
    deadline: Instant,
    time_limit: Duration,
    mut attempt: impl FnMut() -> F,
) -> Result<T, Error> {
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
    // Conflicts with other writes do not use up the attempts that faults have.
    let (mut conflicts, mut faults) = (0, 0);
    let result = loop {
        call.attempts += 1;
        let left = deadline.saturating_duration_since(Instant::now());
        let failure = match timeout(time_limit.min(left), attempt()).await {
            Ok(Ok((answer, report))) => {
                call.consumed_capacity = report.consumed_capacity;
                call.request_id = report.request_id;
                break Ok(answer);
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
            // Fewer attempts are made at a service that throttles, whatever failed before.
            if failure.is_throttled && faults < MOST { call.throttles } else { faults }
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match failure.retry.pause(failures) {
            Some(pause) if left >= pause + time_limit => sleep(pause).await,
            _ => break Err(failure.error),
        }
    };
    call.latency = started.elapsed();
    call.failed_with = result.as_ref().err().map(Error::kind);
    calls.push(call);
    result
}
