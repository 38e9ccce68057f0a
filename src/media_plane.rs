//! Media planes: the sources of a meeting's ID and URLs.
//!
//! - [`templates`]: URLs under the operator's domain, for a self-hosted media plane and for tests
//! - [`chime_sdk_meetings`]: meetings that the Amazon Chime SDK creates, which clients can join

pub mod chime_sdk_meetings;
pub mod templates;

use uuid::Uuid;

use self::chime_sdk_meetings::ChimeSdkMeetings;
use self::templates::Templates;
use crate::meeting::MediaPlacement;

/// The source of meetings.
#[derive(Debug)]
pub enum MediaPlane {
    /// The URLs are generated from templates.
    Templates(Box<Templates>),
    /// The Amazon Chime SDK creates the meeting.
    ChimeSdkMeetings(Box<ChimeSdkMeetings>),
}

/// A meeting from a media plane. Clients get it only once it is in the table.
#[derive(Debug)]
pub struct NewMeeting {
    /// The meeting's ID.
    pub meeting_id: String,
    /// Its URLs.
    pub media_placement: MediaPlacement,
    /// Identifies the invocation, if the meeting ID does not: the Amazon Chime SDK returns the same meeting to two
    /// invocations with the same token.
    pub write_id: Option<Uuid>,
    /// The request members that were not sent to the Amazon Chime SDK, by the API page's names. They are stored.
    pub not_sent: Vec<&'static str>,
}
