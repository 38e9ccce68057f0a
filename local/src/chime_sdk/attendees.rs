//! Operations on attendees.

use std::ops::Bound::{Excluded, Unbounded};

use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use super::meetings::{Meeting, Region};

/// AWS's quota per meeting.
const MAX_ATTENDEES: usize = 250;
const MAX_RESULTS: usize = 100;

impl Region {
    pub fn create_meeting_with_attendees(&mut self, input: &Value) -> Result<Value, Error> {
        let mut output = self.create_meeting(input)?;
        let meeting_id = &output["Meeting"]["MeetingId"];
        let batch = json!({"MeetingId": meeting_id, "Attendees": input["Attendees"]});
        let attendees = self.batch_create_attendee(&batch)?;
        output["Attendees"] = attendees["Attendees"].clone();
        output["Errors"] = attendees["Errors"].clone();
        Ok(output)
    }

    pub fn create_attendee(&mut self, input: &Value) -> Result<Value, Error> {
        Ok(json!({"Attendee": self.meeting(input)?.attend(input)?}))
    }

    pub fn batch_create_attendee(&mut self, input: &Value) -> Result<Value, Error> {
        let meeting = self.meeting(input)?;
        let (mut attendees, mut errors) = (Vec::new(), Vec::new());
        for item in input["Attendees"].as_array().into_iter().flatten() {
            match meeting.attend(item) {
                Ok(attendee) => attendees.push(attendee),
                Err(error) => errors.push(json!({
                    "ExternalUserId": item["ExternalUserId"],
                    "ErrorCode": error.code(),
                    "ErrorMessage": error.message,
                })),
            }
        }
        Ok(json!({"Attendees": attendees, "Errors": errors}))
    }

    pub fn get_attendee(&mut self, input: &Value) -> Result<Value, Error> {
        let meeting = self.meeting(input)?;
        Ok(json!({"Attendee": meeting.attendees[&meeting.number(input)?]}))
    }

    /// The next token is the number of the last attendee of a page, with characters that a query must
    /// encode.
    pub fn list_attendees(&mut self, input: &Value) -> Result<Value, Error> {
        let last = match input["NextToken"].as_str() {
            Some(token) => token.strip_suffix("+/=").and_then(|number| number.parse().ok()),
            None => Some(0),
        };
        let last: u64 = last.ok_or_else(|| Error::bad_request("The NextToken is not valid."))?;
        let results = input["MaxResults"].as_u64().and_then(|results| results.try_into().ok());
        let attendees = &self.meeting(input)?.attendees;
        let mut rest = attendees.range((Excluded(last), Unbounded));
        let page: Vec<_> = rest.by_ref().take(results.unwrap_or(MAX_RESULTS)).collect();
        let next_token = rest.next().and(page.last()).map(|(number, _)| format!("{number}+/="));
        let page: Vec<_> = page.into_iter().map(|(_, attendee)| attendee).collect();
        Ok(json!({"Attendees": page, "NextToken": next_token}))
    }

    pub fn delete_attendee(&mut self, input: &Value) -> Result<Value, Error> {
        let meeting = self.meeting(input)?;
        let number = meeting.number(input)?;
        meeting.attendees.remove(&number);
        Ok(Value::Null)
    }
}

impl Meeting {
    /// The attendee with the input's `ExternalUserId`, created if there is none.
    fn attend(&mut self, input: &Value) -> Result<Value, Error> {
        let mut attendees = self.attendees.values();
        let user = &input["ExternalUserId"];
        if let Some(attendee) = attendees.find(|attendee| attendee["ExternalUserId"] == *user) {
            return Ok(attendee.clone());
        }
        if self.attendees.len() == MAX_ATTENDEES {
            return Err(Error::limit_exceeded("The meeting has the maximum number of attendees."));
        }
        let capabilities = input.get("Capabilities").cloned().unwrap_or_else(
            || json!({"Audio": "SendReceive", "Video": "SendReceive", "Content": "SendReceive"}),
        );
        let attendee = json!({
            "ExternalUserId": user,
            "AttendeeId": Uuid::new_v4(),
            "JoinToken": format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()),
            "Capabilities": capabilities,
        });
        let number = self.attendees.last_key_value().map_or(1, |(last, _)| last + 1);
        self.attendees.insert(number, attendee.clone());
        Ok(attendee)
    }

    /// The number of the attendee that an input names.
    fn number(&self, input: &Value) -> Result<u64, Error> {
        let mut attendees = self.attendees.iter();
        let found = attendees.find(|(_, attendee)| attendee["AttendeeId"] == input["AttendeeId"]);
        let (number, _) = found.ok_or_else(|| Error::not_found("The attendee was not found"))?;
        Ok(*number)
    }
}
