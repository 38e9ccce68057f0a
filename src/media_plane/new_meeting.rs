//! What a media plane returns.

use uuid::Uuid;

use crate::meeting::{Guid, MediaPlacement};

/// A meeting from a media plane. Clients get it only after it is in the table.
#[derive(Debug)]
pub struct NewMeeting {
    /// The meeting's ID.
    pub meeting_id: Guid,
    /// Its URLs.
    pub media_placement: MediaPlacement,
    /// Identifies the invocation, if the meeting ID does not: the Amazon Chime SDK returns the same meeting to two
    /// invocations with the same token.
    pub write_id: Option<Uuid>,
    /// The request members that were not sent to the Amazon Chime SDK, by the API page's names. They are stored.
    pub not_sent: Vec<&'static str>,
}
