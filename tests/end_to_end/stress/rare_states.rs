//! Random requests and faults that reach every outcome, error and retry.

use std::collections::BTreeSet;
use std::time::{Duration, SystemTime};

use local::chime_sdk::{Answer as ChimeAnswer, Fault as ChimeFault};
use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::fault_sequences::{chime_fault, fault};
use super::{for_all, iterations};
use crate::support::{Answer, CALLER, Call, Chime, DynamoDb, Event, Fault, Source};

const UNKNOWN: &str = "8d1f3c0e-5b7a-4c2d-8e9f-abcdef012345";

/// What must be reached: outcomes and errors by their names in the log, and how calls were retried.
const STATES: [&str; 25] = [
    "created",
    "replayed",
    "relayed",
    "listed",
    "conflicted",
    "refused",
    "failed",
    "BadRequestException",
    "ResourceLimitExceededException",
    "UnauthorizedClientException",
    "ForbiddenException",
    "ThrottledClientException",
    "ServiceFailureException",
    "ServiceUnavailableException",
    "NotFoundException",
    "UnprocessableEntityException",
    "MethodNotAllowedException",
    "store throttled, then done",
    "store failed, then done",
    "store throttled to the end",
    "store failed to the end",
    "store conflicted again and again",
    "upstream throttled, then done",
    "upstream throttled to the end",
    "upstream failed to the end",
];

/// Requests for new meetings, for this one, and others.
fn event(meeting_id: &str) -> impl Strategy<Value = Event> + use<> {
    let create = |token: usize, subject: usize| {
        let body = json!({
            "ClientRequestToken": format!("token-{token}"),
            "ExternalMeetingId": format!("subject-{subject}"),
        });
        Call::new("POST", "/meetings").body(body).event(Source::RestRoute)
    };
    // Only this one can be unprocessable.
    let stop = Call::new("POST", format!("/meetings/{meeting_id}/transcription"));
    let stop = stop.query("operation", "stop").event(Source::RestRoute);
    let get = Call::new("GET", format!("/meetings/{meeting_id}")).event(Source::RestRoute);
    let other = prop::sample::select(vec![
        Call::new("GET", format!("/meetings/{UNKNOWN}")).event(Source::RestRoute),
        Call::new("POST", format!("/meetings/{UNKNOWN}/attendees"))
            .body(json!({"ExternalUserId": "anna"}))
            .event(Source::RestRoute),
        Call::new("DELETE", format!("/meetings/{UNKNOWN}")).event(Source::RestRoute),
        Call::new("GET", "/meetings").event(Source::RestRoute),
        Call::new("PATCH", "/meetings").event(Source::RestRoute),
        Event::rest().invalid(),
        Event::rest().anonymous(),
        Event::rest().set("/requestContext/identity/accountId", json!("444455556666")),
    ]);
    prop_oneof![
        4 => (0..40_usize, 0..4_usize).prop_map(move |(token, subject)| create(token, subject / 3)),
        1 => Just(stop),
        1 => Just(get),
        2 => other,
    ]
}

/// Sequences of one fault again and again, which exhaust retries, or of random ones.
fn faults() -> impl Strategy<Value = Vec<Fault>> {
    prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(fault(), 0..4),
        2 => (fault(), prop::sample::select(vec![1, 12])).prop_map(|(it, times)| vec![it; times]),
        1 => Just(vec![Fault::before(Answer::Refusal(400, "TransactionConflictException")); 12]),
    ]
}

/// The states of a request that its log entry tells.
fn states(record: &Value) -> BTreeSet<String> {
    let text = |field: &str| record[field].as_str().unwrap_or_default().to_owned();
    let number = |field: &str| record[field].as_u64().unwrap_or_default();
    let (outcome, error) = (text("outcome"), text("error"));
    let is_done = matches!(&*outcome, "created" | "replayed" | "relayed" | "listed");
    let mut states = BTreeSet::from([outcome, error]);
    for (service, metrics) in [("store", "Store"), ("upstream", "Upstream")] {
        let throttles = number(&format!("{service}Throttles"));
        let failures = number(&format!("{service}Attempts")).saturating_sub(throttles);
        let mut reach = |state: &str, is_reached: bool| {
            if is_reached {
                states.insert(format!("{service} {state}"));
            }
        };
        reach("throttled, then done", is_done && throttles > 0);
        // A request calls each service at most twice.
        reach("failed, then done", is_done && failures > 2);
        reach("throttled to the end", number(&format!("{metrics}Throttles")) == 1);
        reach("failed to the end", number(&format!("{metrics}Errors")) == 1);
        // Other failures are retried twice.
        let is_first_call = number("upstreamAttempts") == 0;
        reach("conflicted again and again", is_first_call && !is_done && failures > 3);
    }
    states
}

#[test]
fn every_outcome_error_and_retry_is_reached() {
    let runtime = Runtime::new().unwrap();
    let (dynamodb, chime) =
        runtime.block_on(async { (DynamoDb::start().await, Chime::start().await) });
    let settings = [
        ("ALLOWED_ACCOUNT_IDS", CALLER),
        ("DAILY_MEETING_LIMIT", "20"),
        ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
    ];
    let function = runtime.block_on(chime.function(&dynamodb, &settings));
    runtime.block_on(dynamodb.own(UNKNOWN));
    let meeting_id = runtime.block_on(function.invoke(&Event::rest())).meeting_id();
    let cases = iterations(400, 4_000);
    let upstream = prop_oneof![
        2 => Just(Vec::new()),
        1 => prop::collection::vec(chime_fault(), 0..3),
        1 => Just(vec![ChimeFault::before(ChimeAnswer::Refusal(422, "UnprocessableEntityException"))]),
        1 => Just(vec![ChimeFault::before(ChimeAnswer::Refusal(429, "ThrottlingException")); 4]),
        2 => (chime_fault(), prop::sample::select(vec![1, 4])).prop_map(|(it, times)| vec![it; times]),
    ];
    for_all(
        &runtime,
        cases,
        &(event(&meeting_id), faults(), upstream),
        async |(event, store, upstream)| {
            dynamodb.set_faults(store);
            chime.service.set_faults(upstream);
            let deadline = SystemTime::now() + Duration::from_secs(2);
            function.invoke_by(deadline, &event).await.assert_modelled();
        },
    );
    let records = runtime.block_on(function.process.records(1 + cases as usize));
    let reached: BTreeSet<_> = records.iter().flat_map(states).collect();
    let missing: Vec<_> = STATES.iter().filter(|state| !reached.contains(**state)).collect();
    assert!(missing.is_empty(), "not reached: {missing:?}");
    println!("rare states: all {} in {cases} requests", STATES.len());
}
