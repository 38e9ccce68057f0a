//! Amazon Chime's `CreateMeeting` as one Lambda function on `DynamoDB`, and the operations that follow it.
//!
//! The modules follow the path of a request, which is also the order in which to read them. A module only imports
//! modules of later lines.
//!
//! - [`gateway`]: the outermost layer: reads a request from an event, and formats the response
//! - [`api`]: authorizes the caller and dispatches to the operation
//! - [`telemetry`]: a log entry for each request, with its metrics
//! - [`operations`]: `CreateMeeting`, `CreateMeetingWithAttendees`, `ListMeetings`, those forwarded to the Amazon Chime
//!   SDK, and the event that a meeting has ended
//! - [`media_plane`]: where a meeting comes from; [`store`]: the `DynamoDB` table
//! - [`operation`]: the API's operations in one table, and the route of a request
//! - [`chime_sdk`]: signed requests to the Amazon Chime SDK; [`request`]: the parameters of operations, validated
//! - [`attempts`]: retries of remote calls; [`http_request`]: a plain request; [`response`]: a plain response
//! - [`invocation`]: when its request arrived, its deadline, and its remote calls
//! - [`client`]: connections to AWS's services, made at start
//! - [`settings`]: the environment variables, read at start
//! - [`caller`]: the caller's identity, and which callers are allowed; [`meeting`]: the meeting that is returned
//! - [`error`]: error responses

pub mod api;
pub mod attempts;
pub mod caller;
pub mod chime_sdk;
pub mod client;
pub mod error;
pub mod gateway;
pub mod http_request;
pub mod invocation;
pub mod media_plane;
pub mod meeting;
pub mod operation;
pub mod operations;
pub mod request;
pub mod response;
pub mod settings;
pub mod store;
pub mod telemetry;
