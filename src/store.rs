//! The table: one consistent read and one conditional write.
//!
//! An item is a meeting: the request and the response. Its key is the idempotency token and the caller's account. One
//! `PutItem` creates it, unless an unexpired item with that key exists: then the rejected write returns the existing
//! item. There is no lock and no in-progress state.
//!
//! With a daily limit, the put is part of a transaction that also counts the meeting.

mod daily_limit;
mod failure;
mod item;

use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConsumedCapacity, KeysAndAttributes, Put, TransactWriteItem,
};
use tokio::time::timeout;

use self::daily_limit::{Cancellation, DailyLimit, counter_key};
pub use self::item::StoredMeeting;
use self::item::{Attributes, has_expired, key, number};
use crate::attempts::{Failure, MAX_ATTEMPTS, ResponseMetadata, with_retries};
use crate::error::Error;
use crate::invocation::{Invocation, Service};
use crate::meeting::Guid;

/// The result of a read.
#[derive(Debug)]
pub struct Lookup {
    /// The meeting of the token, if there is one that has not expired.
    pub meeting: Option<StoredMeeting>,
    /// How many meetings the account has created today, if there is a daily limit.
    pub created_today: u64,
}

/// Timeout for opening the connection at startup. It usually takes milliseconds, and Lambda allows the init phase ten
/// seconds ("Lambda runtime environment" in its developer guide).
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The table of meetings.
#[derive(Debug)]
pub struct Store {
    client: Client,
    table: String,
    daily_limit: Option<DailyLimit>,
}

impl Store {
    /// The table with this name, and a client for it. If there is a daily limit, an account may create that many
    /// meetings in a UTC day.
    #[must_use]
    pub fn new(config: Builder, table: String, daily_limit: Option<NonZeroU32>) -> Self {
        let config = config.retry_config(RetryConfig::disabled()).build();
        let daily_limit = daily_limit.map(DailyLimit);
        Self { client: Client::from_conf(config), table, daily_limit }
    }

