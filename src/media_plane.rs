//! Media planes: where a meeting's ID and URLs come from.
//!
//! - [`templates`]: URLs under the operator's domain, for a media plane of your own and for tests
//! - [`chime_sdk_meetings`]: real meetings, in AWS's service of that name

pub mod chime_sdk_meetings;
pub mod templates;

use uuid::Uuid;

use self::chime_sdk_meetings::ChimeSdkMeetings;
use self::templates::Templates;
use crate::meeting::MediaPlacement;

/// Where meetings come from.
#[derive(Debug)]
pub enum MediaPlane {
    /// The URLs are made from templates.
    Templates(Box<Templates>),
    /// The Amazon Chime SDK creates the meeting.
    ChimeSdkMeetings(Box<ChimeSdkMeetings>),
}

/// A meeting that a media plane has created. Clients get it only once it is in the table.
#[derive(Debug)]
pub struct Created {
    /// The meeting's ID.
    pub meeting_id: String,
    /// Its URLs.
    pub media_placement: MediaPlacement,
    /// The invocation, where the meeting's ID does not identify it: the Amazon Chime SDK answers two requests
    /// with one token with one meeting.
    pub write_id: Option<Uuid>,
    /// The members of the request that were withheld from the Amazon Chime SDK, by the API page's names. They
    /// are stored.
    pub not_sent: Vec<&'static str>,
}
