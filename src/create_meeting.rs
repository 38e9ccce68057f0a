//! The operation `CreateMeeting`: creates a meeting, or replays the one that an earlier request with the same token
//! created.
//!
//! With the media plane `templates`, this is a single step, the **put**: its condition decides, and a rejected put
//! returns the existing item.
//!
//! With `chime-sdk-meetings`, it takes four steps:
//!
//! 1. **read**: an unexpired item decides: the request is a replay, or a conflict if it differs. For a minute after the
//!    creation, no other call is needed.
//! 2. **check**: later, the item's meeting may have ended. If so, the token can be used again.
//! 3. **create**: the Amazon Chime SDK proposes a meeting.
//! 4. **put**: the condition decides, as above. Clients only get a meeting that is in the table. A meeting that loses is
//!    not deleted, because it may be the same as the winner's. Without attendees, it ends by itself.
//!
//! `tests/protocol/` checks this protocol in every order of events.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use uuid::Uuid;

use crate::attempts::ServiceCall;
use crate::caller::AuthorizedAccount;
use crate::error::{Error, ErrorKind};
use crate::media_plane::chime_sdk_meetings::ChimeSdkMeetings;
use crate::media_plane::{MediaPlane, NewMeeting};
use crate::meeting::Meeting;
use crate::request::CreateMeetingRequest;
use crate::store::{Store, StoredMeeting};

/// The operation, with what it needs.
#[derive(Debug)]
pub struct CreateMeeting {
    /// The table of meetings.
    pub store: Store,
    /// The source of meetings.
    pub media_plane: MediaPlane,
    /// How long a meeting lives.
    pub meeting_lifetime: Duration,
    /// How many meetings an account may create in a UTC day, if there is a limit.
    pub daily_limit: Option<NonZeroU32>,
}

/// The result of the operation.
#[derive(Debug)]
pub struct CreateMeetingOutput {
    /// The meeting.
    pub meeting: Meeting,
    /// Whether an earlier request created it.
    pub replayed: bool,
    /// The request members that were stored but not sent to the Amazon Chime SDK.
    pub not_sent: Vec<&'static str>,
}

// By when each step must be done, in percent of the time budget. The later steps keep enough for an attempt that times
// out, and the put for three.
const READ_BY: u32 = 20;
const CHECK_BY: u32 = 45;
const CREATE_BY: u32 = 70;
/// How much must be left for the put, in percent of the time budget.
const MIN_FOR_PUT: u32 = 25;

/// One execution of the operation: its input and its time budget.
struct Execution<'a> {
    account_id: &'a str,
    request: CreateMeetingRequest,
    since_1970: Duration,
    started: Instant,
    deadline: Instant,
}

impl Execution<'_> {
    /// A share of the time budget.
    fn share(&self, percent: u32) -> Duration {
        self.deadline.saturating_duration_since(self.started) * percent / 100
    }
}

/// The output of a request whose token already has a meeting.
fn replay(
    request: &CreateMeetingRequest,
    existing: StoredMeeting,
) -> Result<CreateMeetingOutput, Error> {
    let differing = existing.request.differing_members(request);
    if differing.is_empty() {
        let meeting = existing.into();
        return Ok(CreateMeetingOutput { meeting, replayed: true, not_sent: Vec::new() });
    }
    Err(Error::new(
        ErrorKind::Conflict,
        format!(
            "This ClientRequestToken was already used with different values for: {}. \
             Use a new token for a new meeting.",
            differing.join(", "),
        ),
    ))
}

