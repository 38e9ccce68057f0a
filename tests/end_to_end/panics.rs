//! A panic is reported as a server-side fault.

use std::path::Path;

use crate::support::{DynamoDb, Event, Function, program};

#[tokio::test]
async fn a_panic_is_logged_with_its_location_and_the_function_survives() {
    let dynamodb = DynamoDb::start().await;
    let mut command = program::in_lambda(Path::new(env!("CARGO_BIN_EXE_panicking-function")));
    command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint);
    let function = Function::spawn(command.env("AWS_LAMBDA_LOG_FORMAT", "JSON")).await;

    let reply = function.invoke(&Event::url()).await;

    reply.assert_modelled();
    assert_eq!(reply.status, 500, "{reply:?}");
    let next = function.invoke(&Event::url()).await;
    assert_eq!((next.status, next.is_replay()), (201, false), "{next:?}");
    let log = function.process.stop().await;
    assert!(log.contains(": a panic at tests/end_to_end/panicking_function.rs:"), "{log}");
    assert!(log.contains(&reply.headers["x-amzn-requestid"]), "{log}");
    assert!(!log.contains("s3cr3t"), "a panic's message may quote secrets: {log}");
}
