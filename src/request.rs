//! What a client asks for, and every constraint on it.
//!
//! The constraints are the API page's, with what Amazon Chime's service model adds (ARNs, tag keys
//! and values) and AWS's general rules for tags. A request that breaks some of them is rejected in
//! one answer that names all.

pub mod attendees;
pub mod transcription;
pub(crate) mod violations;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use self::attendees::Attendee;
use self::violations::{Given, Path, Violations, parse_body};
use crate::error::Error;
use crate::meeting::MediaRegion;

/// The prefix of the `ExternalMeetingId` that is sent when the client gave none, or none that the Amazon Chime
/// SDK accepts. Clients may not use it: responses leave such an ID out.
pub const NO_EXTERNAL_MEETING_ID: &str = "create-meeting:none:";

/// A valid request with the defaults filled in.
///
/// Serialized, it is the canonical form: two requests that mean the same have the same. The token for the Amazon
/// Chime SDK depends on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CreateMeetingRequest {
    /// The idempotency token: 2 to 64 of `[-_a-zA-Z0-9]`.
    pub client_request_token: String,
    /// The client's own id for the meeting: 2 to 64 characters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external_meeting_id: Option<String>,
    /// Where the meeting's media plane is to be.
    pub media_region: MediaRegion,
    /// Reserved: 2 to 64 characters, kept and never answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meeting_host_id: Option<String>,
    /// Who is to hear of the meeting. To name nobody is to leave it out.
    #[serde(skip_serializing_if = "NotificationsConfiguration::is_empty")]
    pub notifications_configuration: NotificationsConfiguration,
    /// At most 50 tags. Their order means nothing.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<String, String>,
}

/// Who is to hear of a meeting.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NotificationsConfiguration {
    /// The ARN of an SNS topic.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sns_topic_arn: Option<String>,
    /// The ARN of an SQS queue.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqs_queue_arn: Option<String>,
}

impl NotificationsConfiguration {
    fn is_empty(&self) -> bool {
        self.sns_topic_arn.is_none() && self.sqs_queue_arn.is_none()
    }
}

impl CreateMeetingRequest {
    /// The request that a body holds. Unknown members are ignored, and `null` is absent.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object, or
    /// every constraint that it breaks.
    pub fn from_json(body: &[u8]) -> Result<Self, Error> {
        let members: Members = parse_body(body)?;
        let mut violations = Violations::default();
        let request = members.validate(&mut violations);
        violations.or(request)
    }

    /// The request that a body of `CreateMeetingWithAttendees` holds, and its attendees: none, or up to ten.
    ///
    /// # Errors
    /// As those of [`Self::from_json`].
    pub fn with_attendees_from_json(body: &[u8]) -> Result<(Self, Vec<Attendee>), Error> {
        let mut members: Members = parse_body(body)?;
        let given = members.attendees.take();
        let mut violations = Violations::default();
        let request = members.validate(&mut violations);
        let attendees = violations.attendees(&"attendees", given, 1..=10);
        violations.or((request, attendees))
    }

    /// The members, by the API page's names, in which two requests with one token differ.
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

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Members<'a> {
    #[serde(borrow)]
    client_request_token: Given<'a>,
    external_meeting_id: Given<'a>,
    media_region: Given<'a>,
    meeting_host_id: Given<'a>,
    notifications_configuration: Given<'a>,
    tags: Given<'a>,
    /// Of `CreateMeetingWithAttendees` alone.
    attendees: Given<'a>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct NotificationsMembers<'a> {
    #[serde(borrow)]
    sns_topic_arn: Given<'a>,
    sqs_queue_arn: Given<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TagMembers<'a> {
    #[serde(borrow)]
    key: Given<'a>,
    value: Given<'a>,
}

impl Members<'_> {
    /// The request, which is one only if `violations` stays empty.
    fn validate(self, violations: &mut Violations) -> CreateMeetingRequest {
        CreateMeetingRequest {
            client_request_token: violations
                .token(&"clientRequestToken", self.client_request_token),
            external_meeting_id: violations
                .external_meeting_id(&"externalMeetingId", self.external_meeting_id),
            media_region: violations.media_region(&"mediaRegion", self.media_region),
            meeting_host_id: violations.string(&"meetingHostId", self.meeting_host_id, 2..=64),
            notifications_configuration: violations
                .notifications(&"notificationsConfiguration", self.notifications_configuration),
            tags: violations.tags(&"tags", self.tags),
        }
    }
}