impl CreateMeeting {
    /// Creates the meeting of `request`, exactly once per account and token. The request arrived at `now`, and the
    /// output is ready by `deadline`. The calls of remote services are added to `calls`.
    ///
    /// # Errors
    /// `Conflict` if the token has an unexpired meeting of a different request, and the errors of the [`Store`] and of
    /// the media plane.
    pub async fn call(
        &self,
        account: AuthorizedAccount<'_>,
        request: CreateMeetingRequest,
        now: SystemTime,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<CreateMeetingOutput, Error> {
        let since_1970 = now.duration_since(UNIX_EPOCH).map_err(Error::service_failure)?;
        let started = Instant::now();
        let execution =
            Execution { account_id: account.id(), request, since_1970, started, deadline };
        match &self.media_plane {
            MediaPlane::Templates(templates) => {
                let meeting_id = Uuid::new_v4();
                let region = execution.request.media_region;
                let new = NewMeeting {
                    meeting_id: meeting_id.to_string(),
                    media_placement: templates.placement(meeting_id, region),
                    write_id: None,
                    not_sent: Vec::new(),
                };
                self.put(execution, new, None, calls).await
            }
            // Boxed to keep the future of the other media plane small.
            MediaPlane::ChimeSdkMeetings(chime) => {
                Box::pin(self.create_in_chime_sdk(chime, execution, calls)).await
            }
        }
    }

    /// The four steps of the media plane `chime-sdk-meetings`.
    async fn create_in_chime_sdk(
        &self,
        chime: &ChimeSdkMeetings,
        execution: Execution<'_>,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<CreateMeetingOutput, Error> {
        let Execution { account_id, ref request, since_1970, started, .. } = execution;
        let now = since_1970.as_secs();
        let key = (account_id, &*request.client_request_token);
        let read_by = started + execution.share(READ_BY);
        let lookup = self.store.read(key, self.daily_limit, now, read_by).await.record(calls)?;
        let mut ended = None;
        if let Some(existing) = lookup.meeting {
            if existing.age(now) >= chime.check_after() {
                let check_by = started + execution.share(CHECK_BY);
                let has_ended = chime.has_ended(&existing.meeting_id, check_by, calls).await;
                ended = has_ended.then(|| existing.meeting_id.clone());
            }
            if ended.is_none() {
                return replay(request, existing);
            }
        }
        if let Some(limit_reached) = lookup.limit_reached {
            return Err(limit_reached);
        }
        let create_by = started + execution.share(CREATE_BY);
        let new = chime.create(account_id, request, now, create_by, calls).await?;
        let left = execution.deadline.saturating_duration_since(Instant::now());
        if left < execution.share(MIN_FOR_PUT) {
            return Err(Error::service_unavailable("there is no time left to store the meeting"));
        }
        self.put(execution, new, ended.as_deref(), calls).await
    }

    /// Stores the meeting, unless the token has an unexpired one that is not `ended`.
    async fn put(
        &self,
        execution: Execution<'_>,
        new: NewMeeting,
        ended: Option<&str>,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<CreateMeetingOutput, Error> {
        let Execution { account_id, since_1970, deadline, .. } = execution;
        let now = since_1970.as_secs();
        let expires = since_1970 + self.meeting_lifetime;
        let meeting = StoredMeeting {
            account_id: account_id.to_owned(),
            request: execution.request,
            meeting_id: new.meeting_id,
            media_placement: new.media_placement,
            created_at: since_1970,
            // Items expire at whole seconds. Rounding up gives every meeting its full lifetime.
            expires_at: expires.as_secs() + u64::from(expires.subsec_nanos() > 0),
            write_id: new.write_id,
        };
        let put = self.store.put(&meeting, ended, self.daily_limit, now, deadline).await;
        match put.record(calls)? {
            Some(existing) if !existing.has_same_writer(&meeting) => {
                replay(&meeting.request, existing)
            }
            _ => {
                let (meeting, not_sent) = (meeting.into(), new.not_sent);
                Ok(CreateMeetingOutput { meeting, replayed: false, not_sent })
            }
        }
    }
}

impl From<StoredMeeting> for Meeting {
    fn from(stored: StoredMeeting) -> Self {
        Self {
            meeting_id: stored.meeting_id,
            external_meeting_id: stored.request.external_meeting_id,
            media_region: stored.request.media_region,
            media_placement: stored.media_placement,
        }
    }
}
