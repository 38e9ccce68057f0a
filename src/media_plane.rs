//! Media planes: the sources of a meeting's ID and URLs.
//!
//! - [`templates`]: URLs under the operator's domain, for a self-hosted media plane and for tests
//! - [`chime_sdk_meetings`]: meetings that the Amazon Chime SDK creates, which clients can join

pub mod chime_sdk_meetings;
mod new_meeting;
pub mod templates;
mod token;

use self::chime_sdk_meetings::ChimeSdkMeetings;
pub use self::new_meeting::NewMeeting;
use self::templates::Templates;
pub use self::token::TokenScope;

/// The source of meetings.
#[derive(Debug)]
pub enum MediaPlane {
    /// The URLs are generated from templates.
    Templates(Templates),
    /// The Amazon Chime SDK creates the meeting.
    ChimeSdkMeetings(Box<ChimeSdkMeetings>),
}
