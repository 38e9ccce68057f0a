//! Classifies a failed request to `DynamoDB`: which error it is, and whether to retry it.

use std::iter;

use aws_credential_types::provider::error::CredentialsError;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http::endpoint::ResolveEndpointError;

use crate::attempts::Failure;
use crate::error::Error;

/// The error codes of throttling ("Error handling" in the `DynamoDB` developer guide).
const THROTTLING: [&str; 3] =
    ["ProvisionedThroughputExceededException", "RequestLimitExceeded", "ThrottlingException"];

/// The error codes of conflicts with concurrent writes, whose status is 400 nevertheless.
const CONFLICT: [&str; 3] = [
    "ReplicatedWriteConflictException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

impl<E> From<SdkError<E>> for Failure
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn from(error: SdkError<E>) -> Self {
        let has_code_of = |codes: &[&str]| error.code().is_some_and(|code| codes.contains(&code));
        if has_code_of(&CONFLICT) {
            return Self::conflict(error);
        }
        if has_code_of(&THROTTLING) {
            return Self::throttled(error);
        }
        match &error {
            // The operator's fault: a missing table or permission. Without a code, the response is not DynamoDB's.
            SdkError::ServiceError(rejection)
                if rejection.raw().status().is_client_error() && error.code().is_some() =>
            {
                Error::service_failure(error).into()
            }
            _ if is_misconfiguration(&error) => Error::service_failure(error).into(),
            // Safe to retry: if the write was in fact committed, the next attempt finds it.
            _ => Self::transient(error),
        }
    }
}

/// Whether no request could be sent because of the operator's settings: credentials are missing, or the endpoint does
/// not exist.
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
