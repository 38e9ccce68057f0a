//! The meetings of an account, from an index of the table.
//!
//! The index contains the meetings with an owner that are not marked, in the order in which they expire. It follows the
//! table with a delay, mostly of less than a second.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::item::{Attributes, StoredMeeting, listed_until};
use super::table::{Table, metadata, per_attempt};
use crate::attempts::{Failure, ResponseMetadata, with_retries};
use crate::error::Error;
use crate::invocation::{Invocation, Service};
use crate::meeting::Guid;

/// The index's name in `template.yaml`.
const INDEX: &str = "Meetings";

/// A meeting's place in the list of its account.
#[derive(Debug)]
pub struct Place {
    /// When the meeting expires, in seconds since 1970.
    pub expires_at: u64,
    /// The meeting's ID.
    pub meeting_id: Guid,
}

/// A page of the list of an account's meetings.
#[derive(Debug)]
pub struct MeetingsPage {
    /// The meetings, in the order in which they expire.
    pub meetings: Vec<StoredMeeting>,
    /// The place after which there may be more, if there may.
    pub more_after: Option<Place>,
}

/// The lists of the meetings in a table.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    pub(super) table: &'a Table,
}

impl Lists<'_> {
    /// Up to `limit` meetings of an account that have neither ended nor expired, after a place. A query returns at most a
    /// megabyte, so there can be fewer even if more follow.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`, which includes an item that cannot be parsed.
    pub async fn page(
        &self,
        account_id: &str,
        after: Option<&Place>,
        limit: u8,
        invocation: Invocation<'_>,
    ) -> Result<MeetingsPage, Error> {
        // After all that expire now: no ID has a character after the tilde.
        let expired = listed_until(invocation.now(), "~");
        let after = after.map(|it| listed_until(it.expires_at, it.meeting_id.as_str()));
        let after = after.unwrap_or_default().max(expired);
        let query = || self.query(account_id, &after, limit);
        with_retries(Service::DynamoDb, "Query", invocation, per_attempt(invocation), query)
            .await
            .parse(|(items, has_more)| {
                let parsed = items.iter().map(StoredMeeting::parse);
                let meetings = parsed.collect::<Result<Vec<_>, _>>()?;
                let last = meetings.last().filter(|_| has_more);
                let more_after = last.map(|last| Place {
                    expires_at: last.expires_at,
                    meeting_id: last.meeting_id.clone(),
                });
                Ok(MeetingsPage { meetings, more_after })
            })
            .record()
    }

    /// Up to `limit` items after `after`, and whether there may be more.
    async fn query(
        &self,
        account_id: &str,
        after: &str,
        limit: u8,
    ) -> Result<((Vec<Attributes>, bool), ResponseMetadata), Failure> {
        // One more says whether there are more. DynamoDB itself does not know at the end of a page.
        let one_more = i32::from(limit) + 1;
        let text = |text: &str| AttributeValue::S(text.into());
        let output = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .index_name(INDEX)
            .key_condition_expression("AccountId = :account AND ListedUntil > :after")
            .expression_attribute_values(":account", text(account_id))
            .expression_attribute_values(":after", text(after))
            .limit(one_more)
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let metadata = metadata(output.consumed_capacity.as_ref());
        let mut items = output.items.unwrap_or_default();
        let limit = usize::from(limit);
        let has_more = items.len() > limit || output.last_evaluated_key.is_some();
        items.truncate(limit);
        Ok(((items, has_more), metadata))
    }
}
