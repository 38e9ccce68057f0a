//! The table's client, and what all requests have in common.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::ConsumedCapacity;
use aws_sdk_dynamodb::types::ReturnConsumedCapacity::Total;

use super::item::Attributes;
use crate::attempts::{Failure, MAX_ATTEMPTS, ResponseMetadata};
use crate::invocation::Invocation;

/// The table, and a client for it.
#[derive(Debug)]
pub struct Table {
    pub client: Client,
    pub name: String,
}

impl Table {
    /// The item with this key, by a consistent read.
    pub async fn get(
        &self,
        key: &Attributes,
    ) -> Result<(Option<Attributes>, ResponseMetadata), Failure> {
        let output = self
            .client
            .get_item()
            .table_name(&self.name)
            .set_key(Some(key.clone()))
            .consistent_read(true)
            .return_consumed_capacity(Total)
            .send()
            .await?;
        let metadata = metadata(output.consumed_capacity.as_ref());
        Ok((output.item, metadata))
    }
}

/// How long an attempt may take, so that all attempts and the backoff between them fit before the deadline.
pub fn per_attempt(invocation: Invocation<'_>) -> Duration {
    invocation.left() / (MAX_ATTEMPTS + 1)
}

/// What a response says about its request, which concerned one table.
pub fn metadata(consumed: Option<&ConsumedCapacity>) -> ResponseMetadata {
    let consumed_capacity = consumed.and_then(ConsumedCapacity::capacity_units);
    ResponseMetadata { consumed_capacity, request_id: None }
}
