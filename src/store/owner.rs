//! Whose a meeting is: an item with the key (`#owner#{MeetingId}`, the caller's account). So another account's meeting is
//! never found.

use std::time::Duration;

use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;
use aws_sdk_dynamodb::types::{AttributeValue, Put};
use serde::Deserialize;

use super::item::{
    Attributes, StoredMeeting, format_time, from_known, has_expired, key, number, parse_time,
};
use super::table::{Table, metadata, per_attempt};
use crate::attempts::{Failure, ResponseMetadata, with_retries};
use crate::error::Error;
use crate::invocation::{Invocation, Service};
use crate::meeting::Guid;

/// AWS ends a meeting after 24 hours at the latest ("Creating meetings" in the Amazon Chime SDK developer guide).
const LONGEST_MEETING: Duration = Duration::from_hours(24);
/// How much longer an owner is kept than both the meeting and its token's item.
const MARGIN: Duration = Duration::from_hours(1);

/// The owner of a meeting.
#[derive(Debug)]
pub struct Owner {
    /// The account that created the meeting.
    pub account_id: String,
    /// The token that it was created with.
    pub token: String,
    /// When it was created, as the time since 1970.
    pub created_at: Duration,
    /// When it was found to have ended, in seconds since 1970.
    pub ended_at: Option<u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OwnerItem {
    account_id: String,
    meeting_token: String,
    created_at: String,
    ended_at: Option<u64>,
}

impl Owner {
    fn parse(item: &Attributes) -> Result<Self, Error> {
        let item: OwnerItem = from_known(item)
            .ok_or_else(|| Error::service_failure("the item of an owner cannot be read"))?;
        Ok(Self {
            account_id: item.account_id,
            token: item.meeting_token,
            created_at: parse_time(&item.created_at),
            ended_at: item.ended_at,
        })
    }
}

/// The partition of a meeting's owner. It cannot collide with a token, which contains no `#`.
pub fn partition(meeting_id: &Guid) -> String {
    format!("#owner#{}", meeting_id.as_str())
}

/// The put of a meeting's owner, which fails if there is one.
pub fn put_of_owner(table: &str, meeting: &StoredMeeting) -> Result<Put, Error> {
    let lifetime = Duration::from_secs(meeting.expires_at).saturating_sub(meeting.created_at);
    let expires_at = meeting.created_at + lifetime.max(LONGEST_MEETING) + MARGIN;
    let text = |text: &str| AttributeValue::S(text.into());
    let token = &meeting.request.client_request_token;
    Put::builder()
        .table_name(table)
        .set_item(Some(key(&meeting.account_id, &partition(&meeting.meeting_id))))
        .item("MeetingToken", text(token))
        .item("CreatedAt", text(&format_time(meeting.created_at)?))
        .item("ExpiresAt", number(expires_at.as_secs()))
        .condition_expression("attribute_not_exists(ClientRequestToken)")
        .build()
        .map_err(Error::service_failure)
}

/// The owners of the meetings in a table.
#[derive(Clone, Copy, Debug)]
pub struct Owners<'a> {
    pub(super) table: &'a Table,
}

impl Owners<'_> {
    /// The owner of a meeting, if it is this account.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`.
    pub async fn find(
        &self,
        account_id: &str,
        meeting_id: &Guid,
        invocation: Invocation<'_>,
    ) -> Result<Option<Owner>, Error> {
        let key = key(account_id, &partition(meeting_id));
        let get = || self.table.get(&key);
        with_retries(Service::DynamoDb, "GetItem", invocation, per_attempt(invocation), get)
            .await
            .parse(|item| {
                let item = item.filter(|item| !has_expired(item, invocation.now()));
                item.as_ref().map(Owner::parse).transpose()
            })
            .record()
    }

    /// The owner of a meeting, whichever account it is: at most one, because meetings have different IDs.
    ///
    /// # Errors
    /// Those of [`Self::find`].
    pub async fn find_any(
        &self,
        meeting_id: &Guid,
        invocation: Invocation<'_>,
    ) -> Result<Option<Owner>, Error> {
        let partition = partition(meeting_id);
        let query = || self.query(&partition);
        with_retries(Service::DynamoDb, "Query", invocation, per_attempt(invocation), query)
            .await
            .parse(|item| item.as_ref().map(Owner::parse).transpose())
            .record()
    }

    async fn query(
        &self,
        partition: &str,
    ) -> Result<(Option<Attributes>, ResponseMetadata), Failure> {
        let output = self
            .table
            .client
            .query()
            .table_name(&self.table.name)
            .consistent_read(true)
            .key_condition_expression("ClientRequestToken = :partition")
            .expression_attribute_values(":partition", AttributeValue::S(partition.into()))
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let metadata = metadata(output.consumed_capacity.as_ref());
        Ok((output.items.unwrap_or_default().pop(), metadata))
    }
}
