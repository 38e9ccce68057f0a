//! The table: one consistent read and one conditional write create a meeting.
//!
//! The item of a token is a meeting: the request and the response. Its key is the token and the caller's account. One
//! `PutItem` creates it, unless an unexpired item with that key exists: then the rejected write returns the existing
//! item. There is no lock and no in-progress state.
//!
//! A meeting of the Amazon Chime SDK also gets an [`Owner`], and with a daily limit, a counter counts the meeting: then
//! the put is part of a transaction. Later, [`Marks`] say that the meeting has ended. Until then, an index lists it.

mod daily_limit;
mod failure;
mod item;
mod list;
mod mark;
mod owner;
mod put;
mod table;

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::KeysAndAttributes;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use self::daily_limit::{DailyLimit, counter_key};
pub use self::item::StoredMeeting;
use self::item::{Attributes, NEVER, PROBE, has_expired, key};
pub use self::list::{Lists, Place};
pub use self::mark::Marks;
pub use self::owner::{Owner, Owners};
pub use self::put::Rejection;
use self::put::{Cancellation, Condition, PUT, TRANSACTION};
use self::table::{Table, metadata, per_attempt};
use crate::attempts::{Failure, ResponseMetadata, warm_up, with_retries};
use crate::error::{Error, ErrorKind};
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

/// What a probe returns: that there was a response.
const PROBED: ((), ResponseMetadata) =
    ((), ResponseMetadata { consumed_capacity: None, request_id: None });

/// The table of meetings.
#[derive(Debug)]
pub struct Store {
    table: Table,
    daily_limit: Option<DailyLimit>,
    /// Whether this process's last put ended in a `ServiceFailure`, usually because `DynamoDB` denied it.
    is_put_denied: AtomicBool,
}

impl Store {
    /// The table with this name, and a client for it. If there is a daily limit, an account may create that many
    /// meetings in a UTC day.
    #[must_use]
    pub fn new(config: Builder, table: String, daily_limit: Option<NonZeroU32>) -> Self {
        let config = config.retry_config(RetryConfig::disabled()).build();
        let daily_limit = daily_limit.map(DailyLimit);
        let is_put_denied = AtomicBool::new(false);
        let table = Table { client: Client::from_conf(config), name: table };
        Self { table, daily_limit, is_put_denied }
    }

    /// Opens the connection ahead of the first request.
    pub async fn warm_up(&self) {
        self.note_put(warm_up(Service::DynamoDb, self.probe_put()).await.err());
    }

    /// Checks that meetings can be stored, if `DynamoDB` denied this process's last put. Otherwise, each new token
    /// would leave a meeting in the Amazon Chime SDK that no client learns of.
    ///
    /// # Errors
    /// `ServiceFailure` if puts are still denied, `ThrottledClient`, or `ServiceUnavailable`.
    pub async fn check_puts(&self, invocation: Invocation<'_>) -> Result<(), Error> {
        if !self.is_put_denied.load(Ordering::Relaxed) {
            return Ok(());
        }
        let per_attempt = per_attempt(invocation);
        let completed = if self.daily_limit.is_some() {
            let probe = || self.probe_transaction();
            with_retries(Service::DynamoDb, TRANSACTION, invocation, per_attempt, probe).await
        } else {
            let probe = || self.probe_put();
            with_retries(Service::DynamoDb, PUT, invocation, per_attempt, probe).await
        };
        completed.record()?;
        self.note_put(None);
        Ok(())
    }

    fn note_put(&self, failed_with: Option<ErrorKind>) {
        let is_denied = failed_with == Some(ErrorKind::ServiceFailure);
        self.is_put_denied.store(is_denied, Ordering::Relaxed);
    }

    /// Sends a put that can never succeed, so it changes nothing. It needs no further permission.
    async fn probe_put(&self) -> Result<((), ResponseMetadata), Failure> {
        let put = self
            .table
            .client
            .put_item()
            .table_name(&self.table.name)
            .set_item(Some(key(PROBE, PROBE)))
            .condition_expression(NEVER);
        let Err(error) = put.send().await else { return Ok(PROBED) };
        match error.as_service_error() {
            Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(PROBED),
            _ => Err(error.into()),
        }
    }

    /// Sends a put with a count that can never succeed, so it changes nothing.
    async fn probe_transaction(&self) -> Result<((), ResponseMetadata), Failure> {
        let actions = Some(daily_limit::probe(&self.table.name)?);
        let write = self.table.client.transact_write_items().set_transact_items(actions);
        let Err(error) = write.send().await else { return Ok(PROBED) };
        match error.as_service_error().and_then(Cancellation::of) {
            Some(Cancellation::MeetingExists(_)) => Ok(PROBED),
            Some(Cancellation::Conflict) => Err(Failure::conflict(error)),
            Some(Cancellation::Throttled) => Err(Failure::throttled(error)),
            Some(Cancellation::OtherCondition(_)) | None => Err(error.into()),
        }
    }

