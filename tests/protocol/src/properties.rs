//! What must hold in every state, and what must happen in some.

use stateright::Property;

use crate::state::{Fault, Meeting, MeetingId, Outcome, Response, State, Step};
use crate::{MediaPlane, Protocol};

type Condition = fn(&Protocol, &State) -> bool;

/// What must hold in every state.
const ALWAYS: [(&str, Condition); 7] = [
    // Concurrent puts leave one meeting, and no put replaces the item of an ongoing meeting.
    ("a token has at most one live meeting", |_, state| {
        (0..state.meetings.len()).filter(|meeting| state.is_live(*meeting)).count() <= 1
    }),
    // A retry could not find any other meeting.
    ("only a meeting that was put is returned", |_, state| {
        returned(state).is_none_or(|(_, meeting)| state.meetings[meeting].puts > 0)
    }),
    // Two different requests can race for one token.
    ("only a meeting for the same request is returned", |_, state| {
        returned(state)
            .is_none_or(|(response, id)| state.meetings[id].request == response.by.request)
    }),
    // Until that meeting ends, another one or a conflict would be wrong.
    ("a retry returns the meeting that was returned before", |_, state| {
        state.response.is_none_or(|response| {
            let expected = response.by.returned_before.filter(|meeting| state.is_live(*meeting));
            expected.is_none_or(|meeting| response.returned() == Some(meeting))
        })
    }),
    // Exceptions are an item younger than TOKEN_WINDOW, and an upstream that does not respond.
    ("no meeting is returned that had ended before", |_, state| {
        returned(state).is_none_or(|(response, meeting)| {
            response.by.ended_before != Some(meeting) || response.fault == Fault::ResponseLost
        })
    }),
    // A token is free again when its item has expired or its meeting has ended.
    ("a token that is free again gets a new meeting", |_, state| {
        state.meetings.iter().all(|meeting| meeting.puts <= 1)
    }),
    // All other responses with the meeting are marked as replays.
    ("a meeting is reported as created at most once", |_, state| {
        state.meetings.iter().all(|meeting| meeting.creations <= 1)
    }),
];

/// What must happen in some states. Otherwise the model would miss the cases that matter.
const SOMETIMES: [(&str, Condition); 4] = [
    ("a meeting is replayed", |_, state| {
        state.response.is_some_and(|response| matches!(response.outcome, Outcome::Replayed(_)))
    }),
    ("a request conflicts with a different one", |_, state| {
        state.response.is_some_and(|response| response.outcome == Outcome::Conflict)
    }),
    ("an expired meeting is followed by a new one", |_, state| {
        let has_expired = |it: &Meeting| it.puts > 0 && it.expires <= state.clock && !it.has_ended;
        state.meetings.iter().any(has_expired)
            && (0..state.meetings.len()).any(|meeting| state.is_live(meeting))
    }),
    ("a meeting stays unseen", |_, state| {
        state.running().next().is_none() && state.meetings.iter().any(|meeting| meeting.puts == 0)
    }),
];

/// The same, if upstream creates the meetings.
const SOMETIMES_UPSTREAM: [(&str, Condition); 2] = [
    ("an ended meeting is replaced", |_, state| {
        state.response.is_some_and(|response| {
            matches!(response.by.step, Step::Put { ended: Some(_), .. })
                && matches!(response.outcome, Outcome::Created(_))
        })
    }),
    ("an ended meeting is returned because upstream does not respond", |_, state| {
        returned(state).is_some_and(|(response, meeting)| response.by.ended_before == Some(meeting))
    }),
];

pub(crate) fn of(media_plane: MediaPlane) -> Vec<Property<Protocol>> {
    let always = ALWAYS.map(|(name, condition)| Property::always(name, condition));
    let sometimes = SOMETIMES.map(|(name, condition)| Property::sometimes(name, condition));
    let mut properties: Vec<_> = always.into_iter().chain(sometimes).collect();
    if media_plane == MediaPlane::ChimeSdkMeetings {
        let upstream =
            SOMETIMES_UPSTREAM.map(|(name, condition)| Property::sometimes(name, condition));
        properties.extend(upstream);
    }
    properties
}

/// The response of the last action and its meeting, if there are any.
fn returned(state: &State) -> Option<(Response, MeetingId)> {
    let response = state.response?;
    Some((response, response.returned()?))
}
