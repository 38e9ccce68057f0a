//! The parameters of `CreateMeeting` and `CreateMeetingWithAttendees`, and their validation.
//!
//! The constraints are those of the API page, of Amazon Chime's service model (ARNs, tag keys and values), and AWS's
//! general rules for tags. One error names all violations.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::attendees::Attendee;
use super::patterns;
use super::validation::{NOT_RESERVED, Raw, Validator, parse_body, validate};
use crate::caller::is_account_id;
use crate::error::Error;
use crate::meeting::MediaRegion;

/// The prefix of the `ExternalMeetingId` that the Amazon Chime SDK gets if the client's is missing or not accepted
/// there. Responses omit such an ID, so clients may not use the prefix.
pub const NO_EXTERNAL_MEETING_ID: &str = "create-meeting:none:";

/// A valid request, with defaults filled in.
///
/// Its serialization is canonical: requests with the same meaning have the same one. The token for the Amazon Chime SDK
/// is derived from it.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateMeetingRequest {
    /// The idempotency token: 2 to 64 of `[-_a-zA-Z0-9]`.
    pub client_request_token: String,
    /// The client's own ID for the meeting: 2 to 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_meeting_id: Option<String>,
    /// The Region of the meeting's media.
    pub media_region: MediaRegion,
    /// Reserved: 2 to 64 characters. It is stored and never returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_host_id: Option<String>,
    /// Who is notified of the meeting. Without targets, it is the same as absent.
    pub notifications_configuration: NotificationsConfiguration,
    /// At most 50 tags, in any order.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Who is notified of a meeting.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NotificationsConfiguration {
    /// The ARN of an SNS topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sns_topic_arn: Option<String>,
    /// The ARN of an SQS queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqs_queue_arn: Option<String>,
}

impl CreateMeetingRequest {
    /// Parses and validates a body. Unknown members are ignored, and `null` counts as absent.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object, or
    /// all constraints that it violates.
    pub fn from_json(body: &[u8]) -> Result<Self, Error> {
        validate(|validator| Ok(parse_body::<RawRequest>(body)?.validate(validator)))
    }

    /// The members in which two requests with the same token differ, by the API page's names.
    #[must_use]
    pub fn differing_members(&self, other: &Self) -> Vec<&'static str> {
        let (mine, theirs) =
            (&self.notifications_configuration, &other.notifications_configuration);
        [
            ("ExternalMeetingId", self.external_meeting_id == other.external_meeting_id),
            ("MediaRegion", self.media_region == other.media_region),
            ("MeetingHostId", self.meeting_host_id == other.meeting_host_id),
            ("NotificationsConfiguration.SnsTopicArn", mine.sns_topic_arn == theirs.sns_topic_arn),
            ("NotificationsConfiguration.SqsQueueArn", mine.sqs_queue_arn == theirs.sqs_queue_arn),
            ("Tags", self.tags == other.tags),
        ]
        .into_iter()
        .filter_map(|(member, same)| (!same).then_some(member))
        .collect()
    }
}

/// A valid request of `CreateMeetingWithAttendees`.
#[derive(Debug)]
pub struct CreateMeetingWithAttendeesRequest {
    /// The meeting to create.
    pub meeting: CreateMeetingRequest,
    /// Up to ten attendees.
    pub attendees: Vec<Attendee>,
}

