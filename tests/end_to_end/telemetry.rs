//! Log entries and metrics of requests.

use serde_json::{Map, Value, json};

use crate::support::Answer::{Canceled, Closed, Raw, Refusal};
use crate::support::{CALLER, Chime, DynamoDb, Event, Fault, Function};

const JSON: (&str, &str) = ("AWS_LAMBDA_LOG_FORMAT", "JSON");
const TRACE_ID: &str = "1-6743a1f0-0a1b2c3d4e5f60718293a4b5";

/// Asserts that `CloudWatch` can extract metrics from a record, and returns them.
fn metrics_of(record: &Value) -> Map<String, Value> {
    let schema = serde_json::from_str(include_str!("emf_schema.json")).unwrap();
    jsonschema::validate(&schema, record).unwrap_or_else(|error| panic!("{error}: {record}"));
    let [directive] = &record["_aws"]["CloudWatchMetrics"].as_array().unwrap()[..] else {
        panic!("one directive: {record}")
    };
    assert_eq!(directive["Namespace"], "CreateMeeting");
    assert_eq!(directive["Dimensions"], json!([["FunctionName"]]));
    assert_eq!(record["FunctionName"], "create-meeting");
    let metrics = directive["Metrics"].as_array().unwrap().iter();
    let unit = |name: &str| if name.ends_with("Latency") { "Milliseconds" } else { "Count" };
    metrics
        .map(|metric| {
            let name = metric["Name"].as_str().unwrap();
            assert_eq!(metric["Unit"], unit(name), "{name}");
            assert!(record[name].is_number(), "{name}: {record}");
            (name.into(), record[name].clone())
        })
        .collect()
}

/// A record without its metrics and times.
fn properties_of(record: &Value) -> Value {
    let mut properties = record.as_object().unwrap().clone();
    let metrics = metrics_of(record);
    properties.retain(|name, _| !metrics.contains_key(name));
    for name in ["_aws", "FunctionName"] {
        properties.remove(name).unwrap();
    }
    let timestamp = properties.remove("timestamp").unwrap();
    assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
    properties.remove("lambdaRequestId");
    properties.into()
}

#[tokio::test]
async fn each_request_emits_one_log_entry_with_its_metrics() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[JSON]).await;
    let create = || Event::rest();
    let refusal = |status: u16, error: &str, message: &str| {
        let message = format!("{error}: {message}");
        json!({"outcome": "refused", "status": status, "error": error, "message": message})
    };
    let cases = [
        (
            create(),
            "Created",
            json!({
                "outcome": "created", "status": 201, "mediaRegion": "us-east-1", "consumedCapacity": 1.0,
                "coldStart": 1,
            }),
        ),
        (
            Event::rest().replay(),
            "Replayed",
            json!({"outcome": "replayed", "status": 201, "mediaRegion": "us-east-1"}),
        ),
        (
            Event::rest().mismatch(),
            "Conflicted",
            json!({
                "outcome": "conflicted", "status": 400, "mediaRegion": "eu-west-1",
                "error": "BadRequestException",
                "message": "BadRequestException: This ClientRequestToken was already used with different \
                    values for: ExternalMeetingId, MediaRegion. Use a new token for a new meeting.",
            }),
        ),
        (
            create().body("{}"),
            "Refused",
            refusal(
                400,
                "BadRequestException",
                "1 validation error detected: Value at 'clientRequestToken' failed to satisfy \
                 constraint: Member must not be null",
            ),
        ),
        (
            create().set("/resource", json!("/s3cr3t")),
            "Refused",
            refusal(
                404,
                "NotFoundException",
                "The API has no such path. Create meetings with POST /meetings.",
            ),
        ),
        (
            create().set("/httpMethod", json!("S3CR3T")),
            "Refused",
            refusal(
                405,
                "MethodNotAllowedException",
                "Method not allowed on /meetings. Allowed: GET, POST.",
            ),
        ),
    ];
    for (number, (event, metric, mut expected)) in cases.into_iter().enumerate() {
        let reply = function.invoke(&event).await;

        let records = function.process.records(number + 1).await;
        let record = &records[number];
        for (name, value) in [
            ("requestId", "5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e"),
            ("extendedRequestId", "BkQx7HxGIAMEV5w="),
            ("accountId", CALLER),
            ("traceId", TRACE_ID),
            ("level", "INFO"),
        ] {
            expected[name] = json!(value);
        }
        if !matches!(reply.status, 404 | 405) {
            expected["operation"] = json!("CreateMeeting");
        }
        if reply.status == 201 {
            expected["meetingId"] = json!(reply.meeting_id());
        }
        if expected.get("mediaRegion").is_some() {
            let (latency, in_store) = (&record["Latency"], &record["storeLatency"]);
            let in_store_ms = in_store.as_f64().unwrap();
            assert!(0.0 < in_store_ms && in_store_ms < latency.as_f64().unwrap(), "{record}");
            expected["storeLatency"] = in_store.clone();
            expected["storeAttempts"] = json!(1);
        }
        assert_eq!(properties_of(record), expected);
        assert_eq!(record["lambdaRequestId"].as_str().map(str::len), Some(36), "{record}");
        assert_eq!(
            Value::from(metrics_of(record)),
            json!({"Latency": record["Latency"], metric: 1}),
            "{expected}"
        );
    }
}

