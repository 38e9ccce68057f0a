//! Amazon Chime's `CreateMeeting` as one Lambda function on `DynamoDB`.
//!
//! Data goes one way:
//!
//! - [`gateway`]: an API Gateway or function URL event, and the reply to it
//! - [`caller`]: who calls, and who may
//! - [`request`]: what was asked for, and every constraint on it
//! - [`create_meeting`]: the operation; creates a meeting or replays one
//! - [`media_plane`]: where a meeting's URLs come from
//! - [`store`]: the table, and the one conditional write
//!
//! Beside the way stand [`meeting`] (what is answered), [`error`] (what is answered instead),
//! [`settings`] (the environment, read once), [`client`] (how `DynamoDB` is reached) and
//! [`telemetry`] (what operators see).

pub mod caller;
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
