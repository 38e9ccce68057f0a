//! What must hold after each step, and what must happen in some.

use serde_json::Value;

use crate::client::{external_id, subject};
use crate::dynamodb::DynamoDb;
use crate::item::{meeting_id, owned};
use crate::names::Name;
use crate::scenario::Call;
use crate::state::{Outcome, Response, State, Stored};
use crate::world::{is_live, seconds};

/// What follows a step.
#[derive(Clone, Copy)]
pub struct After<'a> {
    /// The state.
    pub state: &'a State,
    /// The response that a client got in that step, if any.
    pub response: Option<&'a Response>,
    /// How many faults there could be in the beginning.
    pub faults: u8,
    /// The table.
    pub dynamodb: &'a DynamoDb,
}

/// A name, and whether it holds.
pub type Property = (&'static str, fn(After<'_>) -> bool);

impl<'a> After<'a> {
    fn items(self) -> impl Iterator<Item = &'a Value> {
        self.dynamodb.items(self.state.table).iter()
    }

    /// The response with a meeting, and that meeting.
    fn returned(&self) -> Option<(&Response, Name)> {
        let response = self.response?;
        Some((response, response.outcome.meeting()?))
    }

    fn stored(&self, id: Name) -> Option<&Stored> {
        self.state.stored.iter().find(|it| it.meeting_id == id)
    }

    fn outcome(&self) -> Option<&Outcome> {
        Some(&self.response?.outcome)
    }
}

/// What must hold after each step.
pub const ALWAYS: [Property; 16] = [
    // Concurrent puts leave one meeting, and no put replaces the item of an ongoing meeting.
    ("a token has at most one live meeting", |after| {
        let stored = after.state.stored.iter();
        stored.filter(|it| is_live(after.state, it.meeting_id)).count() <= 1
    }),
    // A retry could not find any other meeting.
    ("only a meeting that was put is returned", |after| {
        after.returned().is_none_or(|(_, id)| after.stored(id).is_some())
    }),
    // Two different requests can race for one token.
    ("only a meeting for the same request is returned", |after| {
        after.returned().is_none_or(|(response, id)| {
            let subject = subject(response.by.call);
            let created = after.state.chime_sdk.0.get(id.0 as usize);
            after.stored(id).is_none_or(|it| Some(it.subject) == subject)
                && created.is_none_or(|it| Some(&*it.external_id) == subject.map(external_id))
        })
    }),
    // Until that meeting ends, another one or a refusal would be wrong.
    ("a retry returns the meeting that was returned before", |after| {
        after.response.is_none_or(|response| {
            let expected = response.by.returned_before.filter(|id| is_live(after.state, *id));
            expected.is_none_or(|id| {
                response.outcome == Outcome::TryAgain || response.outcome.meeting() == Some(id)
            })
        })
    }),
    // Exceptions are an item that is not due for a check, and a check without an answer.
    ("no meeting is returned that had ended before", |after| {
        after.returned().is_none_or(|(response, id)| {
            response.by.ended_before != Some(id) || response.is_unchecked
        })
    }),
    // A token is free again when its item has expired or its meeting has ended.
    ("a token that is free again gets a new meeting", |after| {
        after.state.stored.iter().all(|it| it.puts <= 1)
    }),
    // All other responses with the meeting are marked as replays.
    ("a meeting is reported as created at most once", |after| {
        after.state.stored.iter().all(|it| it.creations <= 1)
    }),
    ("every meeting is counted once, up to the limit", |after| {
        let count = after
            .items()
            .find_map(|item| item["MeetingsCreated"]["N"].as_str()?.parse::<usize>().ok());
        count.is_none_or(|count| count == after.state.stored.len())
    }),
    // Otherwise it refuses a request whose meeting it counted.
    ("the limit refuses only a token without a live meeting", |after| {
        after.outcome() != Some(&Outcome::LimitReached)
            || !after.state.stored.iter().any(|it| is_live(after.state, it.meeting_id))
    }),
    ("a meeting that was deleted has ended", |after| {
        let target = after.response.and_then(|response| response.by.target);
        after.outcome() != Some(&Outcome::Deleted)
            || target.is_none_or(|id| after.state.chime_sdk.has_ended(id))
    }),
    // Its owner can address it.
    ("a meeting that was returned has an owner", |after| {
        let is_owned = |id: Name| after.items().any(|item| owned(item) == Some(id));
        let mut returned = after.state.stored.iter().filter(|it| it.is_returned);
        after.state.chime_sdk.0.is_empty() || returned.all(|it| is_owned(it.meeting_id))
    }),
    ("nobody else can address a meeting", |after| {
        let stranger = after.response.filter(|it| it.by.call == Call::DeleteAsStranger);
        stranger.is_none_or(|it| {
            let is_told_nothing = matches!(it.outcome, Outcome::Ended | Outcome::TryAgain);
            is_told_nothing && !it.called_chime_sdk
        })
    }),
    ("a mark never hides a live meeting", |after| {
        let marked = after.items().filter(|item| item.get("EndedAt").is_some());
        let mut marked = marked.filter_map(|item| meeting_id(item).or_else(|| owned(item)));
        marked.all(|id| after.state.chime_sdk.has_ended(id))
    }),
    ("a meeting that was marked is not returned any more", |after| {
        after.returned().is_none_or(|(response, id)| !response.by.marked_before.contains(&id))
    }),
    // CreateMeetingWithAttendees cannot tell a young meeting that has ended from one that is not known yet.
    ("without a fault, no creation has to be tried again", |after| {
        let is_creation = |it: &Response| matches!(it.by.call, Call::Create(_));
        after.state.faults < after.faults
            || after.outcome() != Some(&Outcome::TryAgain)
            || !after.response.is_some_and(is_creation)
    }),
    ("nothing else is answered", |after| !matches!(after.outcome(), Some(Outcome::Other(..)))),
];

/// What must happen in some order. Otherwise the exploration would miss the cases that matter.
pub const SOMETIMES: [Property; 5] = [
    ("a meeting is created", |after| matches!(after.outcome(), Some(Outcome::Created(_)))),
    ("a meeting is replayed", |after| matches!(after.outcome(), Some(Outcome::Replayed(_)))),
    ("a request conflicts with a different one", |after| {
        after.outcome() == Some(&Outcome::Conflict)
    }),
    ("the limit is reached", |after| after.outcome() == Some(&Outcome::LimitReached)),
    ("an expired meeting is followed by a new one", |after| {
        let state = after.state;
        let has_expired = |it: &Stored| {
            it.expires_at <= seconds(state.clock) && !state.chime_sdk.has_ended(it.meeting_id)
        };
        state.stored.iter().any(has_expired)
            && state.stored.iter().any(|it| is_live(state, it.meeting_id))
    }),
];

/// The same, if the Amazon Chime SDK creates the meetings.
pub const SOMETIMES_WITH_CHIME_SDK: [Property; 5] = [
    ("a client has to try again", |after| after.outcome() == Some(&Outcome::TryAgain)),
    ("a meeting is deleted", |after| after.outcome() == Some(&Outcome::Deleted)),
    ("a meeting has ended", |after| after.outcome() == Some(&Outcome::Ended)),
    ("an ended meeting is followed by a new one", |after| {
        let state = after.state;
        state.stored.iter().any(|it| state.chime_sdk.has_ended(it.meeting_id))
            && state.stored.iter().any(|it| is_live(state, it.meeting_id))
    }),
    ("an ended meeting is returned because its check got no answer", |after| {
        after.returned().is_some_and(|(response, id)| {
            response.is_unchecked && response.by.ended_before == Some(id)
        })
    }),
];
