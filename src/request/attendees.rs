//! The attendees that a client asks for, and every constraint on them.
//!
//! The constraints are those of Amazon Chime's service model, and the pattern of the Amazon Chime SDK. The
//! service's attendees have no tags, so tags are accepted and dropped.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::violations::{Given, Path, Violations, parse_body};
use crate::chime_sdk::patterns;
use crate::error::Error;

/// An attendee to create, as the Amazon Chime SDK is asked for it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attendee {
    /// The client's own ID for the attendee, by which the service recognizes a repeated request.
    pub external_user_id: String,
    /// What the attendee may send and receive. Clients of the Amazon Chime SDK send it, and the service checks
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Box<RawValue>>,
}

/// Attendees to create, as the Amazon Chime SDK is asked for them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attendees {
    /// Between 1 and 100.
    pub attendees: Vec<Attendee>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttendeeMembers<'a> {
    #[serde(borrow)]
    external_user_id: Given<'a>,
    capabilities: Given<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AttendeesMembers<'a> {
    #[serde(borrow)]
    attendees: Given<'a>,
}

impl Attendee {
    /// The attendee that a body of `CreateAttendee` holds. It is valid only if `violations` stays empty.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object.
    pub fn from_json(body: &[u8], violations: &mut Violations) -> Result<Self, Error> {
        let members: AttendeeMembers = parse_body(body)?;
        Ok(members.validate(&"externalUserId", violations))
    }
}

impl Attendees {
    /// The attendees that a body of `BatchCreateAttendee` holds. They are valid only if `violations` stays
    /// empty.
    ///
    /// # Errors
    /// As those of [`Attendee::from_json`].
    pub fn from_json(body: &[u8], violations: &mut Violations) -> Result<Self, Error> {
        let members: AttendeesMembers = parse_body(body)?;
        if members.attendees.is_none() {
            violations.note(&"attendees", "not be null");
        }
        Ok(Self { attendees: violations.attendees(&"attendees", members.attendees, 1..=100) })
    }
}

impl AttendeeMembers<'_> {
    fn validate(self, path: Path, violations: &mut Violations) -> Attendee {
        let external_user_id = violations.required_string(path, self.external_user_id, 2..=64);
        if patterns::is_reserved(&external_user_id) {
            violations.note(path, "not begin with aws: in any case of letters");
        } else if !patterns::is_external_id(&external_user_id) {
            let pattern = patterns::EXTERNAL_ID;
            violations.note(path, format_args!("satisfy regular expression pattern: {pattern}"));
        }
        Attendee { external_user_id, capabilities: self.capabilities.map(ToOwned::to_owned) }
    }
}

impl Violations {
    pub(super) fn attendees(
        &mut self,
        path: Path,
        given: Given,
        length: RangeInclusive<usize>,
    ) -> Vec<Attendee> {
        let mut attendees = Vec::new();
        for (number, item) in self.array(path, given, length) {
            let path = format_args!("{path}.{number}.member");
            let Some(members) = self.required_object::<AttendeeMembers>(&path, item) else {
                continue;
            };
            attendees.push(members.validate(&format_args!("{path}.externalUserId"), self));
        }
        attendees
    }
}
