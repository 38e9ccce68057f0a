//! The table: one consistent read and one conditional write.
//!
//! An item is a meeting: the request and the response. Its key is the idempotency token and the caller's account. One
//! `PutItem` creates it, unless an unexpired item with that key exists: then the rejected write returns the existing
//! item. There is no lock and no in-progress state.
//!
//! With a daily limit, the put is part of a transaction: see `store/daily_limit.rs`.

mod daily_limit;
mod failure;
mod item;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, ConsumedCapacity};
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use self::item::Item;
use crate::attempts::{Completed, Failure, MAX_ATTEMPTS, ResponseMetadata, Service, with_retries};
use crate::error::Error;
use crate::meeting::MediaPlacement;
use crate::request::CreateMeetingRequest;

/// A meeting in the table.
#[derive(Debug)]
pub struct StoredMeeting {
    /// The caller's account, or `anonymous`.
    pub account_id: String,
    /// The request, including the token.
    pub request: CreateMeetingRequest,
    /// The meeting's ID.
    pub meeting_id: String,
    /// The URLs in the response.
    pub media_placement: MediaPlacement,
    /// When the meeting was created, as the time since 1970. The table stores milliseconds.
    pub created_at: Duration,
    /// When the token can be used again, in seconds since 1970. `DynamoDB` deletes the item some time later.
    pub expires_at: u64,
    /// Identifies the invocation that wrote the item, if the meeting ID does not.
    pub write_id: Option<Uuid>,
}

impl StoredMeeting {
    /// The age of the meeting at `now` (seconds since 1970), in whole seconds.
    #[must_use]
    pub fn age(&self, now: u64) -> Duration {
        Duration::from_secs(now.saturating_sub(self.created_at.as_secs()))
    }

    /// Whether the same invocation wrote `self` and `other`.
    #[must_use]
    pub fn has_same_writer(&self, other: &Self) -> bool {
        (&self.meeting_id, self.write_id) == (&other.meeting_id, other.write_id)
    }
}

/// The result of a read.
#[derive(Debug)]
pub struct Lookup {
    /// The meeting of the token, if there is one that has not expired.
    pub meeting: Option<StoredMeeting>,
    /// The error for a new meeting, if the account has reached the daily limit.
    pub limit_reached: Option<Error>,
}

/// Timeout for opening the connection at startup. It usually takes milliseconds, and Lambda allows the init phase ten
/// seconds ("Lambda runtime environment" in its developer guide).
const WARM_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The table of meetings.
#[derive(Debug)]
pub struct Store {
    client: Client,
    table: String,
}

