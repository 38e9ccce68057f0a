//! The operation: creates a meeting, or replays the one that its token has created before.
//!
//! With the media plane `templates`, it is one step: **put**. The item's condition decides, and the rejected
//! write returns the existing item.
//!
//! With `chime-sdk-meetings` there are four steps, so that clients only ever get one meeting:
//!
//! 1. **read**: an unexpired item answers the request. This is how retries end, without any other call.
//! 2. **check**: an older item's meeting may have ended. If it has, the token is free again.
//! 3. **create**: the Amazon Chime SDK proposes a meeting.
//! 4. **put**: the item decides, as above. A client only gets a meeting that is in the table. A meeting that
//!    loses is not deleted, because it may be the winner's: it ends by itself, without attendees.
//!
//! `model/` checks this protocol by exhausting its interleavings.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;
use uuid::Uuid;

use crate::attempts::ServiceCall;
use crate::error::{Error, ErrorKind};
use crate::media_plane::chime_sdk_meetings::ChimeSdkMeetings;
use crate::media_plane::{Created, MediaPlane};
use crate::meeting::Meeting;
use crate::request::CreateMeetingRequest;
use crate::store::{Item, Store};

/// `CreateMeeting`, ready to be called.
#[derive(Debug)]
pub struct CreateMeeting {
    /// Where meetings are kept.
    pub store: Store,
    /// Where they come from.
    pub media_plane: MediaPlane,
    /// How long they live.
    pub meeting_lifetime: Duration,
    /// How many of them an account may create in a UTC day, if there is a limit.
    pub daily_limit: Option<NonZeroU32>,
}

/// A meeting, and how it came about.
#[derive(Debug)]
pub struct Answer {
    /// The meeting.
    pub meeting: Meeting,
    /// Whether an earlier request created it.
    pub replayed: bool,
    /// The members that were withheld from the Amazon Chime SDK. They are stored.
    pub not_sent: Vec<&'static str>,
}

/// When each step must be done, in percent of the time budget.
const READ: u32 = 20;
const CHECK: u32 = 45;
const CREATE: u32 = 70;
/// What the put must have left.
const LEAST_FOR_PUT: u32 = 25;

/// One request: who asks for what, when, and how much time there is.
struct Invocation<'a> {
    account_id: &'a str,
    request: CreateMeetingRequest,
    since_1970: Duration,
    started: Instant,
    deadline: Instant,
}

impl Invocation<'_> {
    fn share(&self, percent: u32) -> Duration {
        self.deadline.saturating_duration_since(self.started) * percent / 100
    }

    /// The answer that an existing item gives, from an earlier request.
    fn replay(&self, existing: Item) -> Result<Answer, Error> {
        let differing = existing.request.differing_members(&self.request);
        if differing.is_empty() {
            return Ok(Answer { meeting: existing.into(), replayed: true, not_sent: Vec::new() });
        }
        Err(Error::new(
            ErrorKind::Conflict,
            format!(
                "The ClientRequestToken was used before for another request, which differs in \
                 {}. Use a different token for a different meeting.",
                differing.join(", "),
            ),
        ))
    }
}

impl CreateMeeting {
    /// Creates the meeting that `request` asks for, once for a caller's account and token. It is
    /// `now`, and there is an answer by `deadline`. What it takes is added to `calls`.
    ///
    /// # Errors
    /// `Conflict` if the token was used for an unexpired meeting that was asked for differently, and the errors
    /// of the [`Store`] and of the media plane.
    pub async fn call(
        &self,
        account_id: &str,
        request: CreateMeetingRequest,
        now: SystemTime,
        deadline: Instant,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Answer, Error> {
        let since_1970 = now.duration_since(UNIX_EPOCH).map_err(Error::service_failure)?;
        let started = Instant::now();
        let invocation = Invocation { account_id, request, since_1970, started, deadline };
        match &self.media_plane {
            MediaPlane::Templates(templates) => {
                let meeting_id = Uuid::new_v4();
                let region = invocation.request.media_region;
                let created = Created {
                    meeting_id: meeting_id.to_string(),
                    media_placement: templates.place(meeting_id, region),
                    write_id: None,
                    not_sent: Vec::new(),
                };
                self.put(invocation, created, None, calls).await
            }
            // Boxed, so that the other media plane's future stays small.
            MediaPlane::ChimeSdkMeetings(chime) => {
                Box::pin(self.create_once(chime, invocation, calls)).await
            }
        }
    }

    async fn create_once(
        &self,
        chime: &ChimeSdkMeetings,
        invocation: Invocation<'_>,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Answer, Error> {
        let Invocation { account_id, ref request, since_1970, started, .. } = invocation;
        let seconds = since_1970.as_secs();
        let key = (account_id, &*request.client_request_token);
        let read_by = started + invocation.share(READ);
        let found = self.store.read(key, self.daily_limit, seconds, read_by, calls).await?;
        let mut ended = None;
        if let Some(existing) = found.item {
            if existing.age(seconds) >= chime.bucket() {
                let check_by = started + invocation.share(CHECK);
                let has_ended = chime.check(&existing.meeting_id, check_by, calls).await;
                ended = has_ended.then(|| existing.meeting_id.clone());
            }
            if ended.is_none() {
                return invocation.replay(existing);
            }
        }
        if let Some(limit_reached) = found.limit_reached {
            return Err(limit_reached);
        }
        let create_by = started + invocation.share(CREATE);
        let created = chime.create(account_id, request, seconds, create_by, calls).await?;
        let left = invocation.deadline.saturating_duration_since(Instant::now());
        if left < invocation.share(LEAST_FOR_PUT) {
            return Err(Error::service_unavailable("there is no time left to store the meeting"));
        }
        self.put(invocation, created, ended.as_deref(), calls).await
    }

    /// Stores the meeting, unless there is an unexpired one of the same key that is not `ended`.
    async fn put(
        &self,
        invocation: Invocation<'_>,
        created: Created,
        ended: Option<&str>,
        calls: &mut Vec<ServiceCall>,
    ) -> Result<Answer, Error> {
        let Invocation { account_id, since_1970, deadline, .. } = invocation;
        let seconds = since_1970.as_secs();
        let expires = since_1970 + self.meeting_lifetime;
        let item = Item {
            account_id: account_id.to_owned(),
            request: invocation.request,
            meeting_id: created.meeting_id,
            media_placement: created.media_placement,
            created_at: since_1970,
            // Items expire at whole seconds. Rounded up, no meeting lives shorter than its lifetime.
            expires_at: expires.as_secs() + u64::from(expires.subsec_nanos() > 0),
            write_id: created.write_id,
        };
        let existing =
            self.store.put(&item, ended, self.daily_limit, seconds, deadline, calls).await?;
        match existing {
            Some(existing) if !existing.is_written_with(&item) => {
                Invocation { request: item.request, ..invocation }.replay(existing)
            }
            _ => Ok(Answer { meeting: item.into(), replayed: false, not_sent: created.not_sent }),
        }
    }
}

impl From<Item> for Meeting {
    fn from(item: Item) -> Self {
        Self {
            meeting_id: item.meeting_id,
            external_meeting_id: item.request.external_meeting_id,
            media_region: item.request.media_region,
            media_placement: item.media_placement,
        }
    }
}
