//! What is explored.

use std::fmt;

/// A time in ticks of half a minute.
pub type Tick = u8;

/// A configuration of the function, what clients do, and what may happen.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: &'static str,
    /// Whether the media plane is `chime-sdk-meetings`, as opposed to `templates`.
    pub has_chime_sdk: bool,
    /// How many meetings an account may create in a day. 0 is no limit.
    pub daily_limit: u32,
    /// What clients may send, all with one token.
    pub calls: &'static [Call],
    /// How many requests they send.
    pub invocations: usize,
    /// How many faults may happen.
    pub faults: u8,
    /// When time stops.
    pub last_tick: Tick,
    /// Whether the clock of an invocation may be a tick late.
    pub clocks_differ: bool,
}

/// A request of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Call {
    /// `CreateMeeting` for a meeting about this subject.
    Create(Subject),
    /// `CreateMeetingWithAttendees` for it.
    CreateWithAttendees(Subject),
    /// `DeleteMeeting` for a meeting that was returned.
    Delete,
}

/// What a meeting is about. Requests for different ones differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// One subject.
    X,
    /// Another one.
    Y,
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { name, invocations, faults, last_tick, .. } = self;
        write!(f, "{name}: {invocations} invocations, {faults} faults, {last_tick} ticks")
    }
}

const CREATE: &[Call] = &[Call::Create(Subject::X), Call::Create(Subject::Y)];
const ONE: &[Call] = &[Call::Create(Subject::X)];
const ALL: &[Call] = &[
    Call::Create(Subject::X),
    Call::CreateWithAttendees(Subject::X),
    Call::CreateWithAttendees(Subject::Y),
    Call::Delete,
];

const fn templates(name: &'static str, invocations: usize, faults: u8) -> Scenario {
    Scenario {
        name,
        has_chime_sdk: false,
        daily_limit: 0,
        calls: CREATE,
        invocations,
        faults,
        // By then, an item can have expired, and the next one is young.
        last_tick: 6,
        clocks_differ: false,
    }
}

const fn chime_sdk(name: &'static str, invocations: usize, faults: u8) -> Scenario {
    Scenario { has_chime_sdk: true, ..templates(name, invocations, faults) }
}

/// Everything that is explored in a minute.
pub const SCENARIOS: [Scenario; 10] = [
    templates("templates", 3, 1),
    Scenario { daily_limit: 1, ..templates("templates-limit", 2, 2) },
    Scenario { clocks_differ: true, ..templates("templates-clocks", 2, 2) },
    chime_sdk("chime", 2, 1),
    Scenario { last_tick: 2, ..chime_sdk("chime-at-once", 3, 0) },
    Scenario { calls: ONE, last_tick: 2, ..chime_sdk("chime-faults", 2, 2) },
    Scenario { daily_limit: 1, ..chime_sdk("chime-limit", 2, 1) },
    Scenario { daily_limit: 2, last_tick: 2, ..chime_sdk("chime-limit-at-once", 3, 0) },
    Scenario { clocks_differ: true, ..chime_sdk("chime-clocks", 2, 1) },
    Scenario { calls: ALL, ..chime_sdk("chime-all", 2, 1) },
];

/// Everything that is explored beyond that, in some minutes.
pub const MORE: [Scenario; 9] = [
    templates("templates-more", 3, 2),
    Scenario { daily_limit: 1, ..templates("templates-limit-more", 3, 2) },
    Scenario { clocks_differ: true, ..templates("templates-clocks-more", 3, 2) },
    chime_sdk("chime-two-faults", 2, 2),
    chime_sdk("chime-three", 3, 1),
    Scenario { daily_limit: 1, ..chime_sdk("chime-limit-two-faults", 2, 2) },
    Scenario { daily_limit: 2, ..chime_sdk("chime-limit-three", 3, 1) },
    Scenario { clocks_differ: true, ..chime_sdk("chime-clocks-two-faults", 2, 2) },
    Scenario { calls: ALL, ..chime_sdk("chime-all-two-faults", 2, 2) },
];
