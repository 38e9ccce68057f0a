//! The operations that this endpoint supports, a file each.
//!
//! An operation performs a request for an authorized account, within an invocation:
//! `perform(account, route, invocation) -> Result<Response, Error>`. Only `meeting_ended` has no client: an event asks for
//! it.

pub mod create_meeting;
pub mod create_meeting_with_attendees;
pub mod list_meetings;
pub mod meeting_ended;
pub mod relay;
