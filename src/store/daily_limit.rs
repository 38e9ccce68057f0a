//! The daily limit: an exact count of the meetings that an account creates in a UTC day.
//!
//! One transaction puts the meeting and increments the account's counter, or does neither. So a replay is never counted:
//! its put is rejected, which cancels the increment as well.

use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{
    CancellationReason, KeysAndAttributes, Put, TransactWriteItem, Update,
};

use super::{
    Attributes, Condition, Store, StoredMeeting, attributes, existing, key, metadata, number,
};
use crate::attempts::{Failure, ResponseMetadata};
use crate::error::{Error, ErrorKind};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

impl Store {
    /// Puts `meeting` and counts it, or returns the existing meeting and counts nothing.
    pub(super) async fn put_and_count(
        &self,
        meeting: &StoredMeeting,
        condition: &Condition,
        daily_limit: NonZeroU32,
        now: u64,
    ) -> Result<(Option<StoredMeeting>, ResponseMetadata), Failure> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(attributes(meeting)?))
            .condition_expression(condition.expression)
            .set_expression_attribute_values(Some(condition.values.clone()))
            .return_values_on_condition_check_failure(AllOld)
            .build()
            .map_err(Error::service_failure)?;
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(counter_key(&meeting.account_id, now)?))
            .update_expression("ADD MeetingsCreated :one SET ExpiresAt = :expires_at")
            .condition_expression(
                "attribute_not_exists(MeetingsCreated) OR MeetingsCreated < :limit",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(daily_limit.get().into()))
            // A day later than needed, so that no clock skew matters.
            .expression_attribute_values(":expires_at", number(tomorrow(now) + SECONDS_PER_DAY))
            .build()
            .map_err(Error::service_failure)?;
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
        let reasons = error.as_service_error().map_or(&[][..], reasons_of);
        let any_is = |codes: &[Option<&str>]| reasons.iter().any(|it| codes.contains(&it.code()));
        match reasons {
            // A replay, whatever the counter says.
            [put, _] if put.code() == CONDITION_FAILED => {
                Ok((Some(existing(put.item())?), ResponseMetadata::default()))
            }
            // Only "None" says that the put would have succeeded: after a conflict, there may be an unexpired item.
            [put, count] if (put.code(), count.code()) == (NONE, CONDITION_FAILED) => {
                Err(limit_reached(daily_limit, now).into())
            }
            _ if any_is(&THROTTLED) => Err(Failure::throttled(error)),
            _ if any_is(&[CONFLICT]) => Err(Failure::conflict(error)),
            _ => Err(error.into()),
        }
    }

    /// Reads the item with `key`, and the error for a new meeting if the account has reached the daily limit.
    pub(super) async fn get_with_counter(
        &self,
        key: &Attributes,
        account_id: &str,
        daily_limit: NonZeroU32,
        now: u64,
    ) -> Result<((Option<Attributes>, Option<Error>), ResponseMetadata), Failure> {
        let keys = KeysAndAttributes::builder()
            .keys(key.clone())
            .keys(counter_key(account_id, now)?)
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
        let (mut counters, mut meetings): (Vec<_>, Vec<_>) =
            items.into_iter().partition(|item| item.contains_key("MeetingsCreated"));
        let created = counters.pop().and_then(|mut counter| counter.remove("MeetingsCreated"));
        let created = created.and_then(|it| it.as_n().ok().and_then(|it| it.parse::<u64>().ok()));
        let is_reached = created.is_some_and(|created| created >= daily_limit.get().into());
        Ok(((meetings.pop(), is_reached.then(|| limit_reached(daily_limit, now))), metadata))
    }
}

/// The start of the UTC day after `now`.
const fn tomorrow(now: u64) -> u64 {
    (now / SECONDS_PER_DAY + 1) * SECONDS_PER_DAY
}

// Codes of cancellation reasons, as `TransactionCanceledException` documents them.
const NONE: Option<&str> = Some("None");
const CONDITION_FAILED: Option<&str> = Some("ConditionalCheckFailed");
const CONFLICT: Option<&str> = Some("TransactionConflict");
const THROTTLED: [Option<&str>; 2] =
    [Some("ProvisionedThroughputExceeded"), Some("ThrottlingError")];

/// The reasons why the transaction was cancelled, one per action, or none if it was not.
fn reasons_of(error: &TransactWriteItemsError) -> &[CancellationReason] {
    match error {
        TransactWriteItemsError::TransactionCanceledException(it) => it.cancellation_reasons(),
        _ => &[],
    }
}

/// The key of an account's counter for the UTC day of `now`. It cannot collide with a token, which contains no `#`. The
/// account is also part of the partition key, so that accounts do not share a partition's throughput.
fn counter_key(account_id: &str, now: u64) -> Result<Attributes, Error> {
    let time = format(now)?;
    let day = time.split('T').next().unwrap_or_default();
    Ok(key(account_id, &format!("#meetings#{account_id}#{day}")))
}

fn limit_reached(daily_limit: NonZeroU32, now: u64) -> Error {
    match format(tomorrow(now)) {
        Ok(resets_at) => Error::new(
            ErrorKind::ResourceLimitExceeded,
            format!(
                "The account has reached its daily limit of meetings, which is {daily_limit}. \
                 It resets at {resets_at}."
            ),
        ),
        Err(error) => error,
    }
}

/// Formats seconds since 1970, such as `2026-11-22T10:15:23Z`.
fn format(seconds: u64) -> Result<String, Error> {
    let time = DateTime::from(UNIX_EPOCH + Duration::from_secs(seconds));
    time.fmt(DateTimeFormat::DateTime).map_err(Error::service_failure)
}
