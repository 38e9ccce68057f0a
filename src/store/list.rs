//! The meetings of an account, from an index of the table.
//!
//! The index contains the meetings with an owner that are not marked, in the order in which they expire. It follows the
//! table with a delay, usually of less than a second.

use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::item::{Attributes, StoredMeeting};
use super::table::{Table, metadata, per_attempt};
use crate::attempts::{Failure, ResponseMetadata, with_retries};
use crate::error::Error;
use crate::invocation::{Invocation, Service};
use crate::meeting::Guid;

/// The index's name in `template.yaml`.
const INDEX: &str = "Meetings";

/// A place in the list of an account: the attribute `ListedUntil` of a meeting.
#[derive(Debug)]
pub struct Place(String);

impl Place {
    /// The place in `text`: when its meeting expires, in seconds since 1970 with ten digits (until 2286), and the ID.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (expires_at, meeting_id) = text.split_once('#')?;
        let is_time = expires_at.len() == 10 && expires_at.bytes().all(|it| it.is_ascii_digit());
        let meeting_id = Guid::parse(meeting_id).filter(|_| is_time)?;
        Some(Self(format!("{expires_at}#{}", meeting_id.as_str())))
    }

    /// The place as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
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
    /// A meeting whose item cannot be parsed is left out, so that the others can be listed.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`.
    pub async fn page(
        &self,
        account_id: &str,
        after: Option<&Place>,
        limit: u8,
        invocation: Invocation<'_>,
    ) -> Result<MeetingsPage, Error> {
        // After all that have expired, and before all others.
        let unexpired = (invocation.now() + 1).to_string();
        let after = after.map_or("", Place::as_str).max(&unexpired);
        let query = || self.query(account_id, after, limit);
        let (items, has_more) =
            with_retries(Service::DynamoDb, "Query", invocation, per_attempt(invocation), query)
                .await
                .record()?;
        let last = items.last().filter(|_| has_more);
        let more_after = last.and_then(|it| Place::parse(it.get("ListedUntil")?.as_s().ok()?));
        let parse = |item| {
            StoredMeeting::parse(item)
                .inspect_err(|error| {
                    tracing::warn!(error = error.log_message(), "left a meeting out of a list");
                })
                .ok()
        };
        Ok(MeetingsPage { meetings: items.iter().filter_map(parse).collect(), more_after })
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
