//! Amazon Chime's `CreateMeeting` as one Lambda function on `DynamoDB`.
//!
//! Data goes one way:
//!
//! - [`gateway`]: an API Gateway or function URL event, and the reply to it
//! - [`caller`]: who calls, and who may
//! - [`request`]: what was asked for, and every constraint on it
//! - [`create_meeting`]: the operation; creates a meeting or replays one
//! - [`media_plane`]: where a meeting comes from, a template or the Amazon Chime SDK ([`chime_sdk`])
//! - [`store`]: the table, one read and one conditional write
//!
//! Supporting modules: [`meeting`] (the response), [`error`] (error responses), [`attempts`] (calls of remote
//! services), [`settings`] (the environment, read once), [`client`] (how the services are reached) and
//! [`telemetry`] (what operators see).

pub mod attempts;
pub mod caller;
pub mod chime_sdk;
pub mod client;
pub mod create_meeting;
pub mod error;
pub mod gateway;
pub mod media_plane;
pub mod meeting;
pub mod request;
pub mod settings;
pub mod store;
pub mod telemetry;