    /// Opens the connection ahead of the first request, which would otherwise pay for it. If that fails, the reason is
    /// logged, and the first request opens the connection.
    ///
    /// It sends a conditional put that can never succeed, which changes nothing and needs no further permission.
    pub async fn warm_up(&self) {
        let write = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(key("#warm-up", "#warm-up")))
            .condition_expression("attribute_exists(ClientRequestToken)")
            .send();
        let error = match timeout(WARM_UP_TIMEOUT, write).await {
            Ok(Ok(_)) => return,
            Ok(Err(error))
                if matches!(
                    error.as_service_error(),
                    Some(PutItemError::ConditionalCheckFailedException(_))
                ) =>
            {
                return;
            }
            Ok(Err(error)) => DisplayErrorContext(error).to_string(),
            Err(_) => format!("no response within {WARM_UP_TIMEOUT:?}"),
        };
        tracing::warn!(error, "could not pre-open the DynamoDB connection");
    }

    /// Reads the meeting of an account and a token, unless it has expired. With a daily limit, the same request reads how
    /// many meetings the account has created today.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn read(
        &self,
        account_id: &str,
        token: &str,
        invocation: Invocation<'_>,
    ) -> Result<Lookup, Error> {
        let now = invocation.now();
        let attempt_timeout = attempt_timeout(invocation);
        let meeting = key(account_id, token);
        let completed = if self.daily_limit.is_some() {
            let counter = counter_key(account_id, now)?;
            let get = || self.get_with_counter(&meeting, &counter);
            let operation = "BatchGetItem";
            with_retries(Service::DynamoDb, operation, invocation, attempt_timeout, get).await
        } else {
            let get = || self.get(&meeting);
            let operation = "GetItem";
            with_retries(Service::DynamoDb, operation, invocation, attempt_timeout, get)
                .await
                .parse(|item| Ok((item, 0)))
        };
        completed
            .parse(|(item, created_today)| {
                let unexpired = item.as_ref().filter(|item| !has_expired(item, now));
                let meeting = unexpired.map(StoredMeeting::parse).transpose()?;
                Ok(Lookup { meeting, created_today })
            })
            .record()
    }

    /// Checks that an account that has created `created_today` meetings may create another one.
    ///
    /// # Errors
    /// `ResourceLimitExceeded` if it has reached the daily limit.
    pub fn check_limit(&self, created_today: u64, invocation: Invocation<'_>) -> Result<(), Error> {
        match self.daily_limit {
            Some(limit) if created_today >= limit.0.get().into() => {
                Err(limit.reached(invocation.now()))
            }
            _ => Ok(()),
        }
    }

    async fn get(
        &self,
        key: &Attributes,
    ) -> Result<(Option<Attributes>, ResponseMetadata), Failure> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.clone()))
            .consistent_read(true)
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let metadata = metadata(output.consumed_capacity.as_slice());
        Ok((output.item, metadata))
    }

    async fn get_with_counter(
        &self,
        meeting: &Attributes,
        counter: &Attributes,
    ) -> Result<((Option<Attributes>, u64), ResponseMetadata), Failure> {
        let keys = KeysAndAttributes::builder()
            .keys(meeting.clone())
            .keys(counter.clone())
            .consistent_read(true)
            .build()
            .map_err(Error::service_failure)?;
        let output = self
            .client
            .batch_get_item()
            .request_items(&self.table, keys)
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let metadata = metadata(output.consumed_capacity());
        if output.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
            return Err(Failure::throttled("BatchGetItem left keys unprocessed"));
        }
        let mut responses = output.responses.unwrap_or_default();
        let items = responses.remove(&self.table).unwrap_or_default();
        let (counters, mut meetings): (Vec<_>, Vec<_>) =
            items.into_iter().partition(daily_limit::is_counter);
        let created_today = counters.first().map_or(0, daily_limit::count_of);
        Ok(((meetings.pop(), created_today), metadata))
    }

    /// Writes `meeting`, unless the table has a meeting with its key that has not expired: then that one is returned. A
    /// meeting with the ID `ended` is replaced, because it is known to have ended.
    ///
    /// The returned meeting may be `meeting` itself, if the response to a write was lost and a retry found it.
    ///
    /// # Errors
    /// `ResourceLimitExceeded` if the account has reached the daily limit, `ThrottledClient`, `ServiceUnavailable`, or
    /// `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn put(
        &self,
        meeting: &StoredMeeting,
        ended: Option<&Guid>,
        invocation: Invocation<'_>,
    ) -> Result<Option<StoredMeeting>, Error> {
        let attempt_timeout = attempt_timeout(invocation);
        let condition = Condition::unless_unexpired(invocation.now(), ended);
        let completed = if let Some(limit) = self.daily_limit {
            let put = || self.put_and_count(meeting, &condition, limit, invocation.now());
            let operation = "TransactWriteItems";
            with_retries(Service::DynamoDb, operation, invocation, attempt_timeout, put).await
        } else {
            let put = || self.put_item(meeting, &condition);
            let operation = "PutItem";
            with_retries(Service::DynamoDb, operation, invocation, attempt_timeout, put).await
        };
        completed.record()
    }

    async fn put_item(
        &self,
        meeting: &StoredMeeting,
        condition: &Condition,
    ) -> Result<(Option<StoredMeeting>, ResponseMetadata), Failure> {
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(meeting.attributes()?))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(Some(condition.values.clone()))
            .return_values_on_condition_check_failure(AllOld)
            .return_consumed_capacity(Total)
            .send()
            .await;
        let error = match written {
            Ok(output) => return Ok((None, metadata(output.consumed_capacity.as_slice()))),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(rejection)) => {
                Ok((Some(existing(rejection.item())?), ResponseMetadata::default()))
            }
            _ => Err(error.into()),
        }
    }

    /// Puts `meeting` and counts it, or returns the existing meeting and counts nothing.
    async fn put_and_count(
        &self,
        meeting: &StoredMeeting,
        condition: &Condition,
        limit: DailyLimit,
        now: u64,
    ) -> Result<(Option<StoredMeeting>, ResponseMetadata), Failure> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(meeting.attributes()?))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(Some(condition.values.clone()))
            .return_values_on_condition_check_failure(AllOld)
            .build()
            .map_err(Error::service_failure)?;
        let count = limit.count(&self.table, &meeting.account_id, now)?;
        let written = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(count).build())
            .return_consumed_capacity(Total)
            .send()
            .await;
        let error = match written {
            Ok(output) => return Ok((None, metadata(output.consumed_capacity()))),
            Err(error) => error,
        };
        match error.as_service_error().and_then(Cancellation::of) {
            // A replay, whatever the counter says.
            Some(Cancellation::MeetingExists(item)) => {
                Ok((Some(existing(item)?), ResponseMetadata::default()))
            }
            Some(Cancellation::LimitReached) => Err(limit.reached(now).into()),
            Some(Cancellation::Throttled) => Err(Failure::throttled(error)),
            Some(Cancellation::Conflict) => Err(Failure::conflict(error)),
            None => Err(error.into()),
        }
    }
}

/// The condition of a put.
struct Condition {
    expression: &'static str,
    values: Attributes,
}

impl Condition {
    fn unless_unexpired(now: u64, ended: Option<&Guid>) -> Self {
        let mut values = Attributes::from([(":now".into(), number(now))]);
        let expression = match ended {
            None => "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now",
            Some(ended) => {
                values.insert(":ended".into(), AttributeValue::S(ended.as_str().into()));
                "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now OR MeetingId = :ended"
            }
        };
        Self { expression, values }
    }
}

/// How long an attempt may take, so that all attempts and the backoff between them fit before the deadline.
fn attempt_timeout(invocation: Invocation<'_>) -> Duration {
    invocation.left() / (MAX_ATTEMPTS + 1)
}

fn metadata(consumed: &[ConsumedCapacity]) -> ResponseMetadata {
    let units = consumed.iter().filter_map(ConsumedCapacity::capacity_units);
    ResponseMetadata { consumed_capacity: units.reduce(|a, b| a + b), request_id: None }
}

/// The existing meeting that a rejected write returned.
fn existing(item: Option<&Attributes>) -> Result<StoredMeeting, Error> {
    StoredMeeting::parse(item.ok_or_else(|| {
        Error::service_failure("DynamoDB rejected the write but returned no item")
    })?)
}