/// With a function name as `CloudFormation` generates it. The first request of a process has a
/// longer entry.
#[tokio::test]
async fn the_log_entry_of_a_usual_create_is_at_most_900_bytes() {
    let name = ("AWS_LAMBDA_FUNCTION_NAME", "create-meeting-CreateMeetingFunction-a1B2c3D4e5F6");
    let chime = Chime::start().await;
    let (templates, chime_sdk_meetings) = (DynamoDb::start().await, DynamoDb::start().await);
    for function in [
        Function::start_with(&templates, &[JSON, name]).await,
        chime.function(&chime_sdk_meetings, &[JSON, name]).await,
    ] {
        function.invoke(&Event::rest()).await;
        let created =
            Event::create(&json!({"ClientRequestToken": "usual", "MediaRegion": "ap-northeast-1"}));
        assert_eq!(function.invoke(&created).await.status, 201);

        let output = function.process.stop().await;

        let line = output.lines().nth(1).unwrap();
        assert!(line.contains(r#""Created":1"#) && line.len() <= 900, "{}: {line}", line.len());
    }
}

#[tokio::test]
async fn a_server_side_fault_is_logged_with_its_full_cause_and_attempts() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[JSON]).await;
    let unavailable = Fault::before(Refusal(500, "InternalServerError"));
    let throttled = Fault::before(Refusal(400, "ThrottlingException"));
    let missing = Fault::before(Refusal(400, "ResourceNotFoundException"));
    for (number, (faults, status, attempts, throttles, metric, cause)) in [
        (vec![unavailable; 3], 503, 3, None, "StoreErrors", "InternalServerError on purpose"),
        (vec![throttled; 3], 429, 3, Some(3), "StoreThrottles", "ThrottlingException on purpose"),
        (vec![Fault::before(Closed); 3], 503, 3, None, "StoreErrors", "connection closed"),
        // A missing table is the operator's fault, not DynamoDB's.
        (
            vec![missing],
            500,
            1,
            None,
            "ServiceFailureException",
            "ResourceNotFoundException on purpose",
        ),
        // The client does not see what a retry absorbs.
        (vec![unavailable, throttled], 201, 3, Some(1), "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        dynamodb.set_faults(faults);
        let reply = function.invoke(&Event::rest()).await;

        assert_eq!(reply.status, status, "{cause}");
        let record = &function.process.records(number + 1).await[number];
        let metrics = Value::from(metrics_of(record));
        assert_eq!(record["status"], status, "{record}");
        assert_eq!(record["storeAttempts"], attempts, "{record}");
        assert_eq!(record.get("storeThrottles").and_then(Value::as_u64), throttles, "{record}");
        if metric.is_empty() {
            assert_eq!(metrics, json!({"Latency": record["Latency"], "Created": 1}));
        } else {
            assert_eq!(metrics, json!({"Latency": record["Latency"], "Failed": 1, metric: 1}));
            let name = record["error"].as_str().unwrap();
            let message = record["message"].as_str().unwrap();
            assert!(message.starts_with(name) && message.contains(cause), "{message}");
            assert_eq!(
                (&record["level"], &record["outcome"], &record["mediaRegion"]),
                (&json!("ERROR"), &json!("failed"), &json!("us-east-1"))
            );
        }
    }
}

#[tokio::test]
async fn throttled_transactions_are_in_the_log_entry() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[JSON, ("DAILY_MEETING_LIMIT", "9")]).await;
    dynamodb.set_faults([
        Fault::before(Canceled("ThrottlingError", "None")),
        Fault::before(Refusal(400, "ProvisionedThroughputExceededException")),
        Fault::before(Canceled("None", "TransactionConflict")),
    ]);

    let reply = function.invoke(&Event::rest()).await;

    assert_eq!(reply.status, 201, "{reply:?}");
    let [record] = &function.process.records(1).await[..] else { panic!("one record") };
    assert_eq!((&record["storeAttempts"], &record["storeThrottles"]), (&json!(4), &json!(2)));
    assert!(!metrics_of(record).contains_key("StoreThrottles"), "{record}");
    assert_eq!(
        record["consumedCapacity"], 4.0,
        "one unit for the meeting and one for the counter, doubled"
    );
}

