//! Black-box tests of the compiled function: real events through the Lambda Runtime API, a
//! `DynamoDB` that speaks the real protocol, and real SDK clients.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test panics on anything unexpected")]

mod callers;
mod chime_sdk;
mod constraints;
mod daily_limit;
mod dead_connections;
mod errors;
mod events;
mod faults;
mod hostile;
mod idempotency;
mod lifetimes;
mod meeting;
mod notifications;
mod operation_table;
mod operations;
mod panics;
mod privacy;
mod reused_tokens;
mod routes;
mod sdk_clients;
mod settings;
mod signing;
mod start_up;
mod stress;
mod support;
mod telemetry;
mod template;
mod transactions;
