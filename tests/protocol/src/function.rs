//! The function itself, asked what it does next.
//!
//! An invocation depends on nothing but its event, its clock, and the responses to its remote calls. So what it has
//! observed so far determines its next request, or its reply. [`Function`] runs the real code up to that point, once for
//! each sequence of observations, and remembers the result.

use std::collections::HashMap;
use std::hash::Hash;
use std::iter;
use std::num::NonZeroU32;
use std::time::Duration;

use create_meeting::caller::AllowedCallers;
use create_meeting::settings::{ChimeSdkSettings, MediaPlaneSettings, Settings};

use crate::run::Run;

/// The table's name.
pub const TABLE: &str = "Meetings";
const REGION: &str = "us-east-1";

/// What an invocation begins with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Start {
    /// Which invocation it is, which names the UUIDs that it generates.
    pub number: u8,
    /// Its event.
    pub event: String,
    /// Its clock, in seconds since 1970.
    pub now: u64,
}

/// How a remote call ended for the function.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Observation {
    /// With this status and body.
    Response(u16, String),
    /// The connection was closed.
    Closed,
    /// There was no response in time.
    TimedOut,
}

/// What an invocation does next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// It sends this request.
    Request(RequestId),
    /// It replies.
    Reply(Reply),
}

/// A request. Equal ones have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(u32);

/// An observation. Equal ones have the same number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ObservationId(u32);

/// A request to a remote service.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Request {
    /// `POST` for `DynamoDB`.
    pub method: String,
    /// The operation of `DynamoDB`, or the path and query of the Amazon Chime SDK.
    pub target: String,
    /// The JSON body.
    pub body: String,
}

/// A reply to the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status code.
    pub status: u64,
    /// Whether the meeting was created by an earlier request.
    pub is_replay: bool,
    /// The JSON body.
    pub body: String,
}

/// A sequence of observations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct History(u32);

struct Node {
    next: Next,
    /// The invocation, and the observation after the history before.
    start: Start,
    last: Option<(History, ObservationId)>,
}

/// The function with one configuration.
pub struct Function {
    has_chime_sdk: bool,
    lifetime: Duration,
    daily_limit: Option<NonZeroU32>,
    requests: Numbered<Request>,
    observations: Numbered<Observation>,
    nodes: Vec<Node>,
    starts: HashMap<Start, History>,
    continued: HashMap<(History, ObservationId), History>,
    /// Runs that can go on from their history.
    runs: HashMap<History, Run>,
}

impl Function {
    /// The function with the media plane `chime-sdk-meetings` or `templates`, this lifetime of a meeting, and perhaps a
    /// daily limit.
    #[must_use]
    pub fn new(has_chime_sdk: bool, lifetime: Duration, daily_limit: Option<NonZeroU32>) -> Self {
        Self {
            has_chime_sdk,
            lifetime,
            daily_limit,
            requests: Numbered::default(),
            observations: Numbered::default(),
            nodes: Vec::new(),
            starts: HashMap::new(),
            continued: HashMap::new(),
            runs: HashMap::new(),
        }
    }

    /// How many sequences of observations there are so far.
    #[must_use]
    pub fn histories(&self) -> usize {
        self.nodes.len()
    }

    /// What an invocation does next.
    #[must_use]
    pub fn next(&self, history: History) -> &Next {
        &self.nodes[history.0 as usize].next
    }

    /// A request.
    #[must_use]
    pub fn request(&self, id: RequestId) -> &Request {
        &self.requests.values[id.0 as usize]
    }

    /// The number of an observation.
    pub fn number(&mut self, observation: Observation) -> ObservationId {
        ObservationId(self.observations.number(observation))
    }

    /// What an invocation did and observed before, the latest first.
    pub fn before(&self, history: History) -> impl Iterator<Item = (&Next, &Observation)> {
        let mut node = &self.nodes[history.0 as usize];
        iter::from_fn(move || {
            let (before, observation) = node.last?;
            node = &self.nodes[before.0 as usize];
            Some((&node.next, &self.observations.values[observation.0 as usize]))
        })
    }