#[tokio::test]
async fn the_log_level_filters_log_entries_but_not_metrics() {
    let dynamodb = DynamoDb::start().await;
    for (level, told) in [
        ("", ["INFO", "INFO", "ERROR"]),
        ("TRACE", ["INFO", "INFO", "ERROR"]),
        ("WARN", ["", "", "ERROR"]),
        ("ERROR", ["", "", "ERROR"]),
        ("FATAL", ["", "", ""]),
    ] {
        let settings = [JSON, ("AWS_LAMBDA_LOG_LEVEL", level)];
        let function = Function::start_with(&dynamodb, &settings).await;
        dynamodb.set_faults([]);
        assert_eq!(function.invoke(&Event::rest()).await.status, 201);
        assert_eq!(function.invoke(&Event::rest().invalid()).await.status, 400);
        dynamodb.set_fault(Fault::before(Raw(200, "{")));
        assert_eq!(function.invoke(&Event::rest()).await.status, 503);

        let records = function.process.records(3).await;

        for (record, told) in records.iter().zip(told) {
            assert!(metrics_of(record).contains_key("Latency"), "{record}");
            if told.is_empty() {
                // Lambda would drop an entry of a lower level.
                assert_eq!(properties_of(record), json!({"level": level}));
            } else {
                assert_eq!((&record["level"], record["status"].is_u64()), (&json!(told), true));
            }
        }
    }
}

#[tokio::test]
async fn a_log_entry_contains_a_well_formed_trace_id_only() {
    let dynamodb = DynamoDb::start().await;
    let mut function = Function::start_with(&dynamodb, &[JSON]).await;
    let zero = "1-00000000-000000000000000000000000";
    for (number, (header, expected)) in [
        ("", None),
        ("Root=1-00000000-s3cr3t;Parent=53995c3f42cd8ad8;Sampled=1", None),
        ("Root=2-00000000-000000000000000000000000", None),
        ("Root=1-00000000-000000000000000000000000-0", None),
        ("Root=1-00000000-000000000000000000000000;Sampled=1", Some(zero)),
        ("Parent=53995c3f42cd8ad8; Root=1-00000000-000000000000000000000000", Some(zero)),
    ]
    .into_iter()
    .enumerate()
    {
        function.trace_header = header;
        assert_eq!(function.invoke(&Event::rest()).await.status, 201);
        let records = function.process.records(number + 1).await;
        assert_eq!(records[number].get("traceId").and_then(Value::as_str), expected, "{header}");
    }
}

