//! The operation `CreateMeetingWithAttendees`: creates a meeting, exactly once per token, and then its attendees.
//!
//! A replay creates the attendees as well, which completes a request that died in between. The Amazon Chime SDK
//! recognizes attendees by their `ExternalUserId`, so nobody is added twice, and no join token has to be stored.

use serde::Serialize;

use super::create_meeting::CreateMeeting;
use super::relay::{CreatedAttendees, create_attendees};
use crate::caller::AuthorizedAccount;
use crate::chime_sdk::ChimeSdk;
use crate::error::{Error, ErrorKind};
use crate::invocation::Invocation;
use crate::meeting::Meeting;
use crate::operation::Route;
use crate::request::create_meeting::CreateMeetingWithAttendeesRequest;
use crate::response::Response;

/// Deadline of the meeting, as a percentage of the time budget. The attendees take one call, so they get less.
const MEETING_BY: u32 = 65;

/// The operation, with what it needs.
#[derive(Clone, Copy, Debug)]
pub struct CreateMeetingWithAttendees<'a> {
    /// Creates the meeting.
    pub create_meeting: &'a CreateMeeting,
    /// Creates the attendees.
    pub client: &'a ChimeSdk,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    meeting: &'a Meeting,
    #[serde(flatten)]
    attendees: CreatedAttendees,
}

impl CreateMeetingWithAttendees<'_> {
    /// Performs the operation.
    ///
    /// # Errors
    /// Those of [`CreateMeeting::create`] and of [`create_attendees`]. `BadRequest` for invalid parameters, and if
    /// the token's meeting ended so recently that the check did not notice.
    pub async fn perform(
        &self,
        account: AuthorizedAccount<'_>,
        route: &Route<'_>,
        invocation: Invocation<'_>,
    ) -> Result<Response, Error> {
        let request =
            CreateMeetingWithAttendeesRequest::from_json(&route.request.bounded_json_body()?)?;
        let create_by = invocation.by(MEETING_BY);
        let created = self.create_meeting.create(account, request.meeting, create_by).await?;
        let attendees = if request.attendees.is_empty() {
            CreatedAttendees::default()
        } else {
            let meeting_id = &created.meeting.meeting_id;
            create_attendees(self.client, meeting_id, request.attendees, invocation)
                .await
                .map_err(explain_ended_meeting)?
        };
        let body = serde_json::to_string(&Body { meeting: &created.meeting, attendees });
        created.into_response(route.operation.status, body)
    }
}

/// The token's meeting has ended, but its item is less than a minute old and was replayed unchecked.
fn explain_ended_meeting(error: Error) -> Error {
    match error.kind() {
        ErrorKind::NotFound => Error::bad_request(
            "The meeting of this ClientRequestToken has ended. Use another token, or retry in a minute.",
        )
        .caused_by(error),
        _ => error,
    }
}
