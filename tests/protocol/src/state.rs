//! The state at one moment: the invocations, the table, and upstream. For the properties, it also
//! has some of the history.

use crate::{DEADLINE, LIFETIME, TOKEN_WINDOW};

/// A time, in whole units.
pub type Tick = u8;
/// An index of [`State::meetings`].
pub type MeetingId = usize;
/// An index of [`State::invocations`].
pub type WriteId = usize;
/// T: a request and the number of a time window, unless they are left out.
pub type UpstreamToken = (Option<Request>, Option<Tick>);

/// Everything at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub clock: Tick,
    /// The invocations in the order of their start, `None` once they are over.
    pub invocations: Vec<Option<Invocation>>,
    /// The token's item in the table.
    pub item: Option<Item>,
    /// The meetings in the order of their creation.
    pub meetings: Vec<Meeting>,
    /// The response that a client got in the last action, if any.
    pub response: Option<Response>,
}

/// A client's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Request {
    /// A meeting.
    X,
    /// A different meeting.
    Y,
}

/// An invocation that is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Invocation {
    /// Its number.
    pub write_id: WriteId,
    /// Its request.
    pub request: Request,
    /// When it started. It reads the clock only then.
    pub now: Tick,
    /// What it does next.
    pub step: Step,
    /// For the properties: the ongoing meeting that had been returned for an equal request by then.
    pub returned_before: Option<MeetingId>,
    /// For the properties: the meeting of an item older than [`TOKEN_WINDOW`], if it had ended by then.
    pub ended_before: Option<MeetingId>,
}

/// A step, and the invocation's knowledge before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the crate's documentation explains the steps")]
pub enum Step {
    Read,
    Check(Item),
    Create { ended: Option<MeetingId> },
    Put { meeting: MeetingId, ended: Option<MeetingId> },
}

/// A fault in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// Nothing.
    NoFault,
    /// The table or upstream performs the request, but its response is lost.
    ResponseLost,
    /// Upstream has forgotten T.
    Forgotten,
}

/// The token's item in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// What the client asked for.
    pub request: Request,
    /// The meeting.
    pub meeting: MeetingId,
    /// When the invocation that wrote the item started.
    pub created: Tick,
    /// That invocation.
    pub write_id: WriteId,
}

/// A meeting. The fields after `has_ended` are for the properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Meeting {
    /// What the client asked for.
    pub request: Request,
    /// The token sent to upstream.
    pub token: UpstreamToken,
    /// Whether it has ended.
    pub has_ended: bool,
    /// How many times it was put into the table.
    pub puts: u8,
    /// When its item expires.
    pub expires: Tick,
    /// Whether it was returned to a client.
    pub is_returned: bool,
    /// How many responses said that their request created it.
    pub creations: u8,
}

/// A response to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Response {
    /// The invocation that responded, before its last step.
    pub by: Invocation,
    /// The fault in that step.
    pub fault: Fault,
    /// The client's outcome.
    pub outcome: Outcome,
}

/// The outcome of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The request created this meeting.
    Created(MeetingId),
    /// An equal request created it.
    Replayed(MeetingId),
    /// A different request has used the token.
    Conflict,
}

impl State {
    /// The invocations that are not over.
    pub fn running(&self) -> impl Iterator<Item = Invocation> {
        self.invocations.iter().copied().flatten()
    }

    /// Whether this meeting goes on, and was put into an item that has not expired.
    #[must_use]
    pub fn is_live(&self, meeting: MeetingId) -> bool {
        let meeting = self.meetings[meeting];
        meeting.expires > self.clock && !meeting.has_ended
    }

    pub(crate) fn tick(&mut self) {
        for invocation in &mut self.invocations {
            invocation.take_if(|it| it.now + DEADLINE <= self.clock);
        }
        self.clock += 1;
    }

    pub(crate) fn add_meeting(&mut self, request: Request, token: UpstreamToken) -> MeetingId {
        self.meetings.push(Meeting {
            request,
            token,
            has_ended: false,
            puts: 0,
            expires: 0,
            is_returned: false,
            creations: 0,
        });
        self.meetings.len() - 1
    }
}

impl Item {
    pub(crate) fn expires(&self) -> Tick {
        self.created + LIFETIME
    }

    pub(crate) fn is_old(&self, now: Tick) -> bool {
        self.created + TOKEN_WINDOW <= now
    }
}

impl Response {
    pub(crate) fn returned(&self) -> Option<MeetingId> {
        match self.outcome {
            Outcome::Created(meeting) | Outcome::Replayed(meeting) => Some(meeting),
            Outcome::Conflict => None,
        }
    }
}
