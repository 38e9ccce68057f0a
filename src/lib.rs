//! Amazon Chime's `CreateMeeting` as one Lambda function on `DynamoDB`, and the operations that follow it.
//!
//! A request to create a meeting passes through these modules, in this order:
//!
//! - [`gateway`]: parses the event of API Gateway or a function URL, and formats the response
//! - [`api`]: authorizes the caller and dispatches to the operation
//! - [`caller`]: the caller's identity, and which callers are allowed
//! - [`request`]: the parameters of the operation, validated
//! - [`create_meeting`]: the operation; creates a meeting, or replays one
//! - [`media_plane`]: where a meeting comes from: URL templates or the Amazon Chime SDK ([`chime_sdk`])
//! - [`store`]: the `DynamoDB` table
//! - [`response`]: the result of an operation
//!
//! Operations on existing meetings need no table: [`relay`] forwards them to the Amazon Chime SDK.
//! [`create_meeting_with_attendees`] combines both.
//!
//! Supporting modules: [`meeting`] (the meeting that is returned), [`error`] (error responses), [`attempts`]
//! (retries and timeouts of remote calls), [`settings`] (environment variables), [`client`] (connections to AWS's
//! services) and [`telemetry`] (log entries, metrics and traces).

pub mod api;
pub mod attempts;
pub mod caller;
pub mod chime_sdk;
pub mod client;
pub mod create_meeting;
pub mod create_meeting_with_attendees;
pub mod error;
pub mod gateway;
pub mod media_plane;
pub mod meeting;
pub mod relay;
pub mod request;
pub mod response;
pub mod settings;
pub mod store;
pub mod telemetry;