impl Violations {
    fn token(&mut self, path: Path, given: Given) -> String {
        let token = self.required_string(path, given, 2..=64);
        if !token.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c)) {
            self.note(path, "satisfy regular expression pattern: [-_a-zA-Z0-9]*");
        }
        token
    }

    fn external_meeting_id(&mut self, path: Path, given: Given) -> Option<String> {
        let id = self.string(path, given, 2..=64)?;
        if id.starts_with(NO_EXTERNAL_MEETING_ID) {
            self.note(path, format_args!("not begin with {NO_EXTERNAL_MEETING_ID}"));
        }
        Some(id)
    }

    fn media_region(&mut self, path: Path, given: Given) -> MediaRegion {
        let Some(name) = self.string(path, given, 0..=usize::MAX) else {
            return MediaRegion::default();
        };
        MediaRegion::named(&name).unwrap_or_else(|| {
            let names = MediaRegion::NAMES.join(", ");
            self.note(path, format_args!("satisfy enum value set: [{names}]"));
            MediaRegion::default()
        })
    }

    fn notifications(&mut self, path: Path, given: Given) -> NotificationsConfiguration {
        let members: NotificationsMembers = self.object(path, given).unwrap_or_default();
        let topic = format_args!("{path}.snsTopicArn");
        let queue = format_args!("{path}.sqsQueueArn");
        NotificationsConfiguration {
            sns_topic_arn: self.arn(&topic, members.sns_topic_arn, "sns", "an SNS topic"),
            sqs_queue_arn: self.arn(&queue, members.sqs_queue_arn, "sqs", "an SQS queue"),
        }
    }

    fn arn(&mut self, path: Path, given: Given, service: &str, resource: &str) -> Option<String> {
        let arn = self.string(path, given, 1..=1024)?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || "/:-_.".contains(c);
        if !arn
            .strip_prefix("arn")
            .is_some_and(|rest| !rest.is_empty() && rest.chars().all(allowed))
        {
            self.note(path, r"satisfy regular expression pattern: ^arn[\/\:\-\_\.a-zA-Z0-9]+$");
        } else if !is_arn_of(service, &arn) {
            self.note(
                path,
                format_args!(
                    "be the ARN of {resource}: arn:partition:{service}:region:account:name"
                ),
            );
        }
        Some(arn)
    }

    fn tags(&mut self, path: Path, given: Given) -> BTreeMap<String, String> {
        let mut tags = BTreeMap::new();
        for (number, tag) in self.array(path, given, 1..=50) {
            let path = format_args!("{path}.{number}.member");
            let Some((key, value)) = self.tag(&path, tag) else { continue };
            if tags.insert(key.clone(), value).is_some() && !key.is_empty() {
                self.note(&format_args!("{path}.key"), "not be the key of an earlier tag");
            }
        }
        tags
    }

    fn tag(&mut self, path: Path, given: Given) -> Option<(String, String)> {
        let members: TagMembers = self.required_object(path, given)?;
        let key_path = format_args!("{path}.key");
        let value_path = format_args!("{path}.value");
        let key = self.required_string(&key_path, members.key, 1..=128);
        if key.get(..4).is_some_and(|prefix| prefix.eq_ignore_ascii_case("aws:")) {
            self.note(&key_path, "not begin with aws: in any case of letters");
        }
        Some((key, self.required_string(&value_path, members.value, 1..=256)))
    }
}

/// Whether `arn` is `arn:partition:service:region:account:name` of this service, with nothing
/// behind the name (a subscription's ARN begins like its topic's).
fn is_arn_of(service: &str, arn: &str) -> bool {
    let parts: Vec<&str> = arn.split(':').collect();
    let is_account = |id: &str| id.len() == 12 && id.bytes().all(|b| b.is_ascii_digit());
    matches!(
        parts[..],
        ["arn", partition, its_service, region, account, name]
            if partition.starts_with("aws")
                && its_service == service
                && !region.is_empty()
                && is_account(account)
                && !name.is_empty()
                && !name.contains('/')
    )
}
