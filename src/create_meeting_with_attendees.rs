//! The operation `CreateMeetingWithAttendees`: a meeting, once for its token, and then its attendees.
//!
//! A replay asks for the attendees, too. The Amazon Chime SDK recognizes them by their `ExternalUserId`, so nobody
//! is added twice, and no join token is stored.

use std::time::SystemTime;

use tokio::time::Instant;

use crate::attempts::ServiceCall;
use crate::create_meeting::{Answer, CreateMeeting};
use crate::error::{Error, ErrorKind};
use crate::relay::{CreatedAttendees, Relay};
use crate::request::CreateMeetingRequest;
use crate::request::attendees::Attendee;

/// How much of the time budget the meeting has, in percent. The attendees have the rest.
const MEETING: u32 = 65;

/// Creates the meeting that `request` asks for, and its attendees, by `deadline`. What it takes is added to
/// `calls`.
///
/// # Errors
/// Those of [`CreateMeeting::call`] and of [`Relay::create_attendees`]. `BadRequest` if the token's meeting has
/// just ended.
pub async fn call(
    (create_meeting, relay): (&CreateMeeting, &Relay),
    account_id: &str,
    (request, attendees): (CreateMeetingRequest, Vec<Attendee>),
    now: SystemTime,
    deadline: Instant,
    calls: &mut Vec<ServiceCall>,
) -> Result<(Answer, CreatedAttendees), Error> {
    let started = Instant::now();
    let create_by = started + deadline.saturating_duration_since(started) * MEETING / 100;
    let answer = create_meeting.call(account_id, request, now, create_by, calls).await?;
    if attendees.is_empty() {
        return Ok((answer, CreatedAttendees::default()));
    }
    let meeting_id = &answer.meeting.meeting_id;
    let created = relay.create_attendees(meeting_id, attendees, deadline, calls).await;
    let created = created.map_err(|error| match error.kind() {
        ErrorKind::NotFound => Error::bad_request(
            "The meeting of this ClientRequestToken has ended. Use another token, or retry in a minute.",
        )
        .caused_by(error),
        _ => error,
    })?;
    Ok((answer, created))
}