impl Store {
    /// The table with this name, and a client for it.
    #[must_use]
    pub fn new(config: Builder, table: String) -> Self {
        let config = config.retry_config(RetryConfig::disabled()).build();
        Self { client: Client::from_conf(config), table }
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
            .item("ClientRequestToken", AttributeValue::S("#warm-up".into()))
            .item("AccountId", AttributeValue::S("#warm-up".into()))
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

    /// Reads the meeting of `token` and `account_id`, unless it has expired at `now` (seconds since 1970). With a daily
    /// limit, the same request reads whether the account has reached it.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn read(
        &self,
        (account_id, token): (&str, &str),
        daily_limit: Option<NonZeroU32>,
        now: u64,
        deadline: Instant,
    ) -> Completed<Lookup> {
        let attempt_timeout = attempt_timeout(deadline);
        let key = key(account_id, token);
        let completed = match daily_limit {
            None => {
                let call = (Service::DynamoDb, "GetItem");
                let get = || self.get(&key);
                let completed = with_retries(call, deadline, attempt_timeout, get).await;
                completed.parse(|item| Ok((item, None)))
            }
            Some(limit) => {
                let call = (Service::DynamoDb, "BatchGetItem");
                let get = || self.get_with_counter(&key, account_id, limit, now);
                with_retries(call, deadline, attempt_timeout, get).await
            }
        };
        completed.parse(|(item, limit_reached)| {
            let unexpired = item.as_ref().filter(|item| !has_expired(item, now));
            Ok(Lookup { meeting: unexpired.map(parse).transpose()?, limit_reached })
        })
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

    /// Writes `meeting`, unless the table has a meeting with its key that has not expired at `now` (seconds since 1970):
    /// then that one is returned. A meeting with the ID `ended` is replaced, because it is known to have ended.
    ///
    /// The returned meeting may be `meeting` itself, if the response to a write was lost and a retry found it.
    ///
    /// # Errors
    /// `ResourceLimitExceeded` if the account has reached the daily limit of the UTC day of `now`, `ThrottledClient`,
    /// `ServiceUnavailable`, or `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn put(
        &self,
        meeting: &StoredMeeting,
        ended: Option<&str>,
        daily_limit: Option<NonZeroU32>,
        now: u64,
        deadline: Instant,
    ) -> Completed<Option<StoredMeeting>> {
        let attempt_timeout = attempt_timeout(deadline);
        let condition = Condition::unless_unexpired(now, ended);
        match daily_limit {
            None => {
                let call = (Service::DynamoDb, "PutItem");
                let put = || self.put_item(meeting, &condition);
                with_retries(call, deadline, attempt_timeout, put).await
            }
            Some(limit) => {
                let call = (Service::DynamoDb, "TransactWriteItems");
                let put = || self.put_and_count(meeting, &condition, limit, now);
                with_retries(call, deadline, attempt_timeout, put).await
            }
        }
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
            .set_item(Some(attributes(meeting)?))
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
}

/// The condition of a put.
struct Condition {
    expression: &'static str,
    values: Attributes,
}

impl Condition {
    fn unless_unexpired(now: u64, ended: Option<&str>) -> Self {
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

/// How long an attempt may take, so that all attempts and the backoff between them fit before the deadline.
fn attempt_timeout(deadline: Instant) -> Duration {
    deadline.saturating_duration_since(Instant::now()) / (MAX_ATTEMPTS + 1)
}

fn metadata(consumed: &[ConsumedCapacity]) -> ResponseMetadata {
    let units = consumed.iter().filter_map(ConsumedCapacity::capacity_units);
    ResponseMetadata { consumed_capacity: units.reduce(|a, b| a + b), request_id: None }
}

type Attributes = HashMap<String, AttributeValue>;

fn key(account_id: &str, token: &str) -> Attributes {
    Attributes::from([
        ("ClientRequestToken".into(), AttributeValue::S(token.into())),
        ("AccountId".into(), AttributeValue::S(account_id.into())),
    ])
}

fn attributes(meeting: &StoredMeeting) -> Result<Attributes, Error> {
    serde_dynamo::to_item(Item::new(meeting)?).map_err(Error::service_failure)
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The existing meeting that a rejected write returned.
fn existing(item: Option<&Attributes>) -> Result<StoredMeeting, Error> {
    parse(item.ok_or_else(|| {
        Error::service_failure("DynamoDB rejected the write but returned no item")
    })?)
}

/// Whether an item has expired. This reads only one attribute, so that an expired item is ignored even if the rest cannot
/// be parsed.
fn has_expired(item: &Attributes, now: u64) -> bool {
    let expires_at = item.get("ExpiresAt").and_then(|it| it.as_n().ok());
    expires_at.and_then(|it| it.parse::<u64>().ok()).is_some_and(|expires_at| expires_at <= now)
}

fn parse(attributes: &Attributes) -> Result<StoredMeeting, Error> {
    let readable = attributes.values().all(is_known).then(|| attributes.clone());
    let item = readable.and_then(|item| serde_dynamo::from_item::<_, Item>(item).ok());
    item.and_then(Item::into_meeting).ok_or_else(|| {
        // Without serde's message, which may quote a sensitive value.
        let id =
            attributes.get("MeetingId").and_then(|id| id.as_s().ok()).map_or("?", String::as_str);
        Error::service_failure(format!("the item of meeting {id} cannot be read"))
    })
}

/// Whether the SDK knows all types in `value`. `serde_dynamo` panics over unknown ones.
fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::M(members) => members.values().all(is_known),
        AttributeValue::L(elements) => elements.iter().all(is_known),
        other => !other.is_unknown(),
    }
}
