//! A meeting in the table, and its item.
//!
//! The item has its own type, so that a change of the API does not silently change the table. URLs refer to the meeting
//! ID by a placeholder, so that a usual meeting fits into one write unit (1,024 bytes).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::AttributeValue;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::error::Error;
use crate::meeting::{Guid, MediaPlacement, MediaRegion, Meeting};
use crate::request::create_meeting::{CreateMeetingRequest, NotificationsConfiguration};

/// The attributes of an item.
pub type Attributes = HashMap<String, AttributeValue>;

/// The key of an item.
pub fn key(account_id: &str, token: &str) -> Attributes {
    Attributes::from([
        ("ClientRequestToken".into(), AttributeValue::S(token.into())),
        ("AccountId".into(), AttributeValue::S(account_id.into())),
    ])
}

/// The token and the account of an item that never exists. No token contains `#`.
pub const PROBE: &str = "#warm-up";
/// A condition that this item never meets.
pub const NEVER: &str = "attribute_exists(ClientRequestToken)";

/// A number as an attribute.
pub fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A meeting in the table.
#[derive(Debug)]
pub struct StoredMeeting {
    /// The caller's account, or `anonymous`.
    pub account_id: String,
    /// The request, including the token.
    pub request: CreateMeetingRequest,
    /// The meeting's ID.
    pub meeting_id: Guid,
    /// The URLs in the response.
    pub media_placement: MediaPlacement,
    /// When the meeting was created, as the time since 1970. The table stores milliseconds.
    pub created_at: Duration,
    /// When the token can be used again, in seconds since 1970. `DynamoDB` deletes the item some time later.
    pub expires_at: u64,
    /// Identifies the invocation that wrote the item, if the meeting ID does not.
    pub write_id: Option<Uuid>,
    /// When a check last found that the meeting goes on, in seconds since 1970.
    pub checked_at: Option<u64>,
    /// When the meeting was found to have ended, in seconds since 1970.
    pub ended_at: Option<u64>,
}

impl StoredMeeting {
    /// When the meeting was last known to go on, as the time since 1970.
    #[must_use]
    pub fn known_at(&self) -> Duration {
        self.created_at.max(Duration::from_secs(self.checked_at.unwrap_or_default()))
    }

    /// Whether it is stored with an owner, and listed: meetings of the Amazon Chime SDK are.
    #[must_use]
    pub const fn gets_owner(&self) -> bool {
        self.write_id.is_some()
    }

    /// Whether the same invocation wrote `self` and `other`.
    #[must_use]
    pub fn has_same_writer(&self, other: &Self) -> bool {
        (&self.meeting_id, self.write_id) == (&other.meeting_id, other.write_id)
    }

    /// The attributes of its item.
    ///
    /// # Errors
    /// `ServiceFailure` for a time that cannot be represented as a date.
    pub fn attributes(&self) -> Result<Attributes, Error> {
        serde_dynamo::to_item(Item::new(self)?).map_err(Error::service_failure)
    }

    /// The meeting with these attributes.
    ///
    /// # Errors
    /// `ServiceFailure` if they cannot be read.
    pub fn parse(attributes: &Attributes) -> Result<Self, Error> {
        from_known(attributes).and_then(Item::into_meeting).ok_or_else(|| {
            // Without serde's message, which may quote a sensitive value.
            let id = attributes.get("MeetingId").and_then(|id| id.as_s().ok());
            let id = id.map_or("?", String::as_str);
            Error::service_failure(format!("the item of meeting {id} cannot be read"))
        })
    }
}

impl From<StoredMeeting> for Meeting {
    fn from(stored: StoredMeeting) -> Self {
        Self {
            meeting_id: stored.meeting_id,
            external_meeting_id: stored.request.external_meeting_id,
            media_region: stored.request.media_region,
            media_placement: stored.media_placement,
        }
    }
}

/// Whether an item has expired. This reads only one attribute, so that an expired item is ignored even if the rest
/// cannot be parsed.
pub fn has_expired(item: &Attributes, now: u64) -> bool {
    let expires_at = item.get("ExpiresAt").and_then(|it| it.as_n().ok());
    expires_at.and_then(|it| it.parse::<u64>().ok()).is_some_and(|expires_at| expires_at <= now)
}

/// Formats a time since 1970 as ISO 8601 in UTC, with milliseconds: not every parser accepts more digits.
///
/// # Errors
/// `ServiceFailure` for a time that cannot be represented as a date.
pub fn format_time(time: Duration) -> Result<String, Error> {
    let milliseconds = time.as_millis().try_into().map_err(Error::service_failure)?;
    let formatted = DateTime::from_millis(milliseconds).fmt(DateTimeFormat::DateTime);
    formatted.map_err(Error::service_failure)
}

/// The time since 1970. An unreadable one counts as the oldest possible.
pub fn parse_time(time: &str) -> Duration {
    let parsed = DateTime::from_str(time, DateTimeFormat::DateTime).ok();
    parsed
        .and_then(|time| time.to_millis().ok()?.try_into().ok())
        .map_or(Duration::ZERO, Duration::from_millis)
}

