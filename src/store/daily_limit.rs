//! The daily limit: an exact count of the meetings that an account creates in a UTC day.
//!
//! One transaction puts the meeting and increments the account's counter, or does neither. So a replay is never
//! counted: its put is rejected, which cancels the increment as well.

use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::{Put, TransactWriteItem, Update};

use super::item::{Attributes, NEVER, PROBE, key, number};
use crate::error::{Error, ErrorKind};

const SECONDS_PER_DAY: u64 = 24 * 60 * 60;

/// How many meetings an account may create in a UTC day.
#[derive(Clone, Copy, Debug)]
pub struct DailyLimit(pub NonZeroU32);

impl DailyLimit {
    /// Counts a meeting that the account creates at `now` (seconds since 1970), unless it has reached the limit.
    pub fn count(self, table: &str, account_id: &str, now: u64) -> Result<Update, Error> {
        Update::builder()
            .table_name(table)
            .set_key(Some(counter_key(account_id, now)?))
            .update_expression("ADD MeetingsCreated :one SET ExpiresAt = :expires_at")
            .condition_expression(
                "attribute_not_exists(MeetingsCreated) OR MeetingsCreated < :limit",
            )
            .expression_attribute_values(":one", number(1))
            .expression_attribute_values(":limit", number(self.0.get().into()))
            // A day later than needed, so that no clock skew matters.
            .expression_attribute_values(":expires_at", number(tomorrow(now) + SECONDS_PER_DAY))
            .build()
            .map_err(Error::service_failure)
    }

    /// The error for an account that has reached the limit at `now`.
    pub fn reached(self, now: u64) -> Error {
        match format(tomorrow(now)) {
            Ok(resets_at) => Error::new(
                ErrorKind::ResourceLimitExceeded,
                format!(
                    "The account has reached its daily limit of meetings, which is {}. \
                     It resets at {resets_at}.",
                    self.0
                ),
            ),
            Err(error) => error,
        }
    }
}

/// The key of an account's counter for the UTC day of `now`. It cannot collide with a token, which contains no `#`. The
/// account is also part of the partition key, so that accounts do not share a partition's throughput.
pub fn counter_key(account_id: &str, now: u64) -> Result<Attributes, Error> {
    let time = format(now)?;
    let day = time.split('T').next().unwrap_or_default();
    Ok(key(account_id, &format!("#meetings#{account_id}#{day}")))
}

/// Whether an item is a counter.
pub fn is_counter(item: &Attributes) -> bool {
    item.contains_key("MeetingsCreated")
}

/// The count of a counter.
pub fn count_of(counter: &Attributes) -> u64 {
    let count = counter.get("MeetingsCreated").and_then(|it| it.as_n().ok());
    count.and_then(|it| it.parse().ok()).unwrap_or_default()
}

/// Actions that need the permissions of a put with a count, and that can never succeed.
pub fn probe(table: &str) -> Result<Vec<TransactWriteItem>, Error> {
    let put = Put::builder()
        .table_name(table)
        .set_item(Some(key(PROBE, PROBE)))
        .condition_expression(NEVER)
        .build()
        .map_err(Error::service_failure)?;
    // The function may count only in items whose token begins like this.
    let count = Update::builder()
        .table_name(table)
        .set_key(Some(key(PROBE, "#meetings#warm-up")))
        .update_expression("ADD MeetingsCreated :one")
        .expression_attribute_values(":one", number(1))
        .condition_expression(NEVER)
        .build()
        .map_err(Error::service_failure)?;
    Ok(vec![
        TransactWriteItem::builder().put(put).build(),
        TransactWriteItem::builder().update(count).build(),
    ])
}

/// The start of the UTC day after `now`.
const fn tomorrow(now: u64) -> u64 {
    (now / SECONDS_PER_DAY + 1) * SECONDS_PER_DAY
}

/// Formats seconds since 1970, such as `2026-11-22T10:15:23Z`.
fn format(seconds: u64) -> Result<String, Error> {
    let time = DateTime::from(UNIX_EPOCH + Duration::from_secs(seconds));
    time.fmt(DateTimeFormat::DateTime).map_err(Error::service_failure)
}
