//! A meeting has ended, as Amazon `EventBridge` tells: it frees its token.
//!
//! Events are delivered at least once, in any order, and perhaps never: then a later request finds out.

use crate::error::Error;
use crate::invocation::Invocation;
use crate::meeting::Guid;
use crate::store::Owners;

/// Marks the meeting, and returns whether it was created here.
///
/// # Errors
/// Those of the table.
pub async fn perform(
    owners: Owners<'_>,
    meeting_id: &Guid,
    invocation: Invocation<'_>,
) -> Result<bool, Error> {
    let Some(owner) = owners.find_any(meeting_id, invocation.by(50)).await? else {
        return Ok(false);
    };
    if owner.ended_at.is_none() {
        owners.mark_ended(&owner.account_id, &owner.token, meeting_id, invocation).await?;
    }
    Ok(true)
}
