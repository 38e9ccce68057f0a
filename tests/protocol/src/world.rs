//! What can happen in a state, and what follows.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::{Value, json};

use crate::Result;
use crate::action::{Action, Fate};
use crate::chime_sdk::{ChimeSdk, named, not_found};
use crate::client::{event, outcome, subject};
use crate::dynamodb::{DynamoDb, Table};
use crate::function::{
    Function, History, Next, Observation, ObservationId, Request, RequestId, Start,
};
use crate::item::{expires_at, integer, meeting_id, note_puts, owned};
use crate::names::Name;
use crate::scenario::{Call, Scenario, Subject, Tick};
use crate::state::{Half, Invocation, Late, Outcome, Response, State, Stored};

/// When time begins, in seconds since 1970: at noon (UTC), so that no day ends.
const BEGIN: u64 = 20_787 * 24 * 60 * 60 + 12 * 60 * 60;
const SECONDS_PER_TICK: u64 = 60;
/// How long an item goes without a check, in seconds.
const SETTLED_AFTER: u64 = 2 * SECONDS_PER_TICK;
/// How long an invocation can take.
const DEADLINE: Tick = 1;

/// A time in seconds since 1970.
#[must_use]
pub fn seconds(tick: Tick) -> u64 {
    BEGIN + u64::from(tick) * SECONDS_PER_TICK
}

/// Whether a meeting goes on, and is in an item that has not expired.
#[must_use]
pub fn is_live(state: &State, id: Name) -> bool {
    let is_unexpired = |it: &Stored| it.meeting_id == id && it.expires_at > seconds(state.clock);
    state.stored.iter().any(is_unexpired) && !state.chime_sdk.has_ended(id)
}

/// The function and the services, in one scenario.
pub struct World {
    scenario: Scenario,
    /// The function.
    pub function: Function,
    /// The table.
    pub dynamodb: DynamoDb,
    /// How `DynamoDB` responded so far, and the table that followed.
    responded: HashMap<(Table, RequestId, Option<Half>), (Table, ObservationId)>,
}

impl World {
    /// The world of a scenario.
    ///
    /// # Errors
    /// If the embedded engine does not start.
    pub fn new(scenario: Scenario) -> Result<Self> {
        let limit = NonZeroU32::new(scenario.daily_limit);
        let lifetime = Duration::from_secs(u64::from(scenario.lifetime) * SECONDS_PER_TICK);
        let function = Function::new(scenario.has_chime_sdk, lifetime, limit);
        Ok(Self { scenario, function, dynamodb: DynamoDb::new()?, responded: HashMap::new() })
    }

    /// The state in which everything begins.
    #[must_use]
    pub fn begin(&self, faults: u8) -> State {
        State {
            clock: 0,
            faults,
            table: Table::EMPTY,
            chime_sdk: ChimeSdk::default(),
            invocations: Vec::new(),
            late: Vec::new(),
            stored: Vec::new(),
        }
    }

    /// The request that an invocation waits for.
    ///
    /// # Errors
    /// If it is over.
    pub fn request(&self, history: History) -> Result<RequestId> {
        match self.function.next(history) {
            Next::Request(request) => Ok(*request),
            Next::Reply(_) => Err("the invocation is over".into()),
        }
    }

    /// Whether an earlier attempt may have deleted the meeting: the known exception (`docs/design.md`, "Owners and marks").
    fn is_deletion_in_doubt(&self, history: History) -> bool {
        self.function.before(history).any(|it| {
            matches!(it, (Next::Request(id), Observation::Closed | Observation::TimedOut)
                if self.function.request(*id).method == "DELETE")
        })
    }

    /// Everything that can happen next.
    #[must_use]
    pub fn actions(&self, state: &State) -> Vec<Action> {
        let mut actions = Vec::new();
        for (number, invocation) in state.invocations.iter().enumerate() {
            let Some(invocation) = invocation else { continue };
            if let Ok(request) = self.request(invocation.history) {
                let request = self.function.request(request);
                let mut fates = fates(request, invocation.half);
                // Together, a clock that is a minute late and an invocation that takes as long would make a meeting look
                // two minutes old.
                let is_new = |it: usize| state.chime_sdk.0[it].created == state.clock;
                let is_excepted = || self.is_deletion_in_doubt(invocation.history);
                let may_be_unknown = named(request).is_some_and(is_new) && !is_excepted();
                if may_be_unknown && !self.scenario.clocks_differ {
                    fates.push(Fate::NotKnownYet);
                }
                actions.extend(fates.into_iter().map(|fate| Action::Remote(number, fate)));
            }
        }
        if state.invocations.len() < self.scenario.invocations {
            self.add_starts(state, &mut actions);
        }
        actions.extend((0..state.late.len()).map(Action::PerformLate));
        let items = self.dynamodb.items(state.table).iter().enumerate();
        let expired = items.filter(|(_, item)| expires_at(item) <= seconds(state.clock));
        actions.extend(expired.map(|(index, _)| Action::DeleteItem(index)));
        for (index, meeting) in state.chime_sdk.0.iter().enumerate() {
            // A meeting that nobody was told of lives longer than an invocation.
            let is_stored = || state.stored.iter().any(|it| it.meeting_id == ChimeSdk::id(index));
            if meeting.ended.is_none() && is_stored() {
                actions.push(Action::End(index));
            }
            if meeting.is_remembered {
                actions.push(Action::Forget(index));
            }
        }
        if state.clock < self.scenario.last_tick {
            actions.push(Action::Tick);
        }
        if state.faults == 0 {
            actions.retain(|action| !action.is_fault());
        }
        actions
    }

