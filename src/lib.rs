//! Amazon Chime's `CreateMeeting` as one Lambda function on `DynamoDB`, and the operations that follow it.
//!
//! Data goes one way:
//!
//! - [`gateway`]: an API Gateway or function URL event, and the reply to it
//! - [`endpoint`]: what is served, and to whom
//! - [`caller`]: who calls, and who may
//! - [`request`]: what was asked for, and every constraint on it
//! - [`create_meeting`]: the operation; creates a meeting or replays one
//! - [`media_plane`]: where a meeting comes from, a template or the Amazon Chime SDK ([`chime_sdk`])
//! - [`store`]: the table, one read and one conditional write
//! - [`response`]: what the client gets
//!
//! The operations on meetings that exist take another way: [`relay`] passes them on to the Amazon Chime SDK.
//! [`create_meeting_with_attendees`] is one of each.
//!
//! Supporting modules: [`meeting`] (what is stored and returned), [`error`] (error responses), [`attempts`] (calls
//! of remote services), [`settings`] (the environment, read once), [`client`] (how the services are reached) and
//! [`telemetry`] (what operators see).

pub mod attempts;
pub mod caller;
pub mod chime_sdk;
pub mod client;
pub mod create_meeting;
pub mod create_meeting_with_attendees;
pub mod endpoint;
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