    /// Reads the meeting of an account and a token, and, with a daily limit, how many meetings the account has created
    /// today. That is one request, but not one snapshot: `BatchGetItem` reads each item by itself.
    ///
    /// # Errors
    /// Those of [`Self::read_meeting`].
    pub async fn read(
        &self,
        account_id: &str,
        token: &str,
        invocation: Invocation<'_>,
    ) -> Result<Lookup, Error> {
        if self.daily_limit.is_none() {
            let meeting = self.read_meeting(account_id, token, invocation).await?;
            return Ok(Lookup { meeting, created_today: 0 });
        }
        let (per_attempt, now) = (per_attempt(invocation), invocation.now());
        let keys = (key(account_id, token), counter_key(account_id, now)?);
        let get = || self.get_with_counter(&keys.0, &keys.1);
        with_retries(Service::DynamoDb, "BatchGetItem", invocation, per_attempt, get)
            .await
            .parse(|(item, created_today)| {
                Ok(Lookup { meeting: unexpired(item.as_ref(), now)?, created_today })
            })
            .record()
    }

    /// Reads the meeting of an account and a token, unless it has expired.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn read_meeting(
        &self,
        account_id: &str,
        token: &str,
        invocation: Invocation<'_>,
    ) -> Result<Option<StoredMeeting>, Error> {
        let (per_attempt, key) = (per_attempt(invocation), key(account_id, token));
        let get = || self.table.get(&key);
        with_retries(Service::DynamoDb, "GetItem", invocation, per_attempt, get)
            .await
            .parse(|item| unexpired(item.as_ref(), invocation.now()))
            .record()
    }

    /// The error for an account that has created `created_today` meetings, if it may not create another one.
    #[must_use]
    pub fn limit_reached(&self, created_today: u64, invocation: Invocation<'_>) -> Option<Error> {
        let limit = self.daily_limit?;
        (created_today >= limit.0.get().into()).then(|| limit.reached(invocation.now()))
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
            .table
            .client
            .batch_get_item()
            .request_items(&self.table.name, keys)
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let metadata = metadata(output.consumed_capacity().first());
        if output.unprocessed_keys().is_some_and(|keys| !keys.is_empty()) {
            return Err(Failure::throttled("BatchGetItem left keys unprocessed"));
        }
        let mut responses = output.responses.unwrap_or_default();
        let items = responses.remove(&self.table.name).unwrap_or_default();
        let (counters, mut meetings): (Vec<_>, Vec<_>) =
            items.into_iter().partition(daily_limit::is_counter);
        let created_today = counters.first().map_or(0, daily_limit::count_of);
        Ok(((meetings.pop(), created_today), metadata))
    }

    /// Writes `meeting`, unless the table has a meeting with its key that has not expired. A meeting with the ID
    /// `replaced` is replaced, because it is known to have ended.
    ///
    /// # Errors
    /// `ResourceLimitExceeded` if the account has reached the daily limit, `ThrottledClient`, `ServiceUnavailable`, or
    /// `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn put(
        &self,
        meeting: &StoredMeeting,
        replaced: Option<&Guid>,
        invocation: Invocation<'_>,
    ) -> Result<Option<Rejection>, Error> {
        let per_attempt = per_attempt(invocation);
        let condition = Condition::unless_unexpired(invocation.now(), replaced);
        let completed = if meeting.gets_owner() || self.daily_limit.is_some() {
            let put = || {
                put::in_transaction(&self.table, meeting, &condition, self.daily_limit, invocation)
            };
            with_retries(Service::DynamoDb, TRANSACTION, invocation, per_attempt, put).await
        } else {
            let put = || put::alone(&self.table, meeting, &condition);
            with_retries(Service::DynamoDb, PUT, invocation, per_attempt, put).await
        };
        let written = completed.record();
        self.note_put(written.as_ref().err().map(Error::kind));
        written
    }

    /// What is learned about meetings later.
    #[must_use]
    pub const fn marks(&self) -> Marks<'_> {
        Marks { table: &self.table }
    }

    /// The meetings of each account.
    #[must_use]
    pub const fn lists(&self) -> Lists<'_> {
        Lists { table: &self.table }
    }

    /// Whose the meetings are.
    #[must_use]
    pub const fn owners(&self) -> Owners<'_> {
        Owners { table: &self.table }
    }
}

/// The meeting of an item, if there is one that has not expired.
fn unexpired(item: Option<&Attributes>, now: u64) -> Result<Option<StoredMeeting>, Error> {
    item.filter(|item| !has_expired(item, now)).map(StoredMeeting::parse).transpose()
}
