//! How many meetings an account creates in a UTC day, counted exactly.
//!
//! One transaction puts the meeting and raises the account's counter of the day, or does neither. So
//! a replay counts nothing, because its put is refused.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::config::Builder;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem, Update};

use super::failure::{self, Failure};
use super::{Attributes, Call, Item, Store, UNLESS_LIVE, attributes, number, read};
use crate::error::{Error, ErrorKind};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

impl Store {
    /// Puts `item` and counts it, both or neither. Else it returns the live item.
    pub(super) async fn put_and_count(
        &self,
        item: &Item,
        daily_limit: NonZeroU32,
        now: u64,
        call: &Call,
        config: Builder,
    ) -> Result<Option<Item>, Failure> {
        let put = Put::builder()
            .table_name(&self.table)
            .set_item(Some(attributes(item)?))
            .condition_expression(UNLESS_LIVE)
            .expression_attribute_values(":now", number(now))
            .return_values_on_condition_check_failure(AllOld)
            .build()
            .map_err(Error::service_failure)?;
        let tomorrow = (now / SECONDS_PER_DAY + 1) * SECONDS_PER_DAY;
        let count = Update::builder()
            .table_name(&self.table)
            .set_key(Some(counter_key(item)))
            .update_expression("ADD MeetingsCreated :one SET ExpiresAt = :expires_at")
            .condition_expression(
                "attribute_not_exists(MeetingsCreated) OR MeetingsCreated < :limit",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(daily_limit.get().into()))
            // By then, no clock is so late that it still needs the counter.
            .expression_attribute_values(":expires_at", number(tomorrow + SECONDS_PER_DAY))
            .build()
            .map_err(Error::service_failure)?;
        let written = self
            .client
            .transact_write_items()
            .transact_items(TransactWriteItem::builder().put(put).build())
            .transact_items(TransactWriteItem::builder().update(count).build())
            .return_consumed_capacity(Total)
            .customize()
            .config_override(config)
            .send()
            .await;
        let error = match written {
            Ok(output) => {
                call.note_capacity(output.consumed_capacity());
                return Ok(None);
            }
            Err(error) => error,
        };
        let reasons = error.as_service_error().map_or(&[][..], reasons_of);
        let any_is = |codes: &[Option<&str>]| reasons.iter().any(|it| codes.contains(&it.code()));
        match reasons {
            // Whatever the counter says: a replay is no creation.
            [put, _] if put.code() == CONDITION_FAILED => Ok(Some(read(put.item())?)),
            // "None" is taken to mean that the put would have been done: behind a conflict there may
            // be a live item.
            [put, count] if (put.code(), count.code()) == (NONE, CONDITION_FAILED) => {
                Err(limit_reached(daily_limit, tomorrow).into())
            }
            _ if any_is(&THROTTLED) => Err(Failure::Passing(Error::throttled(error))),
            _ if any_is(&[CONFLICT]) => Err(Failure::Passing(Error::service_unavailable(error))),
            _ => Err(error.into()),
        }
    }
}

// Codes of cancellation reasons, as `TransactionCanceledException` documents them.
const NONE: Option<&str> = Some("None");
const CONDITION_FAILED: Option<&str> = Some("ConditionalCheckFailed");
const CONFLICT: Option<&str> = Some("TransactionConflict");
const THROTTLED: [Option<&str>; 2] =
    [Some("ProvisionedThroughputExceeded"), Some("ThrottlingError")];

/// Why the transaction was cancelled, if it was: a reason for each of its actions.
fn reasons_of(error: &TransactWriteItemsError) -> &[CancellationReason] {
    match error {
        TransactWriteItemsError::TransactionCanceledException(it) => it.cancellation_reasons(),
        _ => &[],
    }
}

/// Whether `DynamoDB` has throttled the transaction, or cancelled it for throttling.
pub(super) fn is_throttling(error: &TransactWriteItemsError) -> bool {
    let is_throttled = |reason: &CancellationReason| THROTTLED.contains(&reason.code());
    failure::is_throttling(error) || reasons_of(error).iter().any(is_throttled)
}

/// The key of the item that counts what `item`'s account creates on its day. No token holds a `#`.
/// The account is in the partition key too, so that no account uses up another's throughput.
fn counter_key(item: &Item) -> Attributes {
    let day = item.created_at.split('T').next().unwrap_or_default();
    let counter = format!("#meetings#{}#{day}", item.account_id);
    HashMap::from([
        ("ClientRequestToken".into(), AttributeValue::S(counter)),
        ("AccountId".into(), AttributeValue::S(item.account_id.clone())),
    ])
}

fn limit_reached(daily_limit: NonZeroU32, resets_at: u64) -> Error {
    let resets_at = DateTime::from(UNIX_EPOCH + Duration::from_secs(resets_at));
    match resets_at.fmt(DateTimeFormat::DateTime) {
        Ok(resets_at) => Error::new(
            ErrorKind::ResourceLimitExceeded,
            format!(
                "The account has reached its daily limit of meetings, which is {daily_limit}. \
                 It resets at {resets_at}."
            ),
        ),
        Err(error) => Error::service_failure(error),
    }
}
