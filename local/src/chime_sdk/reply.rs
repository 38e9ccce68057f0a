//! Responses in AWS's form.

use hyper::Response;
use hyper::body::Bytes;
use serde_json::{Value, json};
use uuid::Uuid;

use super::error::Error;
use crate::result::Result;

/// A success. The body is empty if the output is null.
pub fn output(status: u16, output: &Value) -> Result<Response<Bytes>> {
    let reply = Response::builder().status(status).header("x-amzn-RequestId", request_id());
    if output.is_null() {
        return Ok(reply.body(Bytes::new())?);
    }
    let reply = reply.header("content-type", "application/json");
    Ok(reply.body(output.to_string().into())?)
}

pub fn error(error: &Error) -> Result<Response<Bytes>> {
    let id = request_id();
    let body = json!({"Code": error.code(), "Message": error.message, "RequestId": id});
    let reply = Response::builder()
        .status(error.status)
        .header("content-type", "application/json")
        .header("x-amzn-ErrorType", error.name)
        .header("x-amzn-RequestId", id);
    Ok(reply.body(body.to_string().into())?)
}

fn request_id() -> String {
    Uuid::new_v4().to_string()
}