impl CreateMeetingWithAttendeesRequest {
    /// Parses and validates a body.
    ///
    /// # Errors
    /// Those of [`CreateMeetingRequest::from_json`].
    pub fn from_json(body: &[u8]) -> Result<Self, Error> {
        validate(|validator| {
            let mut members: RawRequest = parse_body(body)?;
            let attendees = members.attendees.take();
            Ok(Self {
                meeting: members.validate(validator),
                attendees: validator.attendees("attendees", attendees, 1..=10),
            })
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawRequest<'a> {
    #[serde(borrow)]
    client_request_token: Raw<'a>,
    external_meeting_id: Raw<'a>,
    media_region: Raw<'a>,
    meeting_host_id: Raw<'a>,
    notifications_configuration: Raw<'a>,
    tags: Raw<'a>,
    /// Only in `CreateMeetingWithAttendees`.
    attendees: Raw<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawNotifications<'a> {
    #[serde(borrow)]
    sns_topic_arn: Raw<'a>,
    sqs_queue_arn: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawTag<'a> {
    #[serde(borrow)]
    key: Raw<'a>,
    value: Raw<'a>,
}

impl RawRequest<'_> {
    fn validate(self, validator: &mut Validator) -> CreateMeetingRequest {
        CreateMeetingRequest {
            client_request_token: validator.token("clientRequestToken", self.client_request_token),
            external_meeting_id: validator
                .external_meeting_id("externalMeetingId", self.external_meeting_id),
            media_region: validator.media_region("mediaRegion", self.media_region),
            meeting_host_id: validator.string("meetingHostId", self.meeting_host_id, 2..=64),
            notifications_configuration: validator
                .notifications("notificationsConfiguration", self.notifications_configuration),
            tags: validator.tags("tags", self.tags),
        }
    }
}

impl Validator {
    fn token(&mut self, path: impl Display + Copy, raw: Raw) -> String {
        let token = self.required_string(path, raw, 2..=64);
        if !token.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            self.violated(path, "satisfy regular expression pattern: [-_a-zA-Z0-9]*");
        }
        token
    }

    fn external_meeting_id(&mut self, path: impl Display + Copy, raw: Raw) -> Option<String> {
        let id = self.string(path, raw, 2..=64)?;
        if id.starts_with(NO_EXTERNAL_MEETING_ID) {
            self.violated(path, format_args!("not begin with {NO_EXTERNAL_MEETING_ID}"));
        }
        Some(id)
    }

    fn media_region(&mut self, path: impl Display + Copy, raw: Raw) -> MediaRegion {
        let Some(name) = self.string(path, raw, 0..=usize::MAX) else {
            return MediaRegion::default();
        };
        MediaRegion::named(&name).unwrap_or_else(|| {
            let names = MediaRegion::NAMES.join(", ");
            self.violated(path, format_args!("satisfy enum value set: [{names}]"));
            MediaRegion::default()
        })
    }

    fn notifications(&mut self, path: impl Display + Copy, raw: Raw) -> NotificationsConfiguration {
        let members: RawNotifications = self.object(path, raw).unwrap_or_default();
        let topic = format_args!("{path}.snsTopicArn");
        let queue = format_args!("{path}.sqsQueueArn");
        NotificationsConfiguration {
            sns_topic_arn: self.arn(topic, members.sns_topic_arn, "sns", "an SNS topic"),
            sqs_queue_arn: self.arn(queue, members.sqs_queue_arn, "sqs", "an SQS queue"),
        }
    }

    fn arn(
        &mut self,
        path: impl Display + Copy,
        raw: Raw,
        service: &str,
        resource: &str,
    ) -> Option<String> {
        let arn = self.string(path, raw, 1..=1024)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/:-_.".contains(c);
        if !arn
            .strip_prefix("arn")
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(allowed))
        {
            self.violated(path, r"satisfy regular expression pattern: ^arn[\/\:\-\_\.a-zA-Z0-9]+$");
        } else if !is_arn_of(service, &arn) {
            self.violated(
                path,
                format_args!(
                    "be the ARN of {resource}: arn:partition:{service}:region:account:name"
                ),
            );
        }
        Some(arn)
    }

    fn tags(&mut self, path: impl Display + Copy, raw: Raw) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for (number, tag) in self.array(path, raw, 1..=50) {
            let path = format_args!("{path}.{number}.member");
            let Some((key, value)) = self.tag(path, tag) else { continue };
            if tags.insert(key.clone(), value).is_some() && !key.is_empty() {
                self.violated(format_args!("{path}.key"), "be unique");
            }
        }
        tags
    }

    fn tag(&mut self, path: impl Display + Copy, raw: Raw) -> Option<(String, String)> {
        let members: RawTag = self.required_object(path, raw)?;
        let key_path = format_args!("{path}.key");
        let value_path = format_args!("{path}.value");
        let key = self.required_string(key_path, members.key, 1..=128);
        if patterns::is_reserved(&key) {
            self.violated(key_path, NOT_RESERVED);
        }
        Some((key, self.required_string(value_path, members.value, 1..=256)))
    }
}

/// Whether `arn` has the form `arn:partition:service:region:account:name` for this service. Nothing may follow the
/// name: a subscription's ARN begins with its topic's.
fn is_arn_of(service: &str, arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    matches!(
        parts[..],
        ["arn", partition, its_service, region, account, name]
            if partition.starts_with("aws")
                && its_service == service
                && !region.is_empty()
                && is_account_id(account)
                && !name.is_empty()
                && !name.contains('/')
    )
}
