//! Every property holds in every order of events, and every part of the protocol is needed for that.

use protocol_model::MediaPlane::{ChimeSdkMeetings, Templates};
use protocol_model::{MediaPlane, Part, Protocol};
use stateright::{Checker, Expectation, HasDiscoveries, Model};

/// By then, an item can have expired, and the next one too.
const LAST_TICK: u8 = 6;

/// Visits all states. If there are few, the model is broken.
#[track_caller]
fn explore(media_plane: MediaPlane, invocations: usize, last_tick: u8) -> impl Checker<Protocol> {
    let protocol = Protocol { media_plane, left_out: None, invocations, last_tick };
    let any = HasDiscoveries::AnyFailures;
    let checker = protocol.checker().finish_when(any).spawn_bfs().join();
    let properties = checker.model().properties();
    for property in properties.iter().filter(|it| it.expectation == Expectation::Always) {
        checker.assert_no_discovery(property.name);
    }
    let states = checker.unique_state_count();
    assert!(states > 100_000, "only {states} states");
    checker
}

#[test]
fn every_property_holds_for_templates() {
    explore(Templates, 4, LAST_TICK).assert_properties();
}

#[test]
fn every_property_holds_for_chime_sdk_meetings() {
    explore(ChimeSdkMeetings, 3, LAST_TICK).assert_properties();
}

/// Over a longer time, four invocations have too many states to visit. For the same reason, some of
/// the things that must happen somewhere do not happen here.
#[test]
fn every_property_holds_for_four_invocations_at_once() {
    let _ = explore(ChimeSdkMeetings, 4, 0);
}

/// Finds a state that violates `property`, and prints the path to it.
#[track_caller]
fn assert_violated(media_plane: MediaPlane, without: Part, property: &'static str) {
    let left_out = Some(without);
    let protocol = Protocol { media_plane, left_out, invocations: 3, last_tick: LAST_TICK };
    let found = HasDiscoveries::AllOf([property].into());
    let checker = protocol.checker().finish_when(found).spawn_bfs().join();
    println!(
        "Without {without:?}, it does not hold that {property}. {}",
        checker.assert_any_discovery(property)
    );
}

#[test]
fn the_upstream_token_must_depend_on_the_request() {
    assert_violated(
        ChimeSdkMeetings,
        Part::RequestInT,
        "only a meeting for the same request is returned",
    );
}

#[test]
fn the_upstream_token_must_depend_on_the_time() {
    assert_violated(
        ChimeSdkMeetings,
        Part::TimeInT,
        "a token that is free again gets a new meeting",
    );
    assert_violated(
        ChimeSdkMeetings,
        Part::TimeInT,
        "no meeting is returned that had ended before",
    );
}

#[test]
fn a_meeting_must_be_checked_before_an_old_item_is_replayed() {
    assert_violated(ChimeSdkMeetings, Part::Check, "no meeting is returned that had ended before");
}

#[test]
fn the_put_must_be_conditional() {
    for media_plane in [Templates, ChimeSdkMeetings] {
        assert_violated(media_plane, Part::Condition, "a token has at most one live meeting");
        assert_violated(
            media_plane,
            Part::Condition,
            "a retry returns the meeting that was returned before",
        );
    }
}

#[test]
fn the_condition_must_allow_replacing_only_the_ended_meeting() {
    assert_violated(
        ChimeSdkMeetings,
        Part::EndedClause,
        "no meeting is returned that had ended before",
    );
    assert_violated(
        ChimeSdkMeetings,
        Part::EndedComparison,
        "a token has at most one live meeting",
    );
}

#[test]
fn the_item_must_contain_the_write_id() {
    assert_violated(
        ChimeSdkMeetings,
        Part::WriteId,
        "a meeting is reported as created at most once",
    );
}

#[test]
fn a_rejected_put_must_return_the_existing_meeting() {
    for media_plane in [Templates, ChimeSdkMeetings] {
        assert_violated(media_plane, Part::Rejection, "only a meeting that was put is returned");
    }
}
