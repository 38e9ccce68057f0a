//! Randomized tests that need many iterations: a few in `make test`, many in `make stress`.

mod crashes;
mod fault_sequences;
mod oracle;
mod races;
mod rare_states;
mod raw_events;
mod relayed;
mod requests;

use std::fmt::Debug;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngSeed, TestRunner};
use tokio::runtime::Runtime;

/// Whether `make stress` runs these tests.
fn is_stress() -> bool {
    std::env::var_os("STRESS").is_some()
}

/// The number of iterations.
fn iterations(in_test: u32, in_stress: u32) -> u32 {
    if is_stress() { in_stress } else { in_test }
}

/// Asserts that `test` passes for `cases` values; otherwise, finds the simplest that fails. The values of `make test` are
/// the same each time.
fn for_all<S>(runtime: &Runtime, cases: u32, values: &S, test: impl AsyncFn(S::Value))
where
    S: Strategy<Value: Debug>,
{
    let rng_seed = if is_stress() { RngSeed::Random } else { RngSeed::Fixed(1) };
    let config = Config { cases, rng_seed, failure_persistence: None, ..Config::default() };
    let result = TestRunner::new(config).run(values, |value| {
        runtime.block_on(test(value));
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