#[tokio::test]
async fn without_json_log_entries_are_short_lines() {
    for (format, level) in [("", "INFO"), ("Text", "DEBUG")] {
        assert_short_lines(format, level).await;
    }
}

async fn assert_short_lines(format: &str, level: &str) {
    let dynamodb = DynamoDb::start().await;
    let settings = [("AWS_LAMBDA_LOG_FORMAT", format), ("AWS_LAMBDA_LOG_LEVEL", level)];
    let function = Function::start_with(&dynamodb, &settings).await;
    let created = function.invoke(&Event::rest()).await;
    let invalid = function.invoke(&Event::rest().invalid()).await;
    dynamodb.set_fault(Fault::before(Refusal(400, "AccessDeniedException")));
    function.invoke(&Event::rest()).await;

    let output = function.process.stop().await;

    // At DEBUG, libraries log as well.
    let lines: Vec<_> = output.lines().filter(|line| line.contains(" ms ")).collect();
    assert_eq!(lines.len(), 3, "{output}");
    let invalid = format!("BadRequestException: {}", invalid.message());
    for (line, status, outcome, details) in [
        (lines[0], "201", "created", &*created.meeting_id()),
        (lines[1], "400", "refused", &*invalid),
        (lines[2], "500", "failed", "AccessDeniedException on purpose"),
    ] {
        let [time, its_status, its_outcome, milliseconds, unit, its_details] =
            line.splitn(6, ' ').collect::<Vec<_>>()[..]
        else {
            panic!("{line}")
        };
        let time: Vec<u8> = time.split(':').map(|part| part.parse().unwrap()).collect();
        assert!(matches!(time[..], [0..24, 0..60, 0..60]), "{line}");
        assert_eq!((its_status, its_outcome, unit), (status, outcome, "ms"), "{line}");
        assert!(milliseconds.parse::<u64>().is_ok() && its_details.contains(details), "{line}");
    }
}

#[tokio::test]
async fn a_request_below_the_log_level_emits_no_text() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[("AWS_LAMBDA_LOG_LEVEL", "ERROR")]).await;
    assert_eq!(function.invoke(&Event::rest()).await.status, 201);
    assert_eq!(function.process.stop().await, "");
}

#[tokio::test]
async fn a_log_entry_truncates_a_long_list_of_violations() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[JSON]).await;
    let tags = vec![json!({"Key": "", "Value": "\u{e9}"}); 50_000];
    let event = Event::create(&json!({"ClientRequestToken": "token", "Tags": tags}));

    let reply = function.invoke(&event).await;

    assert!(reply.status == 400 && reply.body.len() > 100_000, "{}", reply.body.len());
    let [record] = &function.process.records(1).await[..] else { panic!("one record") };
    let message = record["message"].as_str().unwrap();
    let told = message.strip_prefix("BadRequestException: ").unwrap();
    assert!(reply.message().starts_with(told) && (8_000..9_000).contains(&told.len()), "{told}");
}

#[tokio::test]
async fn a_non_http_event_is_logged() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start_with(&dynamodb, &[JSON]).await;
    let error = function.invoke_raw(r#"{"Records": []}"#).await.unwrap_err();

    let output = function.process.stop().await;

    let lines = output.lines().map(|line| serde_json::from_str(line).unwrap());
    let [start, line] = &lines.collect::<Vec<Value>>()[..] else { panic!("{output}") };
    assert_eq!(
        (&start["level"], &start["version"]),
        (&json!("INFO"), &json!(env!("CARGO_PKG_VERSION")))
    );
    assert_eq!(line["level"], "ERROR", "{line}");
    let message = line["message"].as_str().unwrap();
    assert!(message.contains(error["errorMessage"].as_str().unwrap()), "{line}");
    assert_eq!(line["spans"][0]["requestId"].as_str().map(str::len), Some(36), "{line}");
    // Without it, Lambda would treat the entry as level INFO.
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
}
