//! The table, and the one conditional write.
//!
//! An item is a meeting: what was asked for and what was answered. Its key is the idempotency
//! token and the caller's account. One `PutItem` creates it, unless a live one is there, and then
//! the refusal brings that one along: there is no lock, no in-progress state and no second request.
//!
//! With a daily limit, the put is one half of a transaction: see `store/daily_limit.rs`.

mod call;
mod daily_limit;
mod failure;

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::slice;
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::{RetryConfig, RetryPartition, TokenBucket};
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{Builder, Config};
use aws_sdk_dynamodb::error::DisplayErrorContext;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub use self::call::{Call, Usage};
use self::failure::Failure;
use crate::error::{Error, ErrorKind};
use crate::meeting::MediaPlacement;
use crate::request::CreateMeetingRequest;

/// A meeting in the table. `template.yaml` has the table's key.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Item {
    /// The caller's account, or `anonymous`.
    pub account_id: String,
    /// What was asked for, the token among it.
    #[serde(flatten)]
    pub request: CreateMeetingRequest,
    /// The meeting's id.
    pub meeting_id: Uuid,
    /// The URLs that were answered.
    pub media_placement: MediaPlacement,
    /// When the meeting was created: ISO 8601, UTC, in milliseconds.
    pub created_at: String,
    /// From when on the token is free again, in seconds since 1970. `DynamoDB` deletes the item
    /// some time after it.
    pub expires_at: u64,
}

/// How often a write is tried. Only conflicts with other writes are borne with more often.
const ATTEMPTS: u32 = 3;

/// How long a write waits at most after its first conflict. A transaction takes milliseconds.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
/// How long it waits at most after many conflicts: each doubles the time.
const LONGEST_PAUSE: Duration = Duration::from_millis(200);

/// How long a start waits at most for the connection: it takes milliseconds, and Lambda gives a start
/// ten seconds ("Lambda runtime environment" in its developer guide).
const WARM_UP: Duration = Duration::from_secs(2);

const UNLESS_LIVE: &str = "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now";

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
        // A connection is there within milliseconds. The client keeps one pool of connections for
        // each connect timeout that it meets, so it is not to depend on the deadline.
        let connect = TimeoutConfig::builder().connect_timeout(Duration::from_secs(1)).build();
        let retries = RetryConfig::standard()
            .with_max_attempts(ATTEMPTS)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_millis(100));
        // By default, a client that has met many faults gives up retries, and with them answers that
        // were lost. Here the number of attempts and the deadline are bound enough.
        let unlimited = RetryPartition::custom("meetings").token_bucket(TokenBucket::unlimited());
        let config = config
            .timeout_config(connect)
            .retry_config(retries)
            .retry_partition(unlimited.build())
            .build();
        Self { client: Client::from_conf(config), table }
    }

    /// Opens the connection that the first meeting would else wait for, and waits for it. Where that
    /// fails, the log has the reason, and it is left to the first meeting.
    ///
    /// It tries to replace an item that is not there, which changes nothing and needs no permission
    /// but the one that is needed anyway.
    pub async fn warm_up(&self) {
        let timeout = TimeoutConfig::builder().operation_timeout(WARM_UP).build();
        let config =
            Config::builder().timeout_config(timeout).retry_config(RetryConfig::disabled());
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .item("ClientRequestToken", AttributeValue::S("#warm-up".into()))
            .item("AccountId", AttributeValue::S("#warm-up".into()))
            .condition_expression("attribute_exists(ClientRequestToken)")
            .customize()
            .config_override(config)
            .send()
            .await;
        if let Err(error) = written
            && !matches!(
                error.as_service_error(),
                Some(PutItemError::ConditionalCheckFailedException(_))
            )
        {
            let error = DisplayErrorContext(error).to_string();
            tracing::warn!(error, "the connection to DynamoDB was not opened ahead");
        }
    }

    /// Writes `item` unless there is an item of its key that is live at `now` (seconds since 1970),
    /// and returns that one if there is. It ends by the call's deadline, retries included.
    ///
    /// The item returned may be `item` itself: that is how a write looks whose answer was lost when
    /// the client tries it again.
    ///
    /// # Errors
    /// `ResourceLimitExceeded` if the item's account has reached the daily limit of the UTC day that
    /// it is `now`. `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, which includes a
    /// live item that cannot be read.
    pub async fn put_unless_live(
        &self,
        item: &Item,
        daily_limit: Option<NonZeroU32>,
        now: u64,
        call: &Call,
    ) -> Result<Option<Item>, Error> {
        let operation = if daily_limit.is_some() { "TransactWriteItems" } else { "PutItem" };
        call.note(|usage| usage.started = Some((operation, SystemTime::now())));
        let started_at = Instant::now();
        let written = self.put_with_retries(item, daily_limit, now, call).await;
        call.note(|usage| usage.latency = Some(started_at.elapsed()));
        written
    }

    async fn put_with_retries(
        &self,
        item: &Item,
        daily_limit: Option<NonZeroU32>,
        now: u64,
        call: &Call,
    ) -> Result<Option<Item>, Error> {
        // All attempts fit, and the pauses between them.
        let attempt_timeout = call.time_left() / (ATTEMPTS + 1);
        let mut pause = FIRST_PAUSE;
        let mut tried = 0;
        loop {
            let timeouts = TimeoutConfig::builder()
                .operation_timeout(call.time_left())
                .operation_attempt_timeout(attempt_timeout);
            let config =
                Config::builder().timeout_config(timeouts.build()).interceptor(call.clone());
            let written = match daily_limit {
                None => self.put(item, now, call, config).await,
                Some(limit) => self.put_and_count(item, limit, now, call, config).await,
            };
            let error = match written {
                Ok(live) => return Ok(live),
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error)) => error,
            };
            tried += 1;
            let is_throttled = error.kind() == ErrorKind::ThrottledClient;
            let jittered = pause.mul_f64(fastrand::f64());
            if (is_throttled && tried >= ATTEMPTS) || call.time_left() < jittered + attempt_timeout
            {
                return Err(error);
            }
            sleep(jittered).await;
            pause = LONGEST_PAUSE.min(pause * 2);
        }
    }

    async fn put(
        &self,
        item: &Item,
        now: u64,
        call: &Call,
        config: Builder,
    ) -> Result<Option<Item>, Failure> {
        let written = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(attributes(item)?))
            .condition_expression(UNLESS_LIVE)
            .expression_attribute_values(":now", number(now))
            .return_values_on_condition_check_failure(AllOld)
            .return_consumed_capacity(Total)
            .customize()
            .config_override(config)
            .send()
            .await;
        let error = match written {
            Ok(output) => {
                call.note_capacity(output.consumed_capacity().map_or(&[], slice::from_ref));
                return Ok(None);
            }
            Err(error) => error,
        };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(refusal)) => {
                Ok(Some(read(refusal.item())?))
            }
            _ => Err(error.into()),
        }
    }
}

type Attributes = HashMap<String, AttributeValue>;

fn attributes(item: &Item) -> Result<Attributes, Error> {
    serde_dynamo::to_item(item).map_err(Error::service_failure)
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The live item that a refused write has brought along.
fn read(item: Option<&Attributes>) -> Result<Item, Error> {
    let live = item.ok_or_else(|| Error::service_failure("a refusal without an item"))?;
    let readable = live.values().all(is_known).then(|| live.clone());
    readable.and_then(|item| serde_dynamo::from_item(item).ok()).ok_or_else(|| {
        // Without serde's own words, which may quote a sensitive value.
        let id = live.get("MeetingId").and_then(|id| id.as_s().ok()).map_or("?", String::as_str);
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
