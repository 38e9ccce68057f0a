//! What is explored.

use std::fmt;

/// A time in ticks of a minute.
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
    /// How long a meeting lives. It must be at least the sum of the token window and of the longest invocation.
    pub lifetime: Tick,
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
    /// `GetMeeting` for a meeting that was returned.
    Get,
    /// `DeleteMeeting` for it.
    Delete,
    /// `DeleteMeeting` for it, by another account.
    DeleteAsStranger,
    /// Not a client's: the event that a meeting has ended.
    Event,
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
const WITH_ATTENDEES: &[Call] = &[
    Call::Create(Subject::X),
    Call::CreateWithAttendees(Subject::X),
    Call::CreateWithAttendees(Subject::Y),
];
const ENDS: &[Call] =
    &[Call::Create(Subject::X), Call::Create(Subject::Y), Call::Delete, Call::Event];
const DELETE: &[Call] = &[Call::Create(Subject::X), Call::Delete];
const ALL: &[Call] =
    &[Call::Create(Subject::X), Call::Get, Call::Delete, Call::DeleteAsStranger, Call::Event];

const fn templates(name: &'static str, invocations: usize, faults: u8) -> Scenario {
    Scenario {
        name,
        has_chime_sdk: false,
        daily_limit: 0,
        calls: CREATE,
        invocations,
        faults,
        lifetime: 3,
        // By then, an item has expired, and the next one is young.
        last_tick: 4,
        clocks_differ: false,
    }
}

const fn chime_sdk(name: &'static str, invocations: usize, faults: u8) -> Scenario {
    Scenario { has_chime_sdk: true, ..templates(name, invocations, faults) }
}

/// Everything that is explored in a minute.
pub const SCENARIOS: [Scenario; 15] = [
    templates("templates", 3, 1),
    Scenario { daily_limit: 1, ..templates("templates-limit", 2, 2) },
    Scenario { clocks_differ: true, lifetime: 4, ..templates("templates-clocks", 2, 2) },
    chime_sdk("chime", 2, 1),
    Scenario { last_tick: 1, ..chime_sdk("chime-at-once", 3, 0) },
    Scenario { calls: ONE, last_tick: 2, ..chime_sdk("chime-faults", 2, 2) },
    Scenario { daily_limit: 1, ..chime_sdk("chime-limit", 2, 1) },
    Scenario { daily_limit: 2, last_tick: 1, ..chime_sdk("chime-limit-at-once", 3, 0) },
    Scenario { clocks_differ: true, lifetime: 2, last_tick: 3, ..chime_sdk("chime-clocks", 2, 1) },
    Scenario { calls: WITH_ATTENDEES, ..chime_sdk("chime-attendees", 2, 1) },
    Scenario { calls: ALL, last_tick: 2, ..chime_sdk("chime-owners", 2, 1) },
    // Long enough for two items to expire, one after the other.
    Scenario { calls: ONE, lifetime: 2, ..chime_sdk("chime-expiry", 3, 0) },
    Scenario { calls: ENDS, last_tick: 2, ..chime_sdk("chime-ends", 3, 0) },
    Scenario { calls: ENDS, last_tick: 0, ..chime_sdk("chime-ends-at-once", 4, 0) },
    Scenario { calls: DELETE, last_tick: 0, ..chime_sdk("chime-ends-kills", 3, 1) },
];

/// Everything that is explored beyond that, in some minutes.
pub const MORE: [Scenario; 12] = [
    templates("templates-more", 3, 2),
    Scenario { daily_limit: 1, ..templates("templates-limit-more", 3, 2) },
    Scenario { clocks_differ: true, lifetime: 4, ..templates("templates-clocks-more", 3, 2) },
    chime_sdk("chime-two-faults", 2, 2),
    chime_sdk("chime-three", 3, 1),
    Scenario { daily_limit: 1, ..chime_sdk("chime-limit-two-faults", 2, 2) },
    Scenario { daily_limit: 2, last_tick: 3, ..chime_sdk("chime-limit-three", 3, 1) },
    Scenario { clocks_differ: true, lifetime: 2, ..chime_sdk("chime-clocks-two-faults", 2, 2) },
    Scenario { calls: WITH_ATTENDEES, ..chime_sdk("chime-attendees-two-faults", 2, 2) },
    Scenario { calls: ALL, last_tick: 2, ..chime_sdk("chime-owners-faults", 2, 2) },
    Scenario {
        calls: ALL,
        clocks_differ: true,
        last_tick: 3,
        ..chime_sdk("chime-owners-two-faults", 2, 2)
    },
    Scenario { calls: ENDS, last_tick: 2, ..chime_sdk("chime-ends-fault", 3, 1) },
];
