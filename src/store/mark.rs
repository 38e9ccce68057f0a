//! What is learned about a meeting later: that it has ended, or that it goes on.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::item::{Attributes, StoredMeeting, key, number};
use super::owner::partition;
use super::table::{Table, metadata, per_attempt};
use crate::attempts::{ResponseMetadata, with_retries};
use crate::error::Error;
use crate::invocation::{Invocation, Service};
use crate::meeting::Guid;

/// Marks the meetings in a table.
#[derive(Clone, Copy, Debug)]
pub struct Marks<'a> {
    pub(super) table: &'a Table,
}

impl Marks<'_> {
    /// Marks a meeting as ended: first the token's item, if it still has this meeting, then the owner's. In this order,
    /// a meeting that is not found any more has freed its token.
    ///
    /// # Errors
    /// `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`.
    pub async fn ended(
        &self,
        account_id: &str,
        token: &str,
        meeting_id: &Guid,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let item = || {
            self.update(key(account_id, token))
                .update_expression("SET EndedAt = if_not_exists(EndedAt, :now) REMOVE ListedUntil")
                .condition_expression("MeetingId = :meeting")
                .expression_attribute_values(
                    ":meeting",
                    AttributeValue::S(meeting_id.as_str().into()),
                )
        };
        self.mark(item, invocation).await?;
        let owner = || {
            self.update(key(account_id, &partition(meeting_id)))
                .update_expression("SET EndedAt = if_not_exists(EndedAt, :now)")
                .condition_expression("attribute_exists(ClientRequestToken)")
        };
        self.mark(owner, invocation).await
    }

    /// Notes in the token's item that a check found its meeting to go on.
    ///
    /// # Errors
    /// Those of [`Self::ended`].
    pub async fn checked(
        &self,
        meeting: &StoredMeeting,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let meeting_id = meeting.meeting_id.as_str();
        let item = || {
            self.update(key(&meeting.account_id, &meeting.request.client_request_token))
                .update_expression("SET CheckedAt = :now")
                .condition_expression("MeetingId = :meeting")
                .expression_attribute_values(":meeting", AttributeValue::S(meeting_id.into()))
        };
        self.mark(item, invocation).await
    }

    fn update(self, key: Attributes) -> UpdateItemFluentBuilder {
        self.table
            .client
            .update_item()
            .table_name(&self.table.name)
            .set_key(Some(key))
            .return_consumed_capacity(Total)
    }

    /// Sends an update until it succeeds or its condition does not hold.
    async fn mark(
        &self,
        update: impl Fn() -> UpdateItemFluentBuilder,
        invocation: Invocation<'_>,
    ) -> Result<(), Error> {
        let send = async || {
            let now = number(invocation.now());
            match update().expression_attribute_values(":now", now).send().await {
                Ok(output) => Ok(((), metadata(output.consumed_capacity.as_ref()))),
                Err(error) => match error.as_service_error() {
                    Some(UpdateItemError::ConditionalCheckFailedException(_)) => {
                        Ok(((), ResponseMetadata::default()))
                    }
                    _ => Err(error.into()),
                },
            }
        };
        let per_attempt = per_attempt(invocation);
        with_retries(Service::DynamoDb, "UpdateItem", invocation, per_attempt, send).await.record()
    }
}
