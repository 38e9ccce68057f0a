//! The item of a meeting in the table.
//!
//! It has its own type, so that a change of the API does not silently change the table. URLs refer to the meeting ID by
//! a placeholder, so that a usual meeting fits into one write unit (1,024 bytes).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::StoredMeeting;
use crate::error::Error;
use crate::meeting::{MediaPlacement, MediaRegion};
use crate::request::{CreateMeetingRequest, NotificationsConfiguration};

/// The attributes. `template.yaml` defines the key, and the state machine for notifications reads some of the others.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Item<'a> {
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
    /// The item of `meeting`.
    ///
    /// # Errors
    /// `ServiceFailure` for a time that cannot be represented as a date.
    pub fn new(meeting: &'a StoredMeeting) -> Result<Self, Error> {
        let StoredMeeting { request, meeting_id, media_placement, .. } = meeting;
        // Not every parser of ISO 8601 accepts more digits than milliseconds.
        let created_at =
            meeting.created_at.as_millis().try_into().map_err(Error::service_failure)?;
        let created_at = DateTime::from_millis(created_at).fmt(DateTimeFormat::DateTime);
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
            created_at: created_at.map_err(Error::service_failure)?,
            expires_at: meeting.expires_at,
            write_id: meeting.write_id,
        })
    }

    /// The meeting of this item, or `None` if it has no URLs.
    pub fn into_meeting(self) -> Option<StoredMeeting> {
        let meeting_id = self.meeting_id.into_owned();
        let hex = meeting_id.replace('-', "");
        let lengthen = |url: &str| url.replace("{id}", &meeting_id).replace("{hex}", &hex);
        let media_placement = self.urls.map(|urls| urls.map(lengthen)).or(self.media_placement)?;
        let created_at = DateTime::from_str(&self.created_at, DateTimeFormat::DateTime).ok();
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
            // An unreadable time counts as the oldest possible.
            created_at: created_at
                .and_then(|time| time.to_millis().ok()?.try_into().ok())
                .map_or(Duration::ZERO, Duration::from_millis),
            expires_at: self.expires_at,
            write_id: self.write_id,
        })
    }
}
