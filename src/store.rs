//! The table: one consistent read, and one conditional write.
//!
//! An item is a meeting: what was requested and what was answered. Its key is the idempotency token and the
//! caller's account. One `PutItem` creates it, unless an unexpired one exists: then the rejected write returns
//! that one. There is no lock and no in-progress state.
//!
//! With a daily limit, the put is one half of a transaction: see `store/daily_limit.rs`.

mod daily_limit;
mod failure;
mod record;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use self::record::Record;
use crate::attempts::{self, CONNECT_TIMEOUT, Failure, Report, Service, ServiceCall, attempt};
use crate::error::Error;
use crate::meeting::MediaPlacement;
use crate::request::CreateMeetingRequest;

/// A meeting in the table.
#[derive(Debug)]
pub struct Item {
    /// The caller's account, or `anonymous`.
    pub account_id: String,
    /// What was requested, including the token.
    pub request: CreateMeetingRequest,
    /// The meeting's ID.
    pub meeting_id: String,
    /// The URLs that were answered.
    pub media_placement: MediaPlacement,
    /// When the meeting was created, since 1970. The table has it in milliseconds.
    pub created_at: Duration,
    /// When the token becomes free again, in seconds since 1970. `DynamoDB` deletes the item some time later.
    pub expires_at: u64,
    /// The invocation that wrote the item, where its meeting ID does not identify it.
    pub write_id: Option<Uuid>,
}

impl Item {
    /// How long ago, in whole seconds, the meeting was created at `now`, in seconds since 1970.
    #[must_use]
    pub fn age(&self, now: u64) -> Duration {
        Duration::from_secs(now.saturating_sub(self.created_at.as_secs()))
    }

    /// Whether `other` was written by the same invocation.
    #[must_use]
    pub fn is_written_with(&self, other: &Self) -> bool {
        (&self.meeting_id, self.write_id) == (&other.meeting_id, other.write_id)
    }
}

/// What a read has found.
#[derive(Debug)]
pub struct Found {
    /// The token's item, if it has not expired.
    pub item: Option<Item>,
    /// The error for a new meeting, if the account has reached its daily limit.
    pub limit_reached: Option<Error>,
}

/// How long a start waits at most for the connection: it takes milliseconds, and Lambda gives a start
/// ten seconds ("Lambda runtime environment" in its developer guide).
const WARM_UP: Duration = Duration::from_secs(2);

/// The meetings' table.
#[derive(Debug)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table of this name, and a client of its own for it.
    #[must_use]
    pub fn new(config: Builder, table: String) -> Self {
        // The client keeps one pool of connections for each connect timeout, so it must not depend on the
        // deadline.
        let connect = TimeoutConfig::builder().connect_timeout(CONNECT_TIMEOUT).build();
        let config = config.timeout_config(connect).retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), table }
    }

    /// Opens the connection ahead of the first request, which would otherwise pay for it. If that fails, the
    /// log has the reason, and the first request opens it.
    ///
    /// It tries to replace an item that does not exist, which changes nothing and needs no further permission.
    pub async fn warm_up(&self) {
        let write = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("ClientRequestToken", AttributeValue::S("#warm-up".into()))
            .item("AccountId", AttributeValue::S("#warm-up".into()))
            .condition_expression("attribute_exists(ClientRequestToken)")
            .send();
        let error = match timeout(WARM_UP, write).await {
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
            Err(_) => format!("no answer within {WARM_UP:?}"),
        };
        tracing::warn!(error, "could not pre-open the DynamoDB connection");
    }

    /// Reads the item of `token` and `account_id` unless it had expired by `now` (seconds since 1970), and with
    /// a daily limit whether the account has reached it, in one request.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, also for an item that cannot be read.
    pub async fn read(
        &self,
        (account_id, token): (&str, &str),
        daily_limit: Option<NonZeroU32>,
        now: u64,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Found, Error> {
        let time_limit = time_limit(deadline);
        let key = key(account_id, token);
        let (item, limit_reached) = match daily_limit {
            None => {
                let call = (Service::DynamoDb, "GetItem");
                let get = || self.get(&key);
                (attempt(call, calls, deadline, time_limit, get).await?, None)
            }
            Some(limit) => {
                let call = (Service::DynamoDb, "BatchGetItem");
                let get = || self.get_with_counter(&key, account_id, limit, now);
                attempt(call, calls, deadline, time_limit, get).await?
            }
        };
        let unexpired = item.as_ref().filter(|item| !has_expired(item, now));
        let item = unexpired.map(parse).transpose();
        let item = item.inspect_err(|error| attempts::note_failure(calls, error))?;
        Ok(Found { item, limit_reached })
    }

    async fn get(&self, key: &Attributes) -> Result<(Option<Attributes>, Report), Failure> {
        let output = self
            .client
            .get_item()
            .table_name(&self.table)
            .set_key(Some(key.clone()))
            .consistent_read(true)
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let report = report(output.consumed_capacity.as_slice());
        Ok((output.item, report))
    }

    /// Writes `item` unless there is an item of its key that had not expired by `now` (seconds since 1970),
    /// and returns that one if there is. The meeting `ended` does not block it: it is known to have ended.
    ///
    /// The item returned may be `item` itself, if the answer to a write was lost and another attempt found it.
    ///
    /// # Errors
    /// `ResourceLimitExceeded` if the item's account has reached the daily limit of the UTC day that
    /// it is `now`. `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, also for an item that cannot
    /// be read.
    pub async fn put(
        &self,
        item: &Item,
        ended: Option<&str>,
        daily_limit: Option<NonZeroU32>,
        now: u64,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Option<Item>, Error> {
        let time_limit = time_limit(deadline);
        let condition = Condition::unless_live(now, ended);
        match daily_limit {
            None => {
                let call = (Service::DynamoDb, "PutItem");
                let put = || self.put_item(item, &condition);
                attempt(call, calls, deadline, time_limit, put).await
            }
            Some(limit) => {
                let call = (Service::DynamoDb, "TransactWriteItems");
                let put = || self.put_and_count(item, &condition, limit, now);
                attempt(call, calls, deadline, time_limit, put).await
            }
        }
    }

    async fn put_item(
        &self,
        item: &Item,
        condition: &Condition,
    ) -> Result<(Option<Item>, Report), Failure> {
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(attributes(item)?))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(Some(condition.values.clone()))
            .return_values_on_condition_check_failure(AllOld)
            .return_consumed_capacity(Total)
            .send()
            .await;
        let error = match written {
            Ok(output) => return Ok((None, report(output.consumed_capacity.as_slice()))),
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(rejection)) => {
                Ok((Some(existing(rejection.item())?), Report::default()))
            }
            _ => Err(error.into()),
        }
    }
}

