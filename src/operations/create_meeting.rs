//! The operation `CreateMeeting`: creates a meeting, or replays the one that an earlier request with the same token
//! created.
//!
//! A client that gets no response sends its request again, and perhaps the first one succeeded. So the token must stand
//! for one meeting, whatever fails in between, and however many requests with it arrive at the same moment.
//!
//! With the media plane `templates`, that takes one step, the **put**: a conditional write picks one winner among all
//! requests with the token. The write of every other request is rejected, and returns the winner's item, which
//! determines that request's response.
//!
//! With `chime-sdk-meetings`, another service creates the meeting, and a write cannot be conditional on what happens
//! there. It takes four steps:
//!
//! 1. **read**: an unexpired item determines the response: the request is a replay, or if it differs, usually a conflict.
//!    Without this step, every retry would create another meeting in the Amazon Chime SDK. If the item is marked, its
//!    meeting has ended: the token can be used again.
//! 2. **check**: the meeting may have ended without a mark, and nobody could join it. So an item is checked, once in two
//!    minutes.
//! 3. **create**: the Amazon Chime SDK proposes a meeting. Its token makes a repeated request get the same meeting, as
//!    long as the service remembers it. Nothing depends on how long that is.
//! 4. **put**: a conditional write picks the winner, as above. It also stores whose the meeting is. A client only gets a
//!    meeting that is in the table.
//!
//! A meeting can end between two steps. Then the request starts again, once.
//!
//! If this process dies between two steps, nothing has to be cleaned up: before the put, the table is as it was, and
//! the client's retry begins anew. The losing meeting is kept, because it may be the winner's. Unattended, it ends on
//! its own.
//!
//! `tests/protocol/` checks this protocol in every order of events within a bound.

use std::time::Duration;

use serde::Serialize;
use uuid::Uuid;

use crate::caller::AuthorizedAccount;
use crate::error::{Error, ErrorKind};
use crate::invocation::Invocation;
use crate::media_plane::chime_sdk_meetings::{Check, ChimeSdkMeetings};
use crate::media_plane::{MediaPlane, NewMeeting};
use crate::meeting::{Guid, Meeting};
use crate::operation::Route;
use crate::request::create_meeting::CreateMeetingRequest;
use crate::response::{Outcome, Response};
use crate::store::{Rejection, Store, StoredMeeting};

/// The operation, with what it needs.
#[derive(Debug)]
pub struct CreateMeeting {
    /// The table of meetings.
    pub store: Store,
    /// The source of meetings.
    pub media_plane: MediaPlane,
    /// How long a meeting lives.
    pub meeting_lifetime: Duration,
    /// Whether a token that is used for another request replays its meeting. Otherwise, that request is rejected.
    pub replays_reused_tokens: bool,
}

/// A meeting that was created or replayed.
#[derive(Debug)]
pub struct CreatedMeeting {
    /// The meeting.
    pub meeting: Meeting,
    /// Whether an earlier request created it.
    pub is_replay: bool,
    /// When it was created, as the time since 1970.
    pub created_at: Duration,
    /// The request members that were stored but not sent to the Amazon Chime SDK.
    pub not_sent: Vec<&'static str>,
    /// The request members that differ from those of the replayed meeting.
    pub differing: Vec<&'static str>,
}

/// The result of one attempt to create a meeting.
enum Attempt {
    Done(CreatedMeeting),
    /// A meeting has ended meanwhile. The request can start again, and replace it.
    Ended(CreateMeetingRequest, Guid),
}

// Deadline of each step, as a percentage of the time budget. The later steps keep enough for an attempt that times out,
// and the put for three.
const READ_BY: u32 = 20;
const CHECK_BY: u32 = 45;
/// Only after the check.
const MARK_BY: u32 = 50;
/// Only after a put was denied.
const CHECK_PUTS_BY: u32 = 55;
const CREATE_BY: u32 = 70;
/// How much must be left for the put, as a percentage of the time budget.
const MIN_FOR_PUT: u32 = 25;

impl CreateMeeting {
    /// Performs the operation.
    ///
    /// # Errors
    /// `BadRequest` for invalid parameters, and those of [`Self::create`].
    pub async fn perform(
        &self,
        account: AuthorizedAccount<'_>,
        route: &Route<'_>,
        invocation: Invocation<'_>,
    ) -> Result<Response, Error> {
        let request = CreateMeetingRequest::from_json(&route.request.json_body()?)?;
        let created = self.create(account, request, None, invocation).await?;
        let body = serde_json::to_string(&Body { meeting: &created.meeting });
        created.into_response(route.operation.status, body)
    }

