//! The traces of requests in X-Ray.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::support::Answer::{Closed, Refusal};
use crate::support::{DynamoDb, Event, Fault, Function, XRay};

#[tokio::test]
async fn a_sampled_trace_contains_the_dynamodb_call() {
    let dynamodb = DynamoDb::start().await;
    let xray = XRay::start().await;
    let settings = [("AWS_LAMBDA_LOG_FORMAT", "JSON"), ("AWS_XRAY_DAEMON_ADDRESS", &*xray.address)];
    let mut function = Function::start_with(&dynamodb, &settings).await;
    // These are not sampled or not valid, or their request does not reach the store.
    for header in [
        "",
        "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8;Sampled=0",
        "Root=1-00000000-000000000000000000000000;Parent=53995c3f42cd8ad8",
        "Root=1-00000000-000000000000000000000000;Sampled=1",
        "Root=1-00000000-s3cr3t;Parent=53995c3f42cd8ad8;Sampled=1",
    ] {
        function.trace_header = header;
        assert_eq!(function.invoke(&Event::named("rest-create")).await.status, 201);
    }
    function.trace_header = "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1;Lineage=1:8a3c60f7:0";
    assert_eq!(function.invoke(&Event::named("rest-invalid")).await.status, 400);
    for (faults, status, expected) in [
        (vec![], 201, json!({"fault": false, "error": false, "throttle": false, "retries": 0})),
        (
            vec![Fault::before(Closed)],
            201,
            json!({"fault": false, "error": false, "throttle": false, "retries": 1}),
        ),
        (
            vec![Fault::before(Closed); 3],
            503,
            json!({"fault": true, "error": false, "throttle": false, "retries": 2}),
        ),
        (
            vec![Fault::before(Refusal(400, "ThrottlingException")); 3],
            429,
            json!({"fault": false, "error": true, "throttle": true, "retries": 2}),
        ),
    ] {
        dynamodb.set_faults(faults);
        let began = SystemTime::now();
        assert_eq!(function.invoke(&Event::named("rest-create")).await.status, status);
        let ended = SystemTime::now();

        let mut document = xray.received().await;

        let times = ["start_time", "end_time"].map(|name| {
            Duration::from_secs_f64(
                document.as_object_mut().unwrap().remove(name).unwrap().as_f64().unwrap(),
            )
        });
        let slack = Duration::from_millis(1);
        assert!(began - slack <= UNIX_EPOCH + times[0] && times[0] < times[1], "{times:?}");
        assert!(UNIX_EPOCH + times[1] <= ended + slack, "{times:?}");
        let id = document.as_object_mut().unwrap().remove("id").unwrap();
        let id = id.as_str().unwrap();
        assert!(id.len() == 16 && u64::from_str_radix(id, 16).is_ok(), "{id}");
        assert_eq!(
            document,
            json!({
                "type": "subsegment",
                "namespace": "aws",
                "name": "DynamoDB",
                "trace_id": "1-6743a1f0-0a1b2c3d4e5f60718293a4b5",
                "parent_id": "53995c3f42cd8ad8",
                "fault": expected["fault"],
                "error": expected["error"],
                "throttle": expected["throttle"],
                "aws": {"operation": "PutItem", "retries": expected["retries"]},
            })
        );
    }
    let records = function.process.records(10).await;
    let trace_ids: Vec<_> = records.iter().map(|record| &record["traceId"]).collect();
    let (zero, none) = (json!("1-00000000-000000000000000000000000"), Value::Null);
    assert_eq!(
        trace_ids[..6],
        [&none, &zero, &zero, &zero, &none, &json!("1-6743a1f0-0a1b2c3d4e5f60718293a4b5")]
    );
}

#[tokio::test]
async fn an_unreachable_daemon_does_not_prevent_a_response() {
    let dynamodb = DynamoDb::start().await;
    // Nothing listens on the discard port.
    for (address, warnings) in
        [("127.0.0.1:9", 0), ("", 0), ("localhost", 1), ("127.0.0.1:2000 ", 1)]
    {
        let settings = [("AWS_XRAY_DAEMON_ADDRESS", address)];
        let mut function = Function::start_with(&dynamodb, &settings).await;
        function.trace_header =
            "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1";
        for _ in 0..3 {
            assert_eq!(function.invoke(&Event::named("rest-create")).await.status, 201);
        }
        let output = function.process.stop().await;
        assert_eq!(output.matches("AWS_XRAY_DAEMON_ADDRESS").count(), warnings, "{output}");
    }
}
