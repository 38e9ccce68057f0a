//! Everything at one moment, and what the properties need to know about the past.

use crate::chime_sdk::ChimeSdk;
use crate::dynamodb::Table;
use crate::function::{History, RequestId};
use crate::names::Name;
use crate::scenario::{Call, Subject, Tick};

/// Everything at one moment.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct State {
    /// The time.
    pub clock: Tick,
    /// How many faults may still happen.
    pub faults: u8,
    /// The content of the table.
    pub table: Table,
    /// The Amazon Chime SDK.
    pub chime_sdk: ChimeSdk,
    /// The invocations in the order of their start, `None` once they are over.
    pub invocations: Vec<Option<Invocation>>,
    /// Requests that nobody waits for any more, and that may still be performed.
    pub late: Vec<Late>,
    /// The meetings that were ever in the table, in the order of their first put.
    pub stored: Vec<Stored>,
}

/// An invocation that is not over.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Invocation {
    /// What the client sent.
    pub call: Call,
    /// The meeting that its request names, if it names one.
    pub target: Option<Name>,
    /// When it started.
    pub started: Tick,
    /// What it has observed.
    pub history: History,
    /// What was read already, if its request is a `BatchGetItem`.
    pub half: Option<Half>,
    /// The ongoing meeting that had been returned for an equal request when it started.
    pub returned_before: Option<Name>,
    /// The meeting of an item that is due for a check, if it had ended a while before the invocation started.
    pub ended_before: Option<Name>,
    /// The meetings that were marked as ended when the invocation started.
    pub marked_before: Vec<Name>,
}

/// One of the two keys of a `BatchGetItem`, and the table when `DynamoDB` read it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Half {
    /// The key.
    pub key: usize,
    /// The table at that moment.
    pub table: Table,
}

/// A request that nobody waits for any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Late {
    /// The request.
    pub request: RequestId,
    /// The last time at which it may be performed.
    pub until: Tick,
}

/// A meeting that was put into the table.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Stored {
    /// Its ID.
    pub meeting_id: Name,
    /// What it is about.
    pub subject: Subject,
    /// How many times it was put.
    pub puts: u8,
    /// When its last item expires, in seconds since 1970.
    pub expires_at: u64,
    /// Whether a client was told of it.
    pub is_returned: bool,
    /// How many times a client was told that its request created it.
    pub creations: u8,
}

/// A reply to a client, in the last step.
#[derive(Clone, Debug)]
pub struct Response {
    /// The invocation before its last step.
    pub by: Invocation,
    /// What the client got.
    pub outcome: Outcome,
    /// Whether the check of the item's meeting got no answer.
    pub is_unchecked: bool,
    /// Whether the invocation sent a request to the Amazon Chime SDK.
    pub called_chime_sdk: bool,
}

/// What a client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Its request created this meeting.
    Created(Name),
    /// An earlier request created it.
    Replayed(Name),
    /// The token was used for a different request.
    Conflict,
    /// The account has created as many meetings as it may.
    LimitReached,
    /// The meeting goes on.
    Found(Name),
    /// The event was accepted.
    Accepted,
    /// The meeting was deleted.
    Deleted,
    /// The meeting has ended.
    Ended,
    /// A 429 or a 503: the client may try again.
    TryAgain,
    /// Anything else: its status and body.
    Other(u64, String),
}

impl Outcome {
    /// The meeting in the response.
    #[must_use]
    pub const fn meeting(&self) -> Option<Name> {
        match self {
            Self::Created(meeting) | Self::Replayed(meeting) => Some(*meeting),
            _ => None,
        }
    }
}