/// The condition on which an item is written.
struct Condition {
    expression: &'static str,
    values: Attributes,
}

impl Condition {
    fn unless_live(now: u64, ended: Option<&str>) -> Self {
        let mut values = Attributes::from([(":now".into(), number(now))]);
        let expression = match ended {
            None => "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now",
            Some(ended) => {
                values.insert(":ended".into(), AttributeValue::S(ended.into()));
                "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now OR MeetingId = :ended"
            }
        };
        Self { expression, values }
    }
}

/// How long an attempt may take: all attempts fit before the deadline, and the pauses between them.
fn time_limit(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()) / (attempts::MOST + 1)
}

fn report(consumed: &[ConsumedCapacity]) -> Report {
    let units = consumed.iter().filter_map(ConsumedCapacity::capacity_units);
    Report { consumed_capacity: units.reduce(|a, b| a + b), request_id: None }
}

type Attributes = HashMap<String, AttributeValue>;

fn key(account_id: &str, token: &str) -> Attributes {
    Attributes::from([
        ("ClientRequestToken".into(), AttributeValue::S(token.into())),
        ("AccountId".into(), AttributeValue::S(account_id.into())),
    ])
}

fn attributes(item: &Item) -> Result<Attributes, Error> {
    serde_dynamo::to_item(Record::new(item)?).map_err(Error::service_failure)
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The unexpired item that a rejected write has returned.
fn existing(item: Option<&Attributes>) -> Result<Item, Error> {
    parse(item.ok_or_else(|| Error::service_failure("a rejected write without an item"))?)
}

/// Whether an item has expired, which an item that cannot be read may have too.
fn has_expired(item: &Attributes, now: u64) -> bool {
    let expires_at = item.get("ExpiresAt").and_then(|it| it.as_n().ok());
    expires_at.and_then(|it| it.parse::<u64>().ok()).is_some_and(|expires_at| expires_at <= now)
}

fn parse(item: &Attributes) -> Result<Item, Error> {
    let readable = item.values().all(is_known).then(|| item.clone());
    let record = readable.and_then(|item| serde_dynamo::from_item::<_, Record>(item).ok());
    record.and_then(Record::into_item).ok_or_else(|| {
        // Without serde's own words, which may quote a sensitive value.
        let id = item.get("MeetingId").and_then(|id| id.as_s().ok()).map_or("?", String::as_str);
        Error::service_failure(format!("the item of meeting {id} cannot be read"))
    })
}

/// Whether `value` is of types that the SDK knows: `serde_dynamo` panics over others.
fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::M(members) => members.values().all(is_known),
        AttributeValue::L(elements) => elements.iter().all(is_known),
        other => !other.is_unknown(),
    }
}
