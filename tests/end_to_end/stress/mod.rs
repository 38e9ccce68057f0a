//! What only many tries can show: a few of them in `make test`, many in `make stress`.

mod crashes;
mod fault_sequences;
mod oracle;
mod races;
mod raw_events;
mod relayed;
mod requests;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

/// How many tries there are: `make stress` sets `STRESS`.
fn tries(in_test: u32, in_stress: u32) -> u32 {
    if std::env::var_os("STRESS").is_some() { in_stress } else { in_test }
}

/// Requires of `cases` values that `test` ends well, and else looks for the simplest that does not.
fn for_all<S>(runtime: &Runtime, cases: u32, values: &S, test: impl AsyncFn(S::Value))
where
    S: Strategy<Value: Debug>,
{
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(values, |value| {
        runtime.block_on(test(value));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
