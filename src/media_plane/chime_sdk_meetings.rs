//! The media plane `chime-sdk-meetings`: real meetings, created in AWS's service of that name.
//!
//! The service proposes a meeting, and the put of the item decides. See `create_meeting` for the protocol.
//! Here is what differs between the two APIs: required members, patterns, and the token.

use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::time::Instant;
use uuid::Uuid;

use super::Created;
use crate::attempts::{self, ServiceCall};
use crate::chime_sdk::patterns::{is_external_id, is_id, is_tag_key, is_tag_value};
use crate::chime_sdk::{ChimeSdk, Request};
use crate::error::{Error, ErrorKind};
use crate::meeting::{MediaPlacement, MediaRegion};
use crate::request::{CreateMeetingRequest, NO_EXTERNAL_MEETING_ID};

/// The media plane, as one stack uses it.
#[derive(Debug)]
pub struct ChimeSdkMeetings {
    client: Arc<ChimeSdk>,
    /// Whether the service notifies the targets of `NotificationsConfiguration`.
    sends_notifications: bool,
    scope: TokenScope,
}

/// What keeps the tokens of different stacks apart.
#[derive(Debug)]
pub struct TokenScope {
    /// The stack's Region.
    pub region: String,
    /// The stack's table.
    pub table: String,
    /// How long the service is asked for the same meeting again.
    pub bucket: Duration,
}

impl ChimeSdkMeetings {
    /// The longest [`TokenScope::bucket`]. It is less than the five minutes after which a meeting without
    /// attendees ends ("Creating meetings" in the Amazon Chime SDK developer guide), so that no retry gets a
    /// meeting that has ended by itself.
    pub const LONGEST_BUCKET: Duration = Duration::from_mins(1);

    /// The media plane behind `client`.
    #[must_use]
    pub const fn new(client: Arc<ChimeSdk>, sends_notifications: bool, scope: TokenScope) -> Self {
        Self { client, sends_notifications, scope }
    }

    /// How old an item is when its meeting may have ended by itself.
    #[must_use]
    pub const fn bucket(&self) -> Duration {
        self.scope.bucket
    }

    /// Checks whether the meeting of this ID has ended. Without a clear answer, it has not.
    pub async fn check(
        &self,
        meeting_id: &str,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> bool {
        // The ID comes from the table. What is not an ID must not get into a URL.
        if !is_id(meeting_id) {
            return false;
        }
        let path = format!("/meetings/{meeting_id}");
        let request = Request { operation: "GetMeeting", method: "GET", path: &path, body: b"" };
        match self.client.call(request, deadline, calls).await {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::NotFound => true,
            Err(error) => {
                // The request is answered, so nothing else would say why.
                tracing::warn!(
                    meeting_id,
                    error = error.log_message(),
                    "could not check a meeting"
                );
                false
            }
        }
    }

    /// Creates the meeting that `request` asks for. It is `now`, in seconds since 1970.
    ///
    /// Requests that mean the same get the same meeting for a while, as far as the service remembers.
    ///
    /// # Errors
    /// The service's, translated, and `ServiceFailure` for an answer that cannot be used.
    pub async fn create(
        &self,
        account_id: &str,
        request: &CreateMeetingRequest,
        now: u64,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Created, Error> {
        let token = self.scope.token(account_id, request, now)?;
        let mut not_sent = Vec::new();
        let wanted = self.translate(request, &token, &mut not_sent);
        let body = serde_json::to_vec(&wanted).map_err(Error::service_failure)?;
        let call =
            Request { operation: "CreateMeeting", method: "POST", path: "/meetings", body: &body };
        let answer = self.client.call(call, deadline, calls).await.map_err(|error| {
            // The service does not document these for this operation.
            match error.kind() {
                ErrorKind::NotFound | ErrorKind::UnprocessableEntity => {
                    Error::service_failure(error)
                }
                _ => error,
            }
        })?;
        let meeting = UpstreamMeeting::read(&answer, &wanted);
        let meeting = meeting.inspect_err(|error| attempts::note_failure(calls, error))?;
        Ok(Created {
            meeting_id: meeting.meeting_id,
            media_placement: meeting.media_placement,
            write_id: Some(Uuid::new_v4()),
            not_sent,
        })
    }

    /// The request in the service's terms, without what it would not accept.
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
    /// It is never the client's own: other stacks, other accounts, and other requests with the same token must
    /// not get its meeting. The time bucket keeps a token that is used again after it has expired from getting
    /// the old meeting.
    fn token(
        &self,
        account_id: &str,
        request: &CreateMeetingRequest,
        now: u64,
    ) -> Result<String, Error> {
        let canonical = serde_json::to_vec(request).map_err(Error::service_failure)?;
        let seconds = self.bucket.as_secs();
        let (bucket, length) = ((now / seconds).to_be_bytes(), seconds.to_be_bytes());
        let mut hash = Sha256::new();
        let parts: [&[u8]; 7] = [
            b"create-meeting/1",
            self.region.as_bytes(),
            self.table.as_bytes(),
            account_id.as_bytes(),
            &canonical,
            &bucket,
            &length,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut token = String::with_capacity(64);
        for byte in hash.finalize() {
            // A string takes whatever is written.
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
struct UpstreamAnswer {
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
    /// The meeting that the service has answered. It must be one that can be joined, and the one that was
    /// asked for.
    fn read(answer: &[u8], wanted: &UpstreamRequest) -> Result<Self, Error> {
        let unusable = |what: &str| {
            Error::service_failure(format!("chime-sdk-meetings answered a meeting {what}"))
        };
        // Without serde's own words, which may quote a sensitive value.
        let UpstreamAnswer { meeting } =
            serde_json::from_slice(answer).map_err(|_| unusable("that cannot be read"))?;
        let placement = &meeting.media_placement;
        if !is_id(&meeting.meeting_id) {
            return Err(unusable("without a usable ID"));
        }
        if placement.audio_host_url.is_none() || placement.signaling_url.is_none() {
            return Err(unusable("that cannot be joined"));
        }
        if meeting.media_region.as_deref() != Some(wanted.media_region.name())
            || meeting.external_meeting_id.as_ref() != Some(&wanted.external_meeting_id)
        {
            return Err(unusable("that was not asked for"));
        }
        Ok(meeting)
    }
}
