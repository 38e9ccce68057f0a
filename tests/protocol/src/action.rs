//! What can happen.

use std::fmt;

use crate::chime_sdk::ChimeSdk;
use crate::names::Name;
use crate::scenario::Call;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A minute passes. What has reached its deadline is killed.
    Tick,
    /// A client sends a request.
    Start {
        /// The request.
        call: Call,
        /// The meeting that it is about, if it names one.
        target: Option<Name>,
        /// Whether the clock of the invocation is a tick late.
        is_late: bool,
    },
    /// The request that this invocation waits for meets its fate.
    Remote(usize, Fate),
    /// A request is performed that nobody waits for any more.
    PerformLate(usize),
    /// `DynamoDB` deletes an expired item.
    DeleteItem(usize),
    /// A meeting ends.
    End(usize),
    /// The Amazon Chime SDK forgets the token of a meeting.
    Forget(usize),
}

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is performed, and the response arrives.
    Respond,
    /// `DynamoDB` reads the item of one of its two keys: in a `BatchGetItem`, each is read at a moment of its own.
    ReadHalf(usize),
    /// It is performed, but the response is lost.
    LoseResponse,
    /// It is not performed, and its connection is closed.
    LoseRequest,
    /// There is no response in time. It may be performed later.
    TimeOut,
    /// The Amazon Chime SDK does not know the meeting yet.
    NotKnownYet,
    /// It conflicts with a concurrent write.
    Conflict,
    /// The invocation is killed. The request may be performed later.
    Kill,
}

impl Action {
    /// Whether it is a fault, whose number is limited.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        match self {
            Self::Remote(_, fate) => !matches!(fate, Fate::Respond | Fate::ReadHalf(_)),
            Self::Forget(_) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Tick => write!(f, "a minute passes"),
            Self::Start { call, target, is_late } => {
                write!(f, "{call:?} arrives")?;
                target.iter().try_for_each(|id| write!(f, " of {id}"))?;
                if *is_late { write!(f, ", to an invocation whose clock is late") } else { Ok(()) }
            }
            Self::Remote(number, fate) => match fate {
                Fate::Respond => write!(f, "invocation {number} gets its response"),
                Fate::ReadHalf(key) => write!(f, "key {key} for invocation {number} is read"),
                Fate::LoseResponse => write!(f, "the response to invocation {number} is lost"),
                Fate::LoseRequest => write!(f, "the request of invocation {number} is lost"),
                Fate::TimeOut => write!(f, "the request of invocation {number} times out"),
                Fate::NotKnownYet => {
                    write!(f, "the meeting of invocation {number} is not known yet")
                }
                Fate::Conflict => write!(f, "the write of invocation {number} conflicts"),
                Fate::Kill => write!(f, "invocation {number} is killed"),
            },
            Self::PerformLate(index) => write!(f, "late request {index} is performed"),
            Self::DeleteItem(index) => write!(f, "DynamoDB deletes the expired item {index}"),
            Self::End(index) => write!(f, "meeting {} ends", ChimeSdk::id(*index)),
            Self::Forget(index) => {
                write!(f, "the Amazon Chime SDK forgets the token of {}", ChimeSdk::id(*index))
            }
        }
    }
}
