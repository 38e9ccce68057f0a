//! Every property holds in every order of events.
#![allow(clippy::unwrap_used, reason = "a test panics on anything unexpected")]

use std::collections::BTreeSet;

use protocol::explore::explore;
use protocol::properties::{Property, SOMETIMES, SOMETIMES_WITH_CHIME_SDK};
use protocol::scenario::{MORE, SCENARIOS};

/// Explores the scenarios of one media plane. `make stress` sets `STRESS`, which adds those that take longer.
fn explore_all(has_chime_sdk: bool, must_happen: impl IntoIterator<Item = Property>) {
    let more = if std::env::var_os("STRESS").is_some() { &MORE[..] } else { &[] };
    let scenarios = SCENARIOS.iter().chain(more).filter(|it| it.has_chime_sdk == has_chime_sdk);
    let mut happened = BTreeSet::new();
    for scenario in scenarios {
        let mut explored = explore(scenario).unwrap_or_else(|error| panic!("{error}"));
        println!("{explored}");
        happened.append(&mut explored.happened);
    }
    for (name, _) in must_happen {
        assert!(happened.contains(name), "it never happens that {name}");
    }
}

#[test]
fn every_property_holds_for_templates() {
    explore_all(false, SOMETIMES);
}

#[test]
fn every_property_holds_for_chime_sdk_meetings() {
    explore_all(true, SOMETIMES.into_iter().chain(SOMETIMES_WITH_CHIME_SDK));
}
