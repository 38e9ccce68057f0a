//! The media plane `chime-sdk-meetings`: meetings that AWS's service of that name creates.
//!
//! The service proposes a meeting, and the put of the item decides: see `create_meeting` for the protocol. This module
//! translates between the two APIs: required members, patterns, and the token.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::NewMeeting;
use crate::attempts::ServiceCall;
use crate::chime_sdk::patterns::{is_external_id, is_id, is_tag_key, is_tag_value};
use crate::chime_sdk::{ChimeSdk, Request};
use crate::error::{Error, ErrorKind};
use crate::meeting::{MediaPlacement, MediaRegion};
use crate::request::{CreateMeetingRequest, NO_EXTERNAL_MEETING_ID};

/// The media plane of one stack.
#[derive(Debug)]
pub struct ChimeSdkMeetings {
    client: Arc<ChimeSdk>,
    /// Whether the service notifies the targets of `NotificationsConfiguration`.
    sends_notifications: bool,
    scope: TokenScope,
}

/// The parts of a token that do not depend on the request.
#[derive(Debug)]
pub struct TokenScope {
    /// The stack's Region.
    pub region: String,
    /// The stack's table.
    pub table: String,
    /// The time bucket: how long repeated requests have the same token.
    pub token_window: Duration,
}

impl ChimeSdkMeetings {
    /// The longest [`TokenScope::token_window`]. It is less than the five minutes after which a meeting without
    /// attendees ends ("Creating meetings" in the Amazon Chime SDK developer guide), so that no retry gets a
    /// meeting that has ended by itself.
    pub const MAX_TOKEN_WINDOW: Duration = Duration::from_mins(1);

    /// The media plane behind `client`.
    #[must_use]
    pub const fn new(client: Arc<ChimeSdk>, sends_notifications: bool, scope: TokenScope) -> Self {
        Self { client, sends_notifications, scope }
    }

    /// The age from which an item's meeting is checked before it is replayed. A new `CreateMeeting` for a younger one
    /// could have the same token, and get the same meeting.
    #[must_use]
    pub const fn check_after(&self) -> Duration {
        self.scope.token_window
    }

    /// Whether the meeting with this ID has ended. If the service gives no clear answer, it has not.
    pub async fn has_ended(
        &self,
        meeting_id: &str,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> bool {
        // The ID comes from the table. Anything but an ID must not get into a URL.
        if !is_id(meeting_id) {
            return false;
        }
        let path = format!("/meetings/{meeting_id}");
        let request = Request { operation: "GetMeeting", method: "GET", path: &path, body: b"" };
        match self.client.call(request, deadline).await.record(calls) {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => {
                // The request succeeds nevertheless, so no other log entry has the reason.
                tracing::warn!(
                    meetingId = meeting_id,
                    error = error.log_message(),
                    "could not check whether the meeting has ended"
                );
                false
            }
        }
    }

    /// Creates the meeting of `request` at `now` (seconds since 1970).
    ///
    /// For a while, requests with the same meaning get the same meeting, as long as the service remembers the token.
    ///
    /// # Errors
    /// The service's, translated, and `ServiceFailure` for an unusable response.
    pub async fn create(
        &self,
        account_id: &str,
        request: &CreateMeetingRequest,
        now: u64,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<NewMeeting, Error> {
        let token = self.scope.token(account_id, request, now)?;
        let mut not_sent = Vec::new();
        let translated = self.translate(request, &token, &mut not_sent);
        let body = serde_json::to_vec(&translated).map_err(Error::service_failure)?;
        let call =
            Request { operation: "CreateMeeting", method: "POST", path: "/meetings", body: &body };
        let completed = self.client.call(call, deadline).await;
        let completed = completed.parse(|response| UpstreamMeeting::parse(&response, &translated));
        let meeting = completed.record(calls).map_err(|error| match error.kind() {
            // The service does not document these for this operation.
            ErrorKind::NotFound | ErrorKind::UnprocessableEntity => Error::service_failure(error),
            _ => error,
        })?;
        Ok(NewMeeting {
            meeting_id: meeting.meeting_id,
            media_placement: meeting.media_placement,
            write_id: Some(Uuid::new_v4()),
            not_sent,
        })
    }

    /// Translates the request for the service, without the members that the service would reject.
    fn translate<'a>(
        &self,
        request: &'a CreateMeetingRequest,
        token: &'a str,
        not_sent: &mut Vec<&'static str>,
    ) -> UpstreamRequest<'a> {
        let given = request.external_meeting_id.as_deref();
        let accepted = given.filter(|id| is_external_id(id));
        if given.is_some() && accepted.is_none() {
            not_sent.push("ExternalMeetingId");
        }
        let external_meeting_id = accepted.map_or_else(
            || format!("{NO_EXTERNAL_MEETING_ID}{}", token.split_at(32).0),
            ToOwned::to_owned,
        );
        let tags_fit =
            request.tags.iter().all(|(key, value)| is_tag_key(key) && is_tag_value(value));
        if !tags_fit {
            not_sent.push("Tags");
        }
        let tags = request.tags.iter().filter(|_| tags_fit);
        let tags = tags.map(|(key, value)| UpstreamTag { key, value }).collect();
        let mut target = |arn: Option<&'a String>, member| {
            // The service only reaches targets in its own control Region.
            let is_sent = |arn: &&String| {
                self.sends_notifications && arn.split(':').nth(3) == Some(self.client.region())
            };
            let sent = arn.filter(is_sent).map(String::as_str);
            if arn.is_some() && sent.is_none() {
                not_sent.push(member);
            }
            sent
        };
        let configuration = &request.notifications_configuration;
        let topic =
            target(configuration.sns_topic_arn.as_ref(), "NotificationsConfiguration.SnsTopicArn");
        let queue =
            target(configuration.sqs_queue_arn.as_ref(), "NotificationsConfiguration.SqsQueueArn");
        UpstreamRequest {
            client_request_token: token,
            media_region: request.media_region,
            external_meeting_id,
            meeting_host_id: request.meeting_host_id.as_deref(),
            notifications_configuration: (topic.is_some() || queue.is_some())
                .then_some(UpstreamTargets { sns_topic_arn: topic, sqs_queue_arn: queue }),
            tags,
        }
    }
}

