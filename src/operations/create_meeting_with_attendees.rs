//! The operation `CreateMeetingWithAttendees`: creates a meeting, exactly once per token, and then its attendees.
//!
//! A replay creates the attendees as well, which completes a request that died in between. The Amazon Chime SDK
//! recognizes attendees by their `ExternalUserId`, so nobody is added twice, and no join token has to be stored.

use serde::Serialize;

use super::create_meeting::{CreateMeeting, CreatedMeeting, ended_again};
use super::relay::{CreatedAttendees, create_attendees};
use crate::caller::AuthorizedAccount;
use crate::error::{Error, ErrorKind};
use crate::invocation::Invocation;
use crate::media_plane::chime_sdk_meetings::ChimeSdkMeetings;
use crate::meeting::{Guid, Meeting};
use crate::operation::Route;
use crate::request::create_meeting::CreateMeetingWithAttendeesRequest;
use crate::response::Response;

// Deadlines as percentages of the time budget. The attendees take one call, so they get less than the meeting.
const MEETING_BY: u32 = 65;
const ATTENDEES_BY: u32 = 90;

/// The operation, with what it needs.
#[derive(Clone, Copy, Debug)]
pub struct CreateMeetingWithAttendees<'a> {
    /// Creates the meeting.
    pub create_meeting: &'a CreateMeeting,
    /// The Amazon Chime SDK's meetings.
    pub chime: &'a ChimeSdkMeetings,
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
    /// If the token's meeting turns out to have ended, the request starts again, once.
    ///
    /// # Errors
    /// Those of [`CreateMeeting::create`] and of [`create_attendees`], and `BadRequest` for invalid parameters.
    pub async fn perform(
        &self,
        account: AuthorizedAccount<'_>,
        route: &Route<'_>,
        invocation: Invocation<'_>,
    ) -> Result<Response, Error> {
        let request =
            CreateMeetingWithAttendeesRequest::from_json(&route.request.bounded_json_body()?)?;
        let (created, attendees) = match self.attempt(account, &request, None, invocation).await? {
            (created, Some(attendees)) => (created, attendees),
            (ended, None) => {
                let ended = Some(ended.meeting.meeting_id);
                let invocation = invocation.restarted().ok_or_else(ended_again)?;
                let (created, attendees) =
                    self.attempt(account, &request, ended, invocation).await?;
                (created, attendees.ok_or_else(ended_again)?)
            }
        };
        let body = serde_json::to_string(&Body { meeting: &created.meeting, attendees });
        created.into_response(route.operation.status, body)
    }

    /// Creates the meeting and its attendees, or only finds that the meeting has ended.
    async fn attempt(
        &self,
        account: AuthorizedAccount<'_>,
        request: &CreateMeetingWithAttendeesRequest,
        ended: Option<Guid>,
        invocation: Invocation<'_>,
    ) -> Result<(CreatedMeeting, Option<CreatedAttendees>), Error> {
        let CreateMeetingWithAttendeesRequest { meeting, attendees } = request;
        let create_by = invocation.by(MEETING_BY);
        let created =
            self.create_meeting.create(account, meeting.clone(), ended, create_by).await?;
        if attendees.is_empty() {
            return Ok((created, Some(CreatedAttendees::default())));
        }
        let meeting_id = &created.meeting.meeting_id;
        let (client, by) = (self.chime.client(), invocation.by(ATTENDEES_BY));
        match create_attendees(client, meeting_id, attendees, by).await {
            Ok(attendees) => Ok((created, Some(attendees))),
            // The service may not know a young meeting yet.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if !self.chime.is_settled(created.created_at, invocation) {
                    return Err(Error::service_unavailable(error));
                }
                let marks = self.create_meeting.store.marks();
                let token = &meeting.client_request_token;
                let marked = marks.ended(account.id(), token, meeting_id, invocation).await;
                invocation.record.note_mark(marked);
                Ok((created, None))
            }
            Err(error) => Err(error),
        }
    }
}
