//! An item as the table has it.
//!
//! It has a shape of its own, so that a change of the API does not change the table. A usual meeting fits into one
//! write unit, which is 1,024 bytes: so in its URLs, `{id}` stands for the meeting's ID.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Item;
use crate::error::Error;
use crate::meeting::{MediaPlacement, MediaRegion};
use crate::request::{CreateMeetingRequest, NotificationsConfiguration};

/// The attributes. `template.yaml` has the table's key, and the state machine of notifications reads some of the
/// others.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Record<'a> {
    client_request_token: Cow<'a, str>,
    account_id: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_meeting_id: Option<Cow<'a, str>>,
    media_region: MediaRegion,
    #[serde(skip_serializing_if = "Option::is_none")]
    meeting_host_id: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_configuration: Option<Targets<'a>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    tags: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    meeting_id: Cow<'a, str>,
    /// The URLs, with `{id}` for the meeting's ID and `{hex}` for its 32 digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    urls: Option<MediaPlacement>,
    /// The URLs as they were answered: of older items, and if one of them has a brace of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    media_placement: Option<MediaPlacement>,
    /// ISO 8601, UTC, in milliseconds.
    created_at: String,
    /// In seconds since 1970.
    expires_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    write_id: Option<Uuid>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Targets<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_topic_arn: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_queue_arn: Option<Cow<'a, str>>,
}

impl<'a> Record<'a> {
    /// The attributes of `item`.
    ///
    /// # Errors
    /// `ServiceFailure` for a time that has no date.
    pub fn new(item: &'a Item) -> Result<Self, Error> {
        let Item { request, meeting_id, media_placement, .. } = item;
        // Whatever reads ISO 8601 reads milliseconds, and not always more.
        let created_at = item.created_at.as_millis().try_into().map_err(Error::service_failure)?;
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
            account_id: Cow::from(&item.account_id),
            external_meeting_id: text(&request.external_meeting_id),
            media_region: request.media_region,
            meeting_host_id: text(&request.meeting_host_id),
            notifications_configuration: has_targets
                .then_some(Targets { sns_topic_arn, sqs_queue_arn }),
            tags: request
                .tags
                .iter()
                .map(|(key, value)| (Cow::from(key), Cow::from(value)))
                .collect(),
            meeting_id: Cow::from(meeting_id),
            urls: (!is_literal).then(|| media_placement.map(shorten)),
            media_placement: is_literal.then(|| media_placement.clone()),
            created_at: created_at.map_err(Error::service_failure)?,
            expires_at: item.expires_at,
            write_id: item.write_id,
        })
    }

    /// The item with these attributes, unless it has no URLs.
    pub fn into_item(self) -> Option<Item> {
        let meeting_id = self.meeting_id.into_owned();
        let hex = meeting_id.replace('-', "");
        let lengthen = |url: &str| url.replace("{id}", &meeting_id).replace("{hex}", &hex);
        let media_placement = self.urls.map(|urls| urls.map(lengthen)).or(self.media_placement)?;
        let created_at = DateTime::from_str(&self.created_at, DateTimeFormat::DateTime).ok();
        let targets = self.notifications_configuration;
        let (topic, queue) = targets.map(|it| (it.sns_topic_arn, it.sqs_queue_arn)).unzip();
        let text = |text: Option<Cow<str>>| text.map(Cow::into_owned);
        Some(Item {
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
            // Without a time that can be read, it is as old as can be.
            created_at: created_at
                .and_then(|time| time.to_millis().ok()?.try_into().ok())
                .map_or(Duration::ZERO, Duration::from_millis),
            expires_at: self.expires_at,
            write_id: self.write_id,
        })
    }
}