    fn add_starts(&self, state: &State, actions: &mut Vec<Action>) {
        let can_be_late = self.scenario.clocks_differ && state.clock > 0;
        for is_late in if can_be_late { &[false, true][..] } else { &[false] } {
            for call in self.scenario.calls {
                let start = |target| Action::Start { call: *call, target, is_late: *is_late };
                match call {
                    Call::Get | Call::Delete | Call::DeleteAsStranger => {
                        let returned = state.stored.iter().filter(|it| it.is_returned);
                        actions.extend(returned.map(|it| start(Some(it.meeting_id))));
                    }
                    Call::Event => {
                        let ended = |it: &&Stored| state.chime_sdk.has_ended(it.meeting_id);
                        let ended = state.stored.iter().filter(ended);
                        actions.extend(ended.map(|it| start(Some(it.meeting_id))));
                    }
                    // The subjects can be exchanged.
                    _ if subject(*call) == Some(Subject::Y) && state.invocations.is_empty() => {}
                    _ => actions.push(start(None)),
                }
            }
        }
    }

    /// What follows an action: the next state, and the response that a client gets, if any.
    ///
    /// # Errors
    /// The embedded engine's.
    pub fn step(&mut self, before: &State, action: Action) -> Result<(State, Option<Response>)> {
        let mut state = before.clone();
        state.faults -= u8::from(action.is_fault());
        match action {
            Action::Tick => self.tick(&mut state),
            Action::Start { call, target, is_late } => {
                return Ok(self.start(state, call, target, is_late));
            }
            Action::Remote(number, fate) => {
                let waiting = state.invocations[number].take().ok_or("the invocation is over")?;
                return self.meet(state, number, waiting, fate);
            }
            Action::PerformLate(index) => {
                let late = state.late.remove(index);
                self.perform(&mut state, late.request, None)?;
            }
            Action::DeleteItem(index) => {
                state.table = self.dynamodb.without(state.table, index)?;
            }
            Action::End(index) => state.chime_sdk.0[index].ended = Some(state.clock),
            Action::Forget(index) => state.chime_sdk.0[index].is_remembered = false,
        }
        Ok((state, None))
    }

    fn tick(&self, state: &mut State) {
        let clock = state.clock;
        for number in 0..state.invocations.len() {
            let killed = state.invocations[number].take_if(|it| it.started + DEADLINE <= clock);
            if let Some(killed) = killed {
                self.abandon(state, &killed);
            }
        }
        state.clock += 1;
        state.late.retain(|late| late.until >= state.clock);
    }

    /// Nobody waits for the request of this invocation any more. A read does not matter then.
    fn abandon(&self, state: &mut State, waiting: &Invocation) {
        let changes =
            |it: &Request| is_write(it) || (it.target.starts_with('/') && it.method != "GET");
        if let Ok(request) = self.request(waiting.history)
            && changes(self.function.request(request))
        {
            let until = waiting.started + DEADLINE + 1;
            state.late.push(Late { request, until });
        }
    }

    fn start(
        &mut self,
        mut state: State,
        call: Call,
        target: Option<Name>,
        is_late: bool,
    ) -> (State, Option<Response>) {
        let number = state.invocations.len();
        let now = seconds(state.clock - u8::from(is_late));
        let start = Start {
            number: u8::try_from(number).unwrap_or(u8::MAX),
            event: event(call, target),
            now,
        };
        let history = self.function.start(&start);
        let is_equal = |stored: &&Stored| {
            stored.is_returned
                && subject(call) == Some(stored.subject)
                && is_live(&state, stored.meeting_id)
        };
        let returned_before = state.stored.iter().find(is_equal).map(|it| it.meeting_id);
        let lifetime = u64::from(self.scenario.lifetime) * SECONDS_PER_TICK;
        let is_due = |item: &&Value| {
            let known_at = integer(item, "CheckedAt").max(Some(expires_at(item) - lifetime));
            known_at.is_some_and(|known_at| known_at + SETTLED_AFTER <= now)
                && meeting_id(item)
                    .and_then(|id| state.chime_sdk.ended(id))
                    .is_some_and(|ended| ended + DEADLINE <= state.clock)
        };
        let items = self.dynamodb.items(state.table);
        let ended_before = items.iter().find(is_due).and_then(meeting_id);
        let marked = items.iter().filter(|item| item.get("EndedAt").is_some());
        let marked_before = marked.filter_map(|item| meeting_id(item).or_else(|| owned(item)));
        let invocation = Invocation {
            call,
            target,
            started: state.clock,
            history,
            half: None,
            returned_before,
            ended_before,
            marked_before: marked_before.collect(),
        };
        state.invocations.push(None);
        self.follow(state, number, invocation, history)
    }

