//! The function's protocol in every order of events.
//!
//! Clients send requests about one token, and delete its meetings; events tell that they have ended. Each is an
//! invocation of the real code, from the event to the reply ([`function`]). Its remote calls end at a table
//! ([`dynamodb`]) and an Amazon Chime SDK ([`chime_sdk`]) that are values, so that the explorer ([`explore`]) can go back
//! to any moment and let something else happen: everything that [`action::Action`] lists. It visits all orders of events
//! within the bound of a [`scenario`], and after each step, everything in [`properties`] must hold.
//!
//! Two orders that lead to the same state continue alike, so each state is visited once. That includes what each
//! invocation has observed, and what the properties need to know about the past.

pub mod action;
pub mod chime_sdk;
pub mod client;
pub mod dynamodb;
pub mod explore;
pub mod function;
pub mod item;
pub mod names;
pub mod properties;
mod run;
pub mod scenario;
pub mod state;
pub mod world;

/// A result whose error only a person reads.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error + Send + Sync>>;
