//! The operation `CreateMeetingWithAttendees`: creates a meeting, exactly once per token, and then its attendees.
//!
//! A replay creates the attendees, too. The Amazon Chime SDK recognizes them by their `ExternalUserId`, so nobody is
//! added twice, and no join token has to be stored.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::attempts::ServiceCall;
use crate::caller::AuthorizedAccount;
use crate::create_meeting::{CreateMeeting, CreateMeetingOutput};
use crate::error::{Error, ErrorKind};
use crate::relay::{CreatedAttendees, Relay};
use crate::request::CreateMeetingRequest;
use crate::request::attendees::Attendee;

/// By when the meeting must be created, in percent of the time budget. The attendees take one call, so they get less.
const MEETING_BY: u32 = 65;

/// Creates the meeting of `request`, and `attendees`, by `deadline`. The calls of remote services are added to `calls`.
///
/// # Errors
/// Those of [`CreateMeeting::call`] and of [`Relay::create_attendees`]. `BadRequest` if the token's meeting ended so
/// recently that the check did not notice.
pub async fn call(
    (create_meeting, relay): (&CreateMeeting, &Relay),
    account: AuthorizedAccount<'_>,
    (request, attendees): (CreateMeetingRequest, Vec<Attendee>),
    now: SystemTime,
    deadline: Instant,
    calls: &mut Vec<ServiceCall>,
) -> Result<(CreateMeetingOutput, CreatedAttendees), Error> {
    let started = Instant::now();
    let create_by = started + deadline.saturating_duration_since(started) * MEETING_BY / 100;
    let output = create_meeting.call(account, request, now, create_by, calls).await?;
    if attendees.is_empty() {
        return Ok((output, CreatedAttendees::default()));
    }
    let meeting_id = &output.meeting.meeting_id;
    let created = relay.create_attendees(account, meeting_id, attendees, deadline, calls).await;
    let created = created.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::bad_request(
            "The meeting of this ClientRequestToken has ended. Use another token, or retry in a minute.",
        )
        .caused_by(error),
        _ => error,
    })?;
    Ok((output, created))
}
