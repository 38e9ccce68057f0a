//! Local stand-ins for AWS's services: an embedded `DynamoDB`, the Amazon Chime SDK in memory, and the Lambda Runtime
//! API. The program `local-aws` runs a command beside the first two.

pub mod chime_sdk;
pub mod dynamodb;
mod result;
pub mod runtime_api;

pub use result::Result;