/// The value of these attributes, if they can be read.
pub fn from_known<T: DeserializeOwned>(attributes: &Attributes) -> Option<T> {
    let readable = attributes.values().all(is_known).then(|| attributes.clone());
    readable.and_then(|item| serde_dynamo::from_item(item).ok())
}

/// Whether the SDK knows all types in `value`. `serde_dynamo` panics over unknown ones.
fn is_known(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::M(members) => members.values().all(is_known),
        AttributeValue::L(elements) => elements.iter().all(is_known),
        other => !other.is_unknown(),
    }
}

/// The attributes. `template.yaml` defines the key, and the state machine for notifications reads some of the others.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Item<'a> {
    client_request_token: Cow<'a, str>,
    account_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_meeting_id: Option<Cow<'a, str>>,
    media_region: MediaRegion,
    #[serde(skip_serializing_if = "Option::is_none")]
    meeting_host_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_configuration: Option<NotificationTargets<'a>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    meeting_id: Cow<'a, str>,
    /// The URLs, with `{id}` in place of the meeting ID, and `{hex}` in place of its 32 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    urls: Option<MediaPlacement>,
    /// The URLs without placeholders: in older items, and if a URL itself contains a brace.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_placement: Option<MediaPlacement>,
    /// ISO 8601 in UTC, with milliseconds.
    created_at: String,
    /// In seconds since 1970.
    expires_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_id: Option<Uuid>,
    /// `ExpiresAt` and the meeting ID, which puts the item into the index, until the meeting has ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    listed_until: Option<String>,
    /// In seconds since 1970, like the next one. Only updates write them.
    #[serde(skip_serializing)]
    checked_at: Option<u64>,
    #[serde(skip_serializing)]
    ended_at: Option<u64>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct NotificationTargets<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_topic_arn: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_queue_arn: Option<Cow<'a, str>>,
}

impl<'a> Item<'a> {
    fn new(meeting: &'a StoredMeeting) -> Result<Self, Error> {
        let StoredMeeting { request, media_placement, .. } = meeting;
        let meeting_id = meeting.meeting_id.as_str();
        let created_at = format_time(meeting.created_at)?;
        let configuration = &request.notifications_configuration;
        let text = |text: &'a Option<String>| text.as_deref().map(Cow::from);
        let (sns_topic_arn, sqs_queue_arn) =
            (text(&configuration.sns_topic_arn), text(&configuration.sqs_queue_arn));
        let has_targets = sns_topic_arn.is_some() || sqs_queue_arn.is_some();
        let hex = meeting_id.replace('-', "");
        let shorten = |url: &str| url.replace(meeting_id, "{id}").replace(&hex, "{hex}");
        let is_literal = media_placement.urls().any(|url| url.contains('{'));
        Ok(Self {
            client_request_token: Cow::from(&request.client_request_token),
            account_id: Cow::from(&meeting.account_id),
            external_meeting_id: text(&request.external_meeting_id),
            media_region: request.media_region,
            meeting_host_id: text(&request.meeting_host_id),
            notifications_configuration: has_targets
                .then_some(NotificationTargets { sns_topic_arn, sqs_queue_arn }),
            tags: request
                .tags
                .iter()
                .map(|(key, value)| (Cow::from(key), Cow::from(value)))
                .collect(),
            meeting_id: Cow::from(meeting_id),
            urls: (!is_literal).then(|| media_placement.map(shorten)),
            media_placement: is_literal.then(|| media_placement.clone()),
            created_at,
            expires_at: meeting.expires_at,
            write_id: meeting.write_id,
            listed_until: meeting
                .gets_owner()
                .then(|| format!("{}#{meeting_id}", meeting.expires_at)),
            checked_at: None,
            ended_at: None,
        })
    }

    /// The meeting of this item, or `None` if it has no well-formed ID or no URLs.
    fn into_meeting(self) -> Option<StoredMeeting> {
        let meeting_id = Guid::parse(&self.meeting_id)?;
        let hex = meeting_id.as_str().replace('-', "");
        let lengthen = |url: &str| url.replace("{id}", meeting_id.as_str()).replace("{hex}", &hex);
        let media_placement = self.urls.map(|urls| urls.map(lengthen)).or(self.media_placement)?;
        let targets = self.notifications_configuration;
        let (topic, queue) = targets.map(|it| (it.sns_topic_arn, it.sqs_queue_arn)).unzip();
        let text = |text: Option<Cow<str>>| text.map(Cow::into_owned);
        Some(StoredMeeting {
            account_id: self.account_id.into_owned(),
            request: CreateMeetingRequest {
                client_request_token: self.client_request_token.into_owned(),
                external_meeting_id: text(self.external_meeting_id),
                media_region: self.media_region,
                meeting_host_id: text(self.meeting_host_id),
                notifications_configuration: NotificationsConfiguration {
                    sns_topic_arn: text(topic.flatten()),
                    sqs_queue_arn: text(queue.flatten()),
                },
                tags: self
                    .tags
                    .into_iter()
                    .map(|(key, value)| (key.into_owned(), value.into_owned()))
                    .collect(),
            },
            meeting_id,
            media_placement,
            created_at: parse_time(&self.created_at),
            expires_at: self.expires_at,
            write_id: self.write_id,
            checked_at: self.checked_at,
            ended_at: self.ended_at,
        })
    }
}
