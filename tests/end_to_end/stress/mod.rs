//! Randomized tests that need many iterations: a few in `make test`, many in `make stress`.

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

/// The number of iterations: `make stress` sets `STRESS`.
fn iterations(in_test: u32, in_stress: u32) -> u32 {
    if std::env::var_os("STRESS").is_some() { in_stress } else { in_test }
}

/// Asserts that `test` passes for `cases` values; otherwise, finds the simplest that fails.
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