    /// Creates the meeting of `request`, exactly once per account and token. `ended` is a meeting of the token that is
    /// known to have ended.
    ///
    /// # Errors
    /// `Conflict` if the token has an unexpired meeting of a different request, unless such tokens replay their meeting,
    /// and the errors of the [`Store`] and of the media plane.
    pub async fn create(
        &self,
        account: AuthorizedAccount<'_>,
        request: CreateMeetingRequest,
        ended: Option<Guid>,
        invocation: Invocation<'_>,
    ) -> Result<CreatedMeeting, Error> {
        // Set once: an invocation creates one meeting.
        let _ = invocation.record.media_region.set(request.media_region);
        let (request, replaced) = match self.attempt(account, request, ended, invocation).await? {
            Attempt::Done(created) => return Ok(created),
            Attempt::Ended(request, replaced) => (request, replaced),
        };
        let invocation = invocation.restarted().ok_or_else(ended_again)?;
        match self.attempt(account, request, Some(replaced), invocation).await? {
            Attempt::Done(created) => Ok(created),
            Attempt::Ended(..) => Err(ended_again()),
        }
    }

    /// Creates or replays the meeting of `request`. `replaced` is a meeting that is known to have ended.
    async fn attempt(
        &self,
        account: AuthorizedAccount<'_>,
        request: CreateMeetingRequest,
        replaced: Option<Guid>,
        invocation: Invocation<'_>,
    ) -> Result<Attempt, Error> {
        match &self.media_plane {
            MediaPlane::Templates(templates) => {
                let meeting_id = Uuid::new_v4();
                let new = NewMeeting {
                    meeting_id: meeting_id.into(),
                    media_placement: templates.placement(meeting_id, request.media_region),
                    write_id: None,
                    not_sent: Vec::new(),
                };
                self.put(account, request, new, replaced.as_ref(), invocation).await
            }
            // Boxed to keep the future of the other media plane small.
            MediaPlane::ChimeSdkMeetings(chime) => {
                let steps = self.create_in_chime_sdk(chime, account, request, replaced, invocation);
                Box::pin(steps).await
            }
        }
    }

    /// The four steps of the media plane `chime-sdk-meetings`.
    async fn create_in_chime_sdk(
        &self,
        chime: &ChimeSdkMeetings,
        account: AuthorizedAccount<'_>,
        request: CreateMeetingRequest,
        mut replaced: Option<Guid>,
        invocation: Invocation<'_>,
    ) -> Result<Attempt, Error> {
        let token = &*request.client_request_token;
        let found = self.store.read(account.id(), token, invocation.by(READ_BY)).await?;
        if let Some(existing) = found.meeting {
            let has_ended =
                existing.ended_at.is_some() || replaced.as_ref() == Some(&existing.meeting_id);
            if !has_ended && !self.is_ended(chime, &existing, invocation).await {
                return self.replay(&request, existing);
            }
            replaced = Some(existing.meeting_id);
        }
        // The put counts exactly. This check only avoids calls to the Amazon Chime SDK for an account at its limit.
        if let Some(limit_reached) = self.store.limit_reached(found.created_today, invocation) {
            // The item and the count were not read at the same moment: the meeting that reached the limit may be the
            // one of this token.
            return match self.store.read_meeting(account.id(), token, invocation).await? {
                Some(live)
                    if live.ended_at.is_none() && Some(&live.meeting_id) != replaced.as_ref() =>
                {
                    self.replay(&request, live)
                }
                _ => Err(limit_reached),
            };
        }
        self.store.check_puts(invocation.by(CHECK_PUTS_BY)).await?;
        let by = invocation.by(CREATE_BY);
        let new = chime.create(account.id(), &request, replaced.as_ref(), by).await?;
        // A put that is cut short would leave a meeting that no client is told of.
        if !invocation.has_left(MIN_FOR_PUT) {
            return Err(Error::service_unavailable("there is no time left to store the meeting"));
        }
        self.put(account, request, new, replaced.as_ref(), invocation).await
    }

