//! The put of a meeting: alone, or in a transaction with its owner and its count.

use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::ReturnValuesOnConditionCheckFailure::AllOld;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use super::daily_limit::DailyLimit;
use super::item::{Attributes, StoredMeeting, number};
use super::owner::put_of_owner;
use super::table::{Table, metadata};
use crate::attempts::{Failure, ResponseMetadata};
use crate::error::Error;
use crate::invocation::Invocation;
use crate::meeting::Guid;

pub const PUT: &str = "PutItem";
pub const TRANSACTION: &str = "TransactWriteItems";

/// Why a meeting was not written.
#[derive(Debug)]
pub enum Rejection {
    /// The token has this meeting. It may be the rejected one itself, if the response to a write was lost and a retry
    /// found it.
    TokenHas(Box<StoredMeeting>),
    /// The token is free, but the meeting has been in the table before.
    WasStoredBefore,
}

/// Puts `meeting`.
pub async fn alone(
    table: &Table,
    meeting: &StoredMeeting,
    condition: &Condition,
) -> Result<(Option<Rejection>, ResponseMetadata), Failure> {
    let written = table
        .client
        .put_item()
        .table_name(&table.name)
        .set_item(Some(meeting.attributes()?))
        .condition_expression(condition.expression)
        .set_expression_attribute_values(Some(condition.values.clone()))
        .return_values_on_condition_check_failure(AllOld)
        .return_consumed_capacity(Total)
        .send()
        .await;
    let error = match written {
        Ok(output) => return Ok((None, metadata(output.consumed_capacity.as_ref()))),
        Err(error) => error,
    };
    match error.as_service_error() {
        Some(PutItemError::ConditionalCheckFailedException(rejection)) => {
            Ok((Some(token_has(rejection.item())?), ResponseMetadata::default()))
        }
        _ => Err(error.into()),
    }
}

/// Puts `meeting` with its owner, if it has one, and counts it, if there is a limit, or does nothing.
pub async fn in_transaction(
    table: &Table,
    meeting: &StoredMeeting,
    condition: &Condition,
    daily_limit: Option<DailyLimit>,
    invocation: Invocation<'_>,
) -> Result<(Option<Rejection>, ResponseMetadata), Failure> {
    let put = Put::builder()
        .table_name(&table.name)
        .set_item(Some(meeting.attributes()?))
        .condition_expression(condition.expression)
        .set_expression_attribute_values(Some(condition.values.clone()))
        .return_values_on_condition_check_failure(AllOld)
        .build()
        .map_err(Error::service_failure)?;
    let mut write = table
        .client
        .transact_write_items()
        .return_consumed_capacity(Total)
        .transact_items(TransactWriteItem::builder().put(put).build());
    if meeting.gets_owner() {
        let owner = put_of_owner(&table.name, meeting)?;
        write = write.transact_items(TransactWriteItem::builder().put(owner).build());
    }
    let now = invocation.now();
    if let Some(limit) = daily_limit {
        let count = limit.count(&table.name, &meeting.account_id, now)?;
        write = write.transact_items(TransactWriteItem::builder().update(count).build());
    }
    let error = match write.send().await {
        Ok(output) => return Ok((None, metadata(output.consumed_capacity().first()))),
        Err(error) => error,
    };
    match (error.as_service_error().and_then(Cancellation::of), daily_limit) {
        // A replay, whatever the counter says.
        (Some(Cancellation::MeetingExists(item)), _) => {
            Ok((Some(token_has(item)?), ResponseMetadata::default()))
        }
        (Some(Cancellation::OtherCondition(1)), _) if meeting.gets_owner() => {
            Ok((Some(Rejection::WasStoredBefore), ResponseMetadata::default()))
        }
        (Some(Cancellation::OtherCondition(_)), Some(limit)) => Err(limit.reached(now).into()),
        (Some(Cancellation::Throttled), _) => Err(Failure::throttled(error)),
        (Some(Cancellation::Conflict), _) => Err(Failure::conflict(error)),
        _ => Err(error.into()),
    }
}

/// Why a transaction that begins with the put of a meeting was canceled.
pub enum Cancellation<'a> {
    /// The token has an unexpired meeting, whose item may be included.
    MeetingExists(Option<&'a Attributes>),
    /// The put would have succeeded, but the condition of the action with this number does not hold.
    OtherCondition(usize),
    /// `DynamoDB` throttled it.
    Throttled,
    /// Another transaction wrote one of the items.
    Conflict,
}

impl<'a> Cancellation<'a> {
    /// The reason of a failed transaction, if it was canceled for one of these.
    pub fn of(error: &'a TransactWriteItemsError) -> Option<Self> {
        let TransactWriteItemsError::TransactionCanceledException(canceled) = error else {
            return None;
        };
        let reasons = canceled.cancellation_reasons();
        let any_is = |codes: &[Option<&str>]| reasons.iter().any(|it| codes.contains(&it.code()));
        let put = reasons.first()?;
        if put.code() == CONDITION_FAILED {
            return Some(Self::MeetingExists(put.item()));
        }
        // Only "None" says that the put would have succeeded: after a conflict, there may be an unexpired item.
        let failed = reasons.iter().position(|it| it.code() == CONDITION_FAILED);
        match failed {
            Some(number) if put.code() == NONE => Some(Self::OtherCondition(number)),
            _ if any_is(&THROTTLED) => Some(Self::Throttled),
            _ if any_is(&[CONFLICT]) => Some(Self::Conflict),
            _ => None,
        }
    }
}

// Codes of cancellation reasons, as `TransactionCanceledException` documents them.
const NONE: Option<&str> = Some("None");
const CONDITION_FAILED: Option<&str> = Some("ConditionalCheckFailed");
const CONFLICT: Option<&str> = Some("TransactionConflict");
const THROTTLED: [Option<&str>; 2] =
    [Some("ProvisionedThroughputExceeded"), Some("ThrottlingError")];

/// The condition of a put.
pub struct Condition {
    expression: &'static str,
    values: Attributes,
}

impl Condition {
    pub fn unless_unexpired(now: u64, replaced: Option<&Guid>) -> Self {
        let mut values = Attributes::from([(":now".into(), number(now))]);
        let expression = match replaced {
            None => "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now",
            Some(ended) => {
                values.insert(":ended".into(), AttributeValue::S(ended.as_str().into()));
                "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now OR MeetingId = :ended"
            }
        };
        Self { expression, values }
    }
}

/// The existing meeting that a rejected write returned.
fn token_has(item: Option<&Attributes>) -> Result<Rejection, Error> {
    let item = item.ok_or_else(|| {
        Error::service_failure("DynamoDB rejected the write but returned no item")
    })?;
    Ok(Rejection::TokenHas(Box::new(StoredMeeting::parse(item)?)))
}