    /// An invocation that has not observed anything yet.
    pub fn start(&mut self, start: &Start) -> History {
        if let Some(history) = self.starts.get(start) {
            return *history;
        }
        let (run, next) = self.run(start);
        let next = self.next_of(next);
        let history = self.add(Node { next, start: start.clone(), last: None }, run);
        self.starts.insert(start.clone(), history);
        history
    }

    /// The history that follows another one with this observation.
    pub fn observe(&mut self, before: History, observation: ObservationId) -> History {
        let key = (before, observation);
        if let Some(history) = self.continued.get(&key) {
            return *history;
        }
        let mut run = self.runs.remove(&before).unwrap_or_else(|| self.replay(before));
        let next = run.go_on(&self.observations.values[observation.0 as usize]);
        let next = self.next_of(next);
        let start = self.nodes[before.0 as usize].start.clone();
        let history = self.add(Node { next, start, last: Some(key) }, run);
        self.continued.insert(key, history);
        history
    }

    fn add(&mut self, node: Node, run: Run) -> History {
        const MOST_RUNS: usize = 256;
        let history = History(u32::try_from(self.nodes.len()).unwrap_or(u32::MAX));
        if matches!(node.next, Next::Request(_)) {
            if self.runs.len() == MOST_RUNS {
                self.runs.clear();
            }
            self.runs.insert(history, run);
        }
        self.nodes.push(node);
        history
    }

    /// Runs the code again up to `history`, which must lead to the same requests.
    fn replay(&self, history: History) -> Run {
        let mut before: Vec<_> = self.before(history).collect();
        before.reverse();
        let (mut run, mut did) = self.run(&self.nodes[history.0 as usize].start);
        for (expected, observation) in before {
            self.assert_same(&did, expected);
            did = run.go_on(observation);
        }
        self.assert_same(&did, self.next(history));
        run
    }

    fn assert_same(&self, did: &Result<Request, Reply>, before: &Next) {
        let is_same = match (did, before) {
            (Ok(request), Next::Request(id)) => request == self.request(*id),
            (Err(reply), Next::Reply(before)) => reply == before,
            _ => false,
        };
        assert!(is_same, "the code did something else the second time: {did:?}");
    }

    fn next_of(&mut self, next: Result<Request, Reply>) -> Next {
        match next {
            Ok(request) => Next::Request(RequestId(self.requests.number(request))),
            Err(reply) => Next::Reply(reply),
        }
    }

    fn run(&self, start: &Start) -> (Run, Result<Request, Reply>) {
        let mut run = Run::new(self.settings(), start);
        let next = run.until_next();
        (run, next)
    }

    fn settings(&self) -> Settings {
        let media_plane = if self.has_chime_sdk {
            MediaPlaneSettings::ChimeSdkMeetings(ChimeSdkSettings {
                region: REGION.into(),
                endpoint_url: "http://chime-sdk.test".into(),
                sends_notifications: false,
            })
        } else {
            MediaPlaneSettings::Templates { domain: "media.test".into() }
        };
        Settings {
            table: TABLE.into(),
            region: REGION.into(),
            dynamodb_endpoint_url: Some("http://dynamodb.test".into()),
            use_fips: false,
            use_dual_stack: false,
            ca_bundle: None,
            meeting_lifetime: self.lifetime,
            allowed_callers: AllowedCallers::Anyone,
            replays_reused_tokens: false,
            daily_limit: self.daily_limit,
            media_plane,
        }
    }
}

/// Values with numbers.
struct Numbered<T> {
    values: Vec<T>,
    numbers: HashMap<T, u32>,
}

impl<T: Clone + Eq + Hash> Numbered<T> {
    fn number(&mut self, value: T) -> u32 {
        let next = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry(value.clone()).or_insert(next);
        if number == next {
            self.values.push(value);
        }
        number
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { values: Vec::new(), numbers: HashMap::new() }
    }
}