impl TokenScope {
    /// The token by which the service recognizes a repeated request.
    ///
    /// It is not the client's token, because another stack, another account, or a different request with the same
    /// token must not get the same meeting. It contains the time bucket, so that a token that is reused after its
    /// expiry does not get the old meeting.
    fn token(
        &self,
        account_id: &str,
        request: &CreateMeetingRequest,
        now: u64,
    ) -> Result<String, Error> {
        let canonical = serde_json::to_vec(request).map_err(Error::service_failure)?;
        let seconds = self.token_window.as_secs();
        let (window, length) = ((now / seconds).to_be_bytes(), seconds.to_be_bytes());
        let mut hash = Sha256::new();
        let parts: [&[u8]; 7] = [
            b"create-meeting/1",
            self.region.as_bytes(),
            self.table.as_bytes(),
            account_id.as_bytes(),
            &canonical,
            &window,
            &length,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut token = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        Ok(token)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UpstreamRequest<'a> {
    client_request_token: &'a str,
    media_region: MediaRegion,
    external_meeting_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    meeting_host_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_configuration: Option<UpstreamTargets<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<UpstreamTag<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UpstreamTargets<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_topic_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_queue_arn: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct UpstreamTag<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpstreamResponse {
    meeting: UpstreamMeeting,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct UpstreamMeeting {
    meeting_id: String,
    external_meeting_id: Option<String>,
    media_region: Option<String>,
    media_placement: MediaPlacement,
}

impl UpstreamMeeting {
    /// Parses the service's response. The meeting must be usable, and must match the request.
    fn parse(response: &[u8], request: &UpstreamRequest) -> Result<Self, Error> {
        let unusable = |what: &str| {
            Error::service_failure(format!("chime-sdk-meetings returned a meeting {what}"))
        };
        // Without serde's message, which may quote a sensitive value.
        let UpstreamResponse { meeting } =
            serde_json::from_slice(response).map_err(|_| unusable("that cannot be parsed"))?;
        let placement = &meeting.media_placement;
        if !is_id(&meeting.meeting_id) {
            return Err(unusable("without a usable ID"));
        }
        if placement.audio_host_url.is_none() || placement.signaling_url.is_none() {
            return Err(unusable("that cannot be joined"));
        }
        if meeting.media_region.as_deref() != Some(request.media_region.name())
            || meeting.external_meeting_id.as_ref() != Some(&request.external_meeting_id)
        {
            return Err(unusable("that does not match the request"));
        }
        Ok(meeting)
    }
}
