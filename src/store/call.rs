//! A call of the store: by when it is to end, and what it has taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::config::interceptors::{
    BeforeTransmitInterceptorContextRef, FinalizerInterceptorContextRef,
};
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use tokio::time::Instant;

use super::{daily_limit, failure};

/// A call of the store. Its clones are the same call.
#[derive(Clone, Debug)]
pub struct Call {
    /// By when it ends, retries included.
    pub deadline: Instant,
    usage: Arc<Mutex<Usage>>,
}

/// What a call has taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// What was called, and when: nothing yet, if the request has not got that far.
    pub started: Option<(&'static str, SystemTime)>,
    /// How long it has taken, pauses between attempts included. None until it ends.
    pub latency: Option<Duration>,
    /// How many requests were begun.
    pub attempts: u32,
    /// How many of them `DynamoDB` throttled.
    pub throttles: u32,
    /// Write units, where `DynamoDB` tells: it does not of a write that it refuses.
    pub consumed_capacity: Option<f64>,
}

impl Call {
    /// A call that has not begun.
    #[must_use]
    pub fn until(deadline: Instant) -> Self {
        Self { deadline, usage: Arc::default() }
    }

    /// What it has taken so far.
    #[must_use]
    pub fn usage(&self) -> Usage {
        *self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    pub(super) fn note(&self, what: impl FnOnce(&mut Usage)) {
        what(&mut self.usage.lock().unwrap_or_else(PoisonError::into_inner));
    }

    pub(super) fn note_capacity(&self, consumed: &[ConsumedCapacity]) {
        let units =
            consumed.iter().filter_map(ConsumedCapacity::capacity_units).reduce(|a, b| a + b);
        self.note(|usage| usage.consumed_capacity = units);
    }
}

impl Intercept for Call {
    fn name(&self) -> &'static str {
        "Call"
    }

    fn read_before_attempt(
        &self,
        _: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        self.note(|usage| usage.attempts += 1);
        Ok(())
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let is_throttled =
            error.and_then(|error| error.as_operation_error()).is_some_and(|error| {
                error.downcast_ref::<PutItemError>().is_some_and(failure::is_throttling)
                    || error.downcast_ref().is_some_and(daily_limit::is_throttling)
            });
        self.note(|usage| usage.throttles += u32::from(is_throttled));
        Ok(())
    }
}
