//! A model of how the function gives a token one meeting, for a checker that tries every order of
//! events.
//!
//! A client sends `CreateMeeting` with a token, and sends it again if no response arrives. Other
//! clients can use the same token, for an equal request or for a different one. Each request is an
//! invocation of the function. All that invocations share is the table and, on the media plane
//! `chime-sdk-meetings`, the service that hosts the meetings, called upstream here. An invocation
//! takes up to four steps. They have the same names in `src/create_meeting.rs`, `src/store.rs` and
//! `src/media_plane/chime_sdk_meetings.rs`, where `check` is `has_ended`:
//!
//! 1. `read` gets the token's item. If there is none, or if it has expired, `create` follows. If
//!    the item is younger than [`TOKEN_WINDOW`], it determines the response: a replay of its meeting for
//!    an equal request, a conflict for a different one. If the item is older, `check` follows.
//! 2. `check` asks upstream whether the item's meeting still exists. If the meeting has ended,
//!    `create` follows. Otherwise the item determines the response, even if upstream does not
//!    reply.
//! 3. `create` asks upstream for a meeting. It sends a token of its own, T, made from the request
//!    and from the time, counted in whole [`TOKEN_WINDOW`]s. If upstream remembers T, it returns the
//!    meeting that it created for T before.
//! 4. `put` writes the item if the table has none, an expired one, or the one whose meeting has
//!    ended. Any other item rejects the put and determines the response. If the rejecting item has
//!    the invocation's own `WriteId`, an earlier attempt wrote it, and only its response was lost.
//!
//! So upstream proposes a meeting, and the put decides. On the media plane `templates`, the
//! invocation generates the meeting's ID itself, and `put` is its only step.
//!
//! A [`Fault`] can happen in each step. At any time, a meeting can end, and `DynamoDB` can delete
//! an expired item. An invocation that crashes takes no further step, and neither does one that has
//! reached its [`DEADLINE`]. A retry by the client is another invocation with the same request.
//!
//! In the tests, the checker visits every reachable state and looks for one that violates a
//! property (`src/properties.rs`). The tests also leave out one [`Part`] of the protocol at a time,
//! to show which property needs it. The model itself leaves out the daily limit, whose counter is
//! part of the same write as the item. It also leaves out meetings that end before they are put:
//! upstream keeps a meeting without attendees for longer than T and an invocation last.

mod properties;
mod state;
mod steps;

use stateright::{Model, Property};

pub use self::state::{
    Fault, Invocation, Item, Meeting, MeetingId, Outcome, Request, Response, State, Step, Tick,
    UpstreamToken, WriteId,
};

/// How long an item maps its token to its meeting. It must be at least the sum of the other two.
/// Otherwise an invocation that started before an item expired could read after `DynamoDB` has
/// deleted the item, and still send the T that its meeting was created with.
pub const LIFETIME: Tick = 3;
/// How long an item needs no check, and how long T stays the same.
pub const TOKEN_WINDOW: Tick = 2;
/// How long an invocation can take.
pub const DEADLINE: Tick = 1;

/// The protocol for one token, and how far it is explored.
#[derive(Clone, Debug)]
pub struct Protocol {
    /// Where meetings come from.
    pub media_plane: MediaPlane,
    /// What the protocol lacks.
    pub left_out: Option<Part>,
    /// How many invocations there are.
    pub invocations: usize,
    /// When the clock stops.
    pub last_tick: Tick,
}

/// Where meetings come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MediaPlane {
    /// The invocation generates their IDs.
    Templates,
    /// Upstream creates them.
    ChimeSdkMeetings,
}

/// A part of the protocol that can be left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The request in T.
    RequestInT,
    /// The time in T.
    TimeInT,
    /// The request in `check`. Without it, the item always determines the response.
    Check,
    /// The condition of `put`. Without it, any item is replaced.
    Condition,
    /// The clause `OR MeetingId = :ended` in it. Without it, no unexpired item is replaced.
    EndedClause,
    /// The comparison in that clause. Without it, a put that follows `check` replaces any item.
    EndedComparison,
    /// The `WriteId`. Without it, `put` compares the meetings' IDs.
    WriteId,
    /// The rejection of a put. Without it, the invocation returns its own meeting.
    Rejection,
}

/// What happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The clock advances.
    Tick,
    /// `DynamoDB` deletes the expired item.
    DeleteItem,
    /// The item's meeting ends upstream.
    End(MeetingId),
    /// A client sends a request.
    Invoke(Request),
    /// An invocation takes a step.
    Take(WriteId, Step, Fault),
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::default()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for invocation in state.running() {
            let faults: &[Fault] = match invocation.step {
                Step::Read => &[Fault::NoFault],
                Step::Check(_) | Step::Put { .. } => &[Fault::NoFault, Fault::ResponseLost],
                Step::Create { .. } => &[Fault::NoFault, Fault::ResponseLost, Fault::Forgotten],
            };
            let take = |fault| Action::Take(invocation.write_id, invocation.step, fault);
            actions.extend(faults.iter().copied().map(take));
        }
        if state.invocations.len() < self.invocations {
            actions.push(Action::Invoke(Request::X));
            // The order of the two makes no difference.
            if !state.invocations.is_empty() {
                actions.push(Action::Invoke(Request::Y));
            }
        }
        if let Some(item) = state.item {
            if item.expires() <= state.clock {
                actions.push(Action::DeleteItem);
            }
            if self.media_plane == MediaPlane::ChimeSdkMeetings {
                actions.push(Action::End(item.meeting));
            }
        }
        if state.clock < self.last_tick {
            actions.push(Action::Tick);
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = State { response: None, ..last.clone() };
        match action {
            Action::Tick => state.tick(),
            Action::DeleteItem => state.item = None,
            Action::End(meeting) => state.meetings[meeting].has_ended = true,
            Action::Invoke(request) => self.invoke(&mut state, request),
            Action::Take(id, step, fault) => self.take(&mut state, id, step, fault)?,
        }
        Some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        properties::of(self.media_plane)
    }
}
