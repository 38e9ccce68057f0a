//! Every order of events, depth first.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::Result;
use crate::action::Action;
use crate::properties::{ALWAYS, After, SOMETIMES, SOMETIMES_WITH_CHIME_SDK};
use crate::scenario::Scenario;
use crate::state::State;
use crate::world::World;

/// What was explored.
#[derive(Debug)]
pub struct Explored {
    scenario: Scenario,
    /// How many states there are.
    states: usize,
    /// How many orders of events there are: paths from the beginning to a state in which nothing can happen any more.
    orders: f64,
    /// How many sequences of observations the code was run for.
    histories: usize,
    /// The rare things that happened.
    pub happened: BTreeSet<&'static str>,
}

impl fmt::Display for Explored {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let Self { scenario, states, orders, histories, .. } = self;
        write!(f, "{scenario}: {orders:.1e} orders through {states} states. ")?;
        write!(f, "The code ran for {histories} different observations.")
    }
}

struct Explorer {
    world: World,
    /// The number of orders that begin in each state that was seen. A fingerprint stands for the state.
    seen: HashMap<u64, f64>,
    happened: BTreeSet<&'static str>,
    /// How many faults may happen.
    faults: u8,
    /// Which of the possible actions was taken in each step.
    order: Vec<usize>,
    /// The property that does not hold after it.
    violated: Option<&'static str>,
}

/// Visits every order of events of a scenario.
///
/// # Errors
/// The simplest order that violates a property, in words, and the embedded engine's errors.
pub fn explore(scenario: &Scenario) -> Result<Explored> {
    let mut explorer = Explorer {
        world: World::new(scenario.clone())?,
        seen: HashMap::new(),
        happened: BTreeSet::new(),
        faults: 0,
        order: Vec::new(),
        violated: None,
    };
    let mut orders = 0.0;
    // With the fewest faults first, so that a violation is as simple as possible.
    for faults in 0..=scenario.faults {
        explorer.seen.clear();
        explorer.faults = faults;
        orders = explorer.visit(&explorer.world.begin(faults))?;
        if let Some(property) = explorer.violated {
            let story = play(scenario, faults, &explorer.order)?;
            let order: Vec<_> = explorer.order.iter().map(usize::to_string).collect();
            let again = format!("{} {faults} {}", scenario.name, order.join("."));
            return Err(format!(
                "{scenario}\nIt does not hold that {property}:\n{story}\n\
                 Play it again: cargo run --package protocol -- {again}"
            )
            .into());
        }
    }
    let (states, histories) = (explorer.seen.len(), explorer.world.function.histories());
    let (scenario, happened) = (scenario.clone(), explorer.happened);
    Ok(Explored { scenario, states, orders, histories, happened })
}

impl Explorer {
    /// Returns how many orders begin in `state`. If one violates a property, it stops there.
    fn visit(&mut self, state: &State) -> Result<f64> {
        let fingerprint = fingerprint(state);
        if let Some(orders) = self.seen.get(&fingerprint) {
            return Ok(*orders);
        }
        let mut orders = 0.0;
        for (index, action) in self.world.actions(state).into_iter().enumerate() {
            self.order.push(index);
            let next = self.take(state, action)?;
            if self.violated.is_none() {
                orders += self.visit(&next)?;
            }
            if self.violated.is_some() {
                return Ok(orders);
            }
            self.order.pop();
        }
        let orders = f64::max(orders, 1.0);
        self.seen.insert(fingerprint, orders);
        Ok(orders)
    }

    fn take(&mut self, state: &State, action: Action) -> Result<State> {
        let (state, response) = self.world.step(state, action)?;
        let dynamodb = &self.world.dynamodb;
        let (response, faults) = (response.as_ref(), self.faults);
        let after = After { state: &state, response, faults, dynamodb };
        self.violated = ALWAYS.iter().find(|(_, holds)| !holds(after)).map(|(name, _)| *name);
        for (name, happens) in SOMETIMES.into_iter().chain(SOMETIMES_WITH_CHIME_SDK) {
            if !self.happened.contains(name) && happens(after) {
                self.happened.insert(name);
            }
        }
        Ok(state)
    }
}

fn fingerprint(state: &State) -> u64 {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    hasher.finish()
}

/// Plays an order of events again, and returns it in words.
///
/// # Errors
/// If the scenario has no such order, and those of the embedded engine.
pub fn play(scenario: &Scenario, faults: u8, order: &[usize]) -> Result<String> {
    let mut world = World::new(scenario.clone())?;
    let mut state = world.begin(faults);
    let mut lines = Vec::new();
    for index in order {
        let actions = world.actions(&state);
        let action = *actions.get(*index).ok_or("the scenario has no such order")?;
        let request = match action {
            Action::Remote(number, _) => {
                let waiting = state.invocations[number].as_ref().ok_or("it is over")?;
                Some(world.request(waiting.history)?)
            }
            Action::PerformLate(index) => Some(state.late[index].request),
            _ => None,
        };
        lines.push(action.to_string());
        let request = request.map(|id| world.function.request(id));
        lines.extend(request.map(|it| format!("    {} {}", it.target, it.body)));
        let (next, response) = world.step(&state, action)?;
        lines.extend(response.map(|it| format!("    the client gets {:?}", it.outcome)));
        state = next;
    }
    Ok(lines.join("\n"))
}