    /// What follows when the request of an invocation meets its fate.
    fn meet(
        &mut self,
        mut state: State,
        number: usize,
        waiting: Invocation,
        fate: Fate,
    ) -> Result<(State, Option<Response>)> {
        let request = self.request(waiting.history)?;
        let observed = match fate {
            Fate::Respond => self.perform(&mut state, request, waiting.half)?,
            Fate::ReadHalf(key) => {
                let half = Some(Half { key, table: state.table });
                state.invocations[number] = Some(Invocation { half, ..waiting });
                return Ok((state, None));
            }
            Fate::LoseResponse => {
                self.perform(&mut state, request, waiting.half)?;
                self.function.number(Observation::Closed)
            }
            Fate::LoseRequest => self.function.number(Observation::Closed),
            Fate::TimeOut => {
                self.abandon(&mut state, &waiting);
                self.function.number(Observation::TimedOut)
            }
            Fate::NotKnownYet => self.function.number(not_found()),
            Fate::Conflict => {
                let conflict = conflict(self.function.request(request));
                self.function.number(conflict)
            }
            Fate::Kill => {
                self.abandon(&mut state, &waiting);
                return Ok((state, None));
            }
        };
        let history = self.function.observe(waiting.history, observed);
        Ok(self.follow(state, number, waiting, history))
    }

    /// Performs a request, and returns the response.
    fn perform(
        &mut self,
        state: &mut State,
        id: RequestId,
        half: Option<Half>,
    ) -> Result<ObservationId> {
        let request = self.function.request(id);
        if request.target.starts_with('/') {
            let response = state.chime_sdk.perform(request, state.clock);
            return Ok(self.function.number(response));
        }
        let key = (state.table, id, half);
        let (table, response) = if let Some(responded) = self.responded.get(&key) {
            *responded
        } else {
            let (table, response) = self.dynamodb.perform(state.table, half, request)?;
            let response = self.function.number(response);
            self.responded.insert(key, (table, response));
            (table, response)
        };
        if table != state.table {
            note_puts(state, self.dynamodb.items(state.table), self.dynamodb.items(table));
            state.table = table;
        }
        Ok(response)
    }

    /// What an invocation does after this history.
    fn follow(
        &self,
        mut state: State,
        number: usize,
        invocation: Invocation,
        history: History,
    ) -> (State, Option<Response>) {
        let reply = match self.function.next(history) {
            Next::Request(_) => {
                let invocation = Invocation { history, half: None, ..invocation };
                state.invocations[number] = Some(invocation);
                return (state, None);
            }
            Next::Reply(reply) => reply,
        };
        let outcome = outcome(reply);
        let sent = self.function.before(history).filter_map(|(next, observed)| match next {
            Next::Request(id) => Some((self.function.request(*id), observed)),
            Next::Reply(_) => None,
        });
        let sent: Vec<_> = sent.collect();
        let last_check = sent.iter().find(|(request, _)| request.method == "GET");
        let is_unchecked =
            last_check.is_some_and(|(_, it)| !matches!(it, Observation::Response(200 | 404, _)));
        let called_chime_sdk = sent.iter().any(|(request, _)| request.target.starts_with('/'));
        let returned = outcome.meeting();
        if let Some(stored) = state.stored.iter_mut().find(|it| returned == Some(it.meeting_id)) {
            stored.is_returned = true;
            stored.creations += u8::from(matches!(outcome, Outcome::Created(_)));
        }
        (state, Some(Response { by: invocation, outcome, is_unchecked, called_chime_sdk }))
    }
}

/// What can happen to a request.
fn fates(request: &Request, half: Option<Half>) -> Vec<Fate> {
    let mut fates = vec![Fate::LoseRequest, Fate::TimeOut, Fate::Kill];
    if request.target == "BatchGetItem" && half.is_none() {
        fates.extend([Fate::ReadHalf(0), Fate::ReadHalf(1)]);
    } else {
        fates.extend([Fate::Respond, Fate::LoseResponse]);
    }
    if is_write(request) {
        fates.push(Fate::Conflict);
    }
    fates
}

/// Whether a request of `DynamoDB` writes.
fn is_write(request: &Request) -> bool {
    matches!(&*request.target, "PutItem" | "UpdateItem" | "TransactWriteItems")
}

/// `DynamoDB`'s response to a write that conflicts with a transaction.
fn conflict(request: &Request) -> Observation {
    let body: Value = serde_json::from_str(&request.body).unwrap_or_default();
    let Some(actions) = body["TransactItems"].as_array() else {
        let body = json!({"__type": "TransactionConflictException"});
        return Observation::Response(400, body.to_string());
    };
    let mut reasons = vec![json!({"Code": "None"}); actions.len() - 1];
    reasons.push(json!({"Code": "TransactionConflict"}));
    let body = json!({"__type": "TransactionCanceledException", "CancellationReasons": reasons});
    Observation::Response(400, body.to_string())
}
