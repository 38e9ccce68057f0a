//! The meeting that `CreateMeeting` returns, and the IDs of meetings and attendees.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};
use uuid::Uuid;

/// The ID of a meeting or an attendee. It is well-formed, because only [`Guid::parse`] and a UUID make one, so it may
/// become part of a URL and of a log entry.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Guid(String);

impl Guid {
    /// The pattern, for messages (`GuidString` in Amazon Chime's service model).
    pub const PATTERN: &str = "[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}";

    /// The ID in `text`, in lower case, if it is well-formed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        // The parser of UUIDs accepts other notations too, which are shorter or longer.
        (text.len() == 36 && Uuid::try_parse(text).is_ok()).then(|| Self(text.to_ascii_lowercase()))
    }

    /// The ID as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<Uuid> for Guid {
    fn from(id: Uuid) -> Self {
        Self(id.hyphenated().to_string())
    }
}

/// A media Region: one of the 18 that the API page lists.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize)]
pub struct MediaRegion(&'static str);

impl MediaRegion {
    /// The names of all media Regions, in the order of the API page.
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

    /// The name, such as `us-east-1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.0
    }
}

impl Default for MediaRegion {
    /// The default of the API page.
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

/// A meeting, as the client sees it, with its members in the order of the response.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Meeting {
    /// The ID: a version 4 UUID in lower case, or the Amazon Chime SDK's.
    pub meeting_id: Guid,
    /// The client's own ID for the meeting, if it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_meeting_id: Option<String>,
    /// The Region of the meeting's media.
    pub media_region: MediaRegion,
    /// The URLs of the meeting's media.
    pub media_placement: MediaPlacement,
}

/// The URLs of a meeting's media, each at most 4096 characters long (`UriType` in Amazon Chime's service model). The
/// Amazon Chime SDK may omit those that it has deprecated.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
#[allow(missing_docs, reason = "the names are those of the API page, which does not explain them")]
pub struct MediaPlacement {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_fallback_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audio_host_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event_ingestion_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen_data_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen_sharing_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen_viewing_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signaling_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub turn_control_url: Option<String>,
}

impl MediaPlacement {
    /// The URLs that are present.
    pub fn urls(&self) -> impl Iterator<Item = &str> {
        [
            &self.audio_fallback_url,
            &self.audio_host_url,
            &self.event_ingestion_url,
            &self.screen_data_url,
            &self.screen_sharing_url,
            &self.screen_viewing_url,
            &self.signaling_url,
            &self.turn_control_url,
        ]
        .into_iter()
        .flatten()
        .map(String::as_str)
    }

    /// This placement with `f` applied to each URL.
    #[must_use]
    pub fn map(&self, f: impl Fn(&str) -> String) -> Self {
        let map = |url: &Option<String>| url.as_deref().map(&f);
        Self {
            audio_fallback_url: map(&self.audio_fallback_url),
            audio_host_url: map(&self.audio_host_url),
            event_ingestion_url: map(&self.event_ingestion_url),
            screen_data_url: map(&self.screen_data_url),
            screen_sharing_url: map(&self.screen_sharing_url),
            screen_viewing_url: map(&self.screen_viewing_url),
            signaling_url: map(&self.signaling_url),
            turn_control_url: map(&self.turn_control_url),
        }
    }
}