    /// Whether the meeting of an item has ended. Only the Amazon Chime SDK knows, and it is asked only once in a while,
    /// because its quota is shared. What it says is noted in the table.
    async fn is_ended(
        &self,
        chime: &ChimeSdkMeetings,
        existing: &StoredMeeting,
        invocation: Invocation<'_>,
    ) -> bool {
        if !chime.is_settled(existing.known_at(), invocation) {
            return false;
        }
        let check = chime.check(&existing.meeting_id, invocation.by(CHECK_BY)).await;
        let mark_by = invocation.by(MARK_BY);
        let marks = self.store.marks();
        let marked = match check {
            Check::Alive => marks.checked(existing, mark_by).await,
            Check::Ended => {
                let token = &existing.request.client_request_token;
                marks.ended(&existing.account_id, token, &existing.meeting_id, mark_by).await
            }
            Check::Unknown => Ok(()),
        };
        invocation.record.note_mark(marked);
        check == Check::Ended
    }

    /// Stores the meeting, unless the token has an unexpired one that is not `replaced`.
    async fn put(
        &self,
        account: AuthorizedAccount<'_>,
        request: CreateMeetingRequest,
        new: NewMeeting,
        replaced: Option<&Guid>,
        invocation: Invocation<'_>,
    ) -> Result<Attempt, Error> {
        let expires = invocation.arrived_at + self.meeting_lifetime;
        let meeting = StoredMeeting {
            account_id: account.id().to_owned(),
            request,
            meeting_id: new.meeting_id,
            media_placement: new.media_placement,
            created_at: invocation.arrived_at,
            // Items expire at whole seconds. Rounding up gives every meeting its full lifetime.
            expires_at: expires.as_secs() + u64::from(expires.subsec_nanos() > 0),
            write_id: new.write_id,
            checked_at: None,
            ended_at: None,
        };
        match self.store.put(&meeting, replaced, invocation).await? {
            // The Amazon Chime SDK remembered a token for longer than the table remembered its meeting.
            Some(Rejection::WasStoredBefore) => {
                Ok(Attempt::Ended(meeting.request, meeting.meeting_id))
            }
            Some(Rejection::TokenHas(existing)) if existing.ended_at.is_some() => {
                Ok(Attempt::Ended(meeting.request, existing.meeting_id))
            }
            // Not this invocation's own item, which an attempt finds if the response to an earlier one was lost.
            Some(Rejection::TokenHas(existing)) if !existing.has_same_writer(&meeting) => {
                self.replay(&meeting.request, *existing)
            }
            _ => Ok(Attempt::Done(CreatedMeeting {
                created_at: meeting.created_at,
                meeting: meeting.into(),
                is_replay: false,
                not_sent: new.not_sent,
                differing: Vec::new(),
            })),
        }
    }

    /// The response to a request whose token already has a meeting: that meeting. If the requests differ, the token was
    /// probably reused by mistake, so the request is rejected, unless such tokens replay their meeting.
    fn replay(
        &self,
        request: &CreateMeetingRequest,
        existing: StoredMeeting,
    ) -> Result<Attempt, Error> {
        let differing = existing.request.differing_members(request);
        if !differing.is_empty() && !self.replays_reused_tokens {
            return Err(Error::new(
                ErrorKind::Conflict,
                format!(
                    "This ClientRequestToken was already used with different values for: {}. \
                     Use a new token for a new meeting.",
                    differing.join(", "),
                ),
            ));
        }
        Ok(Attempt::Done(CreatedMeeting {
            created_at: existing.created_at,
            meeting: existing.into(),
            is_replay: true,
            not_sent: Vec::new(),
            differing,
        }))
    }
}

/// The error if meetings end faster than a request can replace them.
pub(super) fn ended_again() -> Error {
    Error::service_unavailable("the meeting ended while it was being created")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body<'a> {
    meeting: &'a Meeting,
}

impl CreatedMeeting {
    /// The response with this body.
    ///
    /// # Errors
    /// `ServiceFailure` if the body could not be serialized.
    pub fn into_response(
        self,
        status: u16,
        body: serde_json::Result<String>,
    ) -> Result<Response, Error> {
        Ok(Response {
            status,
            body: Some(body.map_err(Error::service_failure)?),
            outcome: if self.is_replay { Outcome::Replayed } else { Outcome::Created },
            meeting_id: Some(self.meeting.meeting_id),
            not_sent: self.not_sent,
            differing: self.differing,
        })
    }
}
