//! The operation: creates a meeting, or replays the one that its token has created before.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use uuid::Uuid;

use crate::caller::AllowedCallers;
use crate::error::{Error, ErrorKind};
use crate::media_plane::MediaPlane;
use crate::meeting::Meeting;
use crate::request::CreateMeetingRequest;
use crate::store::{Call, Item, Store};

/// `CreateMeeting`, ready to be called.
#[derive(Debug)]
pub struct CreateMeeting {
    /// Where meetings are kept.
    pub store: Store,
    /// Where their URLs come from.
    pub media_plane: MediaPlane,
    /// How long they live.
    pub meeting_lifetime: Duration,
    /// Who may create them.
    pub allowed_callers: AllowedCallers,
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
}

impl CreateMeeting {
    /// Creates the meeting that `request` asks for, once for a caller's account and token. It is
    /// `now`, and there is an answer by the deadline of `call`.
    ///
    /// # Errors
    /// `Conflict` if the token stands for a live meeting that was asked for differently, and the
    /// [`Store`]'s errors.
    pub async fn call(
        &self,
        account_id: &str,
        request: CreateMeetingRequest,
        now: SystemTime,
        call: &Call,
    ) -> Result<Answer, Error> {
        let since_1970 = now.duration_since(UNIX_EPOCH).map_err(Error::service_failure)?;
        let expires = since_1970 + self.meeting_lifetime;
        // Whatever reads ISO 8601 reads milliseconds, and not always more.
        let created_at = DateTime::from(now).to_millis().map_err(Error::service_failure)?;
        let created_at = DateTime::from_millis(created_at).fmt(DateTimeFormat::DateTime);
        let meeting_id = Uuid::new_v4();
        let item = Item {
            account_id: account_id.to_owned(),
            meeting_id,
            media_placement: self.media_plane.place(meeting_id, request.media_region),
            created_at: created_at.map_err(Error::service_failure)?,
            // Items expire at whole seconds. Rounded up, no meeting lives shorter than its lifetime.
            expires_at: expires.as_secs() + u64::from(expires.subsec_nanos() > 0),
            request,
        };
        let written =
            self.store.put_unless_live(&item, self.daily_limit, since_1970.as_secs(), call).await?;
        let Some(live) = written else {
            return Ok(Answer { meeting: item.into(), replayed: false });
        };
        let differing = live.request.differing_members(&item.request);
        if differing.is_empty() {
            let replayed = live.meeting_id != meeting_id;
            Ok(Answer { meeting: live.into(), replayed })
        } else {
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
