//! Whose turn it is after a write that has failed: see [`crate::error`].

use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http::endpoint::ResolveEndpointError;

use crate::error::Error;

/// Why a write has failed.
pub enum Failure {
    /// Other writes were in the way of this one, and soon are not. The SDK gives up on it too early,
    /// where it tries it again at all.
    Passing(Error),
    /// The SDK has tried it again if that could help.
    Lasting(Error),
}

/// The ways in which `DynamoDB` throttles ("Error handling" in its developer guide).
const THROTTLING: [&str; 3] =
    ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];

/// What other writers may cause, though the status is 400.
const CONFLICT: [&str; 3] = [
    "ReplicatedWriteConflictException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Whether this is `DynamoDB` that throttles.
pub fn is_throttling(error: &impl ProvideErrorMetadata) -> bool {
    has_code_of(error, &THROTTLING)
}

fn has_code_of(error: &impl ProvideErrorMetadata, codes: &[&str]) -> bool {
    error.code().is_some_and(|code| codes.contains(&code))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Lasting(error)
    }
}

impl<E> From<SdkError<E>> for Failure
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        if has_code_of(&error, &CONFLICT) {
            return Self::Passing(Error::service_unavailable(error));
        }
        Self::Lasting(match &error {
            _ if is_throttling(&error) => Error::throttled(error),
            SdkError::ConstructionFailure(_) => Error::service_failure(error),
            SdkError::DispatchFailure(_) if is_misconfiguration(&error) => {
                Error::service_failure(error)
            }
            // We have asked for what is not there, or for what we may not. Without a code it is not
            // DynamoDB that says so.
            SdkError::ServiceError(refusal)
                if refusal.raw().status().is_client_error() && error.code().is_some() =>
            {
                Error::service_failure(error)
            }
            _ => Error::service_unavailable(error),
        })
    }
}

/// Whether no request could be sent because of the operator's settings: there are no credentials, or
/// `DynamoDB` has no such endpoint.
fn is_misconfiguration(error: &(dyn std::error::Error + 'static)) -> bool {
    use CredentialsError::{CredentialsNotLoaded, InvalidConfiguration};
    iter::successors(Some(error), |error| error.source()).any(|error| {
        error.is::<ResolveEndpointError>()
            || matches!(
                error.downcast_ref(),
                Some(CredentialsNotLoaded(_) | InvalidConfiguration(_))
            )
    })
}
