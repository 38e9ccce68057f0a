//! The parameters of operations that create attendees, and their validation.
//!
//! The constraints are those of Amazon Chime's service model, and the pattern of the Amazon Chime SDK. Tags are
//! accepted and dropped, because attendees of the Amazon Chime SDK have none.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::patterns;
use super::validation::{NOT_RESERVED, Raw, Validator, parse_body};
use crate::error::Error;

/// An attendee to create, in the form that the Amazon Chime SDK expects.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attendee {
    /// The client's own ID for the attendee. By this ID, the service recognizes a repeated request.
    pub external_user_id: String,
    /// What the attendee may send and receive. Clients of the Amazon Chime SDK send it, and the service validates it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub capabilities: Option<Box<RawValue>>,
}

/// Attendees to create, in the form that the Amazon Chime SDK expects.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Attendees<'a> {
    /// 1 to 100 attendees.
    pub attendees: Cow<'a, [Attendee]>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAttendee<'a> {
    #[serde(borrow)]
    external_user_id: Raw<'a>,
    capabilities: Raw<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct RawAttendees<'a> {
    #[serde(borrow)]
    attendees: Raw<'a>,
}

impl Attendee {
    /// Parses a body of `CreateAttendee`.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object.
    pub fn from_json(body: &[u8], validator: &mut Validator) -> Result<Self, Error> {
        let members: RawAttendee = parse_body(body)?;
        Ok(members.validate("externalUserId", validator))
    }
}

impl Attendees<'_> {
    /// Parses a body of `BatchCreateAttendee`.
    ///
    /// # Errors
    /// Those of [`Attendee::from_json`].
    pub fn from_json(body: &[u8], validator: &mut Validator) -> Result<Self, Error> {
        let members: RawAttendees = parse_body(body)?;
        if members.attendees.is_none() {
            validator.violated("attendees", "not be null");
        }
        let attendees = validator.attendees("attendees", members.attendees, 1..=100);
        Ok(Self { attendees: attendees.into() })
    }
}

impl RawAttendee<'_> {
    fn validate(self, path: impl Display + Copy, validator: &mut Validator) -> Attendee {
        let external_user_id = validator.required_string(path, self.external_user_id, 2..=64);
        if patterns::is_reserved(&external_user_id) {
            validator.violated(path, NOT_RESERVED);
        } else if !patterns::is_external_id(&external_user_id) {
            let pattern = patterns::EXTERNAL_ID;
            validator.violated(path, format_args!("satisfy regular expression pattern: {pattern}"));
        }
        Attendee { external_user_id, capabilities: self.capabilities.map(ToOwned::to_owned) }
    }
}

impl Validator {
    pub(super) fn attendees(
        &mut self,
        path: impl Display + Copy,
        raw: Raw,
        length: RangeInclusive<usize>,
    ) -> Vec<Attendee> {
        let mut attendees = Vec::new();
        for (number, item) in self.array(path, raw, length) {
            let path = format_args!("{path}.{number}.member");
            let Some(members) = self.required_object::<RawAttendee>(path, item) else {
                continue;
            };
            attendees.push(members.validate(format_args!("{path}.externalUserId"), self));
        }
        attendees
    }
}
