//! The media plane `chime-sdk-meetings`: meetings that the Amazon Chime SDK creates.
//!
//! It proposes a meeting, and the put of the item picks the winner: see
//! [`create_meeting`](crate::operations::create_meeting) for the protocol. This module translates between the two APIs:
//! required members, patterns, and the token.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::new_meeting::NewMeeting;
use super::token::TokenScope;
use crate::chime_sdk::ChimeSdk;
use crate::error::{Error, ErrorKind};
use crate::invocation::Invocation;
use crate::meeting::{Guid, MediaPlacement, MediaRegion};
use crate::operation::{CREATE_MEETING, GET_MEETING};
use crate::request::create_meeting::{CreateMeetingRequest, NO_EXTERNAL_MEETING_ID};
use crate::request::patterns::{is_external_id, is_tag_key, is_tag_value};

/// The media plane of one stack.
#[derive(Debug)]
pub struct ChimeSdkMeetings {
    client: ChimeSdk,
    /// Whether the service notifies the targets of `NotificationsConfiguration`.
    sends_notifications: bool,
    scope: TokenScope,
}

/// Whether a meeting goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Check {
    /// It does.
    Alive,
    /// It has ended.
    Ended,
    /// The service gave no clear answer.
    Unknown,
}

impl ChimeSdkMeetings {
    /// The longest [`TokenScope::token_window`]. It is less than the five minutes after which a meeting without
    /// attendees ends ("Creating meetings" in the Amazon Chime SDK developer guide), so that no retry gets a
    /// meeting that has ended on its own.
    pub const MAX_TOKEN_WINDOW: Duration = Duration::from_mins(1);

    /// The media plane behind `client`.
    #[must_use]
    pub const fn new(client: ChimeSdk, sends_notifications: bool, scope: TokenScope) -> Self {
        Self { client, sends_notifications, scope }
    }

    /// The client that operations on its meetings use.
    #[must_use]
    pub const fn client(&self) -> &ChimeSdk {
        &self.client
    }

    /// Whether it is two token windows since a meeting was created, or known to go on. Before that, the service's
    /// `NotFound` may mean that it does not know the meeting yet, and most requests for the meeting are retries.
    #[must_use]
    pub fn is_settled(&self, since: Duration, invocation: Invocation<'_>) -> bool {
        invocation.arrived_at.saturating_sub(since) >= self.scope.token_window * 2
    }

    /// Checks whether the meeting with this ID has ended. Without a clear answer, it is unknown.
    pub async fn check(&self, meeting_id: &Guid, invocation: Invocation<'_>) -> Check {
        let target = GET_MEETING.target(Some(meeting_id), None, "");
        let request = GET_MEETING.request(&target, b"");
        match self.client.send(request, invocation).await.record() {
            Ok(_) => Check::Alive,
            Err(error) if error.kind() == ErrorKind::NotFound => Check::Ended,
            Err(error) => {
                // The request succeeds nevertheless, so no other log entry has the reason.
                tracing::warn!(
                    meetingId = meeting_id.as_str(),
                    error = error.log_message(),
                    "could not check whether the meeting has ended"
                );
                Check::Unknown
            }
        }
    }

    /// Creates the meeting of `request`, which may replace one that has ended.
    ///
    /// Within a token window, equal requests get the same meeting, if the service remembers the token.
    ///
    /// # Errors
    /// The service's, translated, and `ServiceFailure` for an unusable response.
    pub async fn create(
        &self,
        account_id: &str,
        request: &CreateMeetingRequest,
        replaced: Option<&Guid>,
        invocation: Invocation<'_>,
    ) -> Result<NewMeeting, Error> {
        let token = self.scope.token(account_id, request, replaced, invocation.now())?;
        let Translated { request, not_sent } = self.translate(request, &token);
        let body = &*serde_json::to_vec(&request).map_err(Error::service_failure)?;
        let creation = CREATE_MEETING.request(CREATE_MEETING.path, body);
        let completed = self.client.send(creation, invocation).await;
        let completed = completed.parse(|response| CreatedMeeting::parse(&response, &request));
        let meeting = completed.record().map_err(|error| CREATE_MEETING.translate(error))?;
        Ok(NewMeeting {
            meeting_id: meeting.meeting_id,
            media_placement: meeting.media_placement,
            write_id: Some(Uuid::new_v4()),
            not_sent,
        })
    }

    /// Translates the request for the service, without the members that the service would reject.
    fn translate<'a>(&self, request: &'a CreateMeetingRequest, token: &'a str) -> Translated<'a> {
        let mut not_sent = Vec::new();
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
        let tags = tags.map(|(key, value)| Tag { key, value }).collect();
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
        let request = SdkRequest {
            client_request_token: token,
            media_region: request.media_region,
            external_meeting_id,
            meeting_host_id: request.meeting_host_id.as_deref(),
            notifications_configuration: (topic.is_some() || queue.is_some())
                .then_some(Targets { sns_topic_arn: topic, sqs_queue_arn: queue }),
            tags,
        };
        Translated { request, not_sent }
    }
}

/// A request for the service, and the members that it lacks.
struct Translated<'a> {
    request: SdkRequest<'a>,
    not_sent: Vec<&'static str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SdkRequest<'a> {
    client_request_token: &'a str,
    media_region: MediaRegion,
    external_meeting_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    meeting_host_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notifications_configuration: Option<Targets<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Tag<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Targets<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sns_topic_arn: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sqs_queue_arn: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Tag<'a> {
    key: &'a str,
    value: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SdkResponse {
    meeting: SdkMeeting,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SdkMeeting {
    meeting_id: String,
    external_meeting_id: Option<String>,
    media_region: Option<String>,
    media_placement: MediaPlacement,
}

/// A meeting that can be joined and that matches the request.
struct CreatedMeeting {
    meeting_id: Guid,
    media_placement: MediaPlacement,
}

impl CreatedMeeting {
    fn parse(response: &[u8], request: &SdkRequest) -> Result<Self, Error> {
        let unusable = |what: &str| {
            Error::service_failure(format!("chime-sdk-meetings returned a meeting {what}"))
        };
        // Without serde's message, which may quote a sensitive value.
        let SdkResponse { meeting } =
            serde_json::from_slice(response).map_err(|_| unusable("that cannot be parsed"))?;
        let meeting_id =
            Guid::parse(&meeting.meeting_id).ok_or_else(|| unusable("without a usable ID"))?;
        let media_placement = meeting.media_placement;
        if media_placement.audio_host_url.is_none() || media_placement.signaling_url.is_none() {
            return Err(unusable("that cannot be joined"));
        }
        if meeting.media_region.as_deref() != Some(request.media_region.name()) {
            return Err(unusable("in another media Region"));
        }
        // The token already keeps requests apart, and responses contain the client's own ID.
        if meeting.external_meeting_id.as_ref() != Some(&request.external_meeting_id) {
            tracing::warn!(
                meetingId = meeting_id.as_str(),
                "chime-sdk-meetings returned another ExternalMeetingId"
            );
        }
        Ok(Self { meeting_id, media_placement })
    }
}
