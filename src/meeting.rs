//! What `CreateMeeting` answers.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// A media Region: one of the 18 that the API page lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct MediaRegion(&'static str);

impl MediaRegion {
    /// The names of all media Regions, in the API page's order.
    pub const NAMES: [&str; 18] = [
        "af-south-1",
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    ];

    /// The media Region of this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::NAMES.into_iter().find(|known| *known == name).map(Self)
    }

    /// Its name, as in `us-east-1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl Default for MediaRegion {
    /// The API page's default.
    fn default() -> Self {
        Self("us-east-1")
    }
}

impl<'de> Deserialize<'de> for MediaRegion {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::named(&name).ok_or_else(|| D::Error::custom("not a media Region"))
    }
}

/// A meeting, as the client sees it. The members' order is the answer's.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Meeting {
    /// A version 4 UUID, in lower case.
    pub meeting_id: Uuid,
    /// The client's own id for it, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_meeting_id: Option<String>,
    /// Where its media plane is.
    pub media_region: MediaRegion,
    /// Its media plane's URLs.
    pub media_placement: MediaPlacement,
}

/// The URLs of a meeting's media plane, each at most [`MediaPlacement::MAX_URL_LENGTH`] long.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are the API page's, which says no more of them")]
pub struct MediaPlacement {
    pub audio_fallback_url: String,
    pub audio_host_url: String,
    pub event_ingestion_url: String,
    pub screen_data_url: String,
    pub screen_sharing_url: String,
    pub screen_viewing_url: String,
    pub signaling_url: String,
    pub turn_control_url: String,
}

impl MediaPlacement {
    /// The most characters a URL may have (`UriType` of Amazon Chime's service model).
    pub const MAX_URL_LENGTH: usize = 4096;

    /// The placement whose every URL is `f` of this one's.
    #[must_use]
    pub fn map(&self, f: impl Fn(&str) -> String) -> Self {
        Self {
            audio_fallback_url: f(&self.audio_fallback_url),
            audio_host_url: f(&self.audio_host_url),
            event_ingestion_url: f(&self.event_ingestion_url),
            screen_data_url: f(&self.screen_data_url),
            screen_sharing_url: f(&self.screen_sharing_url),
            screen_viewing_url: f(&self.screen_viewing_url),
            signaling_url: f(&self.signaling_url),
            turn_control_url: f(&self.turn_control_url),
        }
    }
}
