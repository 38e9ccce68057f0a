//! A meeting has ended, as Amazon `EventBridge` tells: it frees its token.
//!
//! Events are delivered at least once, in any order, and perhaps never: then a later request finds out.

use crate::error::Error;
use crate::invocation::Invocation;
use crate::meeting::Guid;
use crate::store::Store;

/// Deadline of the read, as a percentage of the time budget. The marks get the rest.
const OWNER_BY: u32 = 50;

/// Marks the meeting, and returns whether it was created here.
///
/// # Errors
/// Those of the table.
pub async fn perform(
    store: &Store,
    meeting_id: &Guid,
    invocation: Invocation<'_>,
) -> Result<bool, Error> {
    let Some(owner) = store.owners().find_any(meeting_id, invocation.by(OWNER_BY)).await? else {
        return Ok(false);
    };
    if owner.ended_at.is_none() {
        store.marks().ended(&owner.account_id, &owner.token, meeting_id, invocation).await?;
    }
    Ok(true)
}
