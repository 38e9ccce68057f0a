//! The operation: creates a meeting, or replays the one that its token has created before.

use std::time::{Duration, Instant, SystemTime};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use uuid::Uuid;

use crate::error::Error;
use crate::media_plane::MediaPlane;
use crate::meeting::Meeting;
use crate::request::CreateMeetingRequest;
use crate::store::{Item, Store};

/// The account id of callers that nobody asks to identify.
const ANONYMOUS: &str = "anonymous";

/// `CreateMeeting`, ready to be called.
#[derive(Debug)]
pub struct CreateMeeting {
    store: Store,
    media_plane: MediaPlane,
    meeting_lifetime: Duration,
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
    /// The operation on a table and with a media plane. Meetings live as long as it says.
    #[must_use]
    pub fn new(store: Store, media_plane: MediaPlane, meeting_lifetime: Duration) -> Self {
        Self { store, media_plane, meeting_lifetime }
    }

    /// Creates the meeting that `request` asks for, once for a caller's account and token. It is
    /// `now`, and there is an answer by `deadline`.
    ///
    /// # Errors
    /// `BadRequest` if the token stands for a live meeting that was asked for differently, and the
    /// [`Store`]'s errors.
    pub async fn call(
        &self,
        account_id: Option<String>,
        request: CreateMeetingRequest,
        now: SystemTime,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let created_at = DateTime::from(now);
        let now = u64::try_from(created_at.secs()).map_err(Error::service_failure)?;
        let meeting_id = Uuid::new_v4();
        let item = Item {
            account_id: account_id.unwrap_or_else(|| ANONYMOUS.to_owned()),
            meeting_id,
            media_placement: self.media_plane.place(meeting_id, request.media_region),
            created_at: created_at.fmt(DateTimeFormat::DateTime).map_err(Error::service_failure)?,
            expires_at: now + self.meeting_lifetime.as_secs(),
            request,
        };
        let Some(live) = self.store.put_unless_live(&item, now, deadline).await? else {
            return Ok(Answer { meeting: item.into(), replayed: false });
        };
        let differing = live.request.differing_members(&item.request);
        if differing.is_empty() {
            let replayed = live.meeting_id != meeting_id;
            Ok(Answer { meeting: live.into(), replayed })
        } else {
            Err(Error::bad_request(format!(
                "The ClientRequestToken was used before for another request, which differs in {}. \
                 Use a different token for a different meeting.",
                differing.join(", "),
            )))
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
