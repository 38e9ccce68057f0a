//! Sensitive values never appear in logs or metrics.

use serde_json::{Value, json};

use crate::support::Answer::{Closed, Raw, Refusal};
use crate::support::{CALLER, DynamoDb, Event, Fault, Function};

const MARK: &str = "s3cr3t";

fn members() -> Value {
    json!({
        "ClientRequestToken": "s3cr3t-token",
        "ExternalMeetingId": "s3cr3t-external",
        "MeetingHostId": "s3cr3t-host",
        "NotificationsConfiguration": {
            "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:s3cr3t-topic",
            "SqsQueueArn": "arn:aws:sqs:us-east-1:111122223333:s3cr3t-queue",
        },
        "Tags": [{"Key": "s3cr3t-key", "Value": "s3cr3t-value"}],
    })
}

fn create() -> Event {
    Event::create(&members())
}

fn with(pointer: &str, value: Value) -> Event {
    let mut members = members();
    *members.pointer_mut(pointer).unwrap() = value;
    Event::create(&members)
}

/// Requests that are rejected, one for each kind of client error.
fn rejected() -> Vec<Event> {
    let mut refused = vec![
        create().body(r#"{"ClientRequestToken": "s3cr3t", "s3cr3t"#),
        create().body(r#"{"s3cr3t": 1, "Tags": ["s3cr3t"], "Tags": ["s3cr3t"]}"#),
        create().body(r#""s3cr3t""#),
        create().set("/resource", json!("/meetings/s3cr3t")),
        create().set("/resource", json!("/s3cr3t")),
        create().set("/queryStringParameters", json!({"operation": MARK})),
        create().set("/httpMethod", json!(MARK)),
        create().set("/headers/Content-Type", json!(MARK)),
        create().set("/isBase64Encoded", json!(true)),
        create().set("/requestContext/identity/accountId", json!(null)),
        create().set("/requestContext/identity/accountId", json!("444455556666")),
        with("/Tags", json!([{"Key": MARK, "Value": "1"}, {"Key": MARK, "Value": "2"}])),
        with("/Tags/0/Key", json!("aws:s3cr3t")),
        with("/NotificationsConfiguration", json!({"SnsTopicArn": "arn:aws:sqs:s3cr3t"})),
    ];
    for pointer in [
        "/ClientRequestToken",
        "/ExternalMeetingId",
        "/MeetingHostId",
        "/NotificationsConfiguration/SnsTopicArn",
        "/NotificationsConfiguration/SqsQueueArn",
        "/Tags/0/Key",
        "/Tags/0/Value",
    ] {
        refused.push(with(pointer, json!(MARK.repeat(1000))));
        refused.push(with(pointer, json!([MARK])));
    }
    refused
}

/// Requests that differ from [`create`].
fn conflicting() -> [Event; 4] {
    [
        with("/ExternalMeetingId", json!("s3cr3t-2")),
        with("/MeetingHostId", json!("s3cr3t-2")),
        with("/NotificationsConfiguration", json!({})),
        with("/Tags/0/Value", json!("s3cr3t-2")),
    ]
}

#[tokio::test]
async fn sensitive_values_are_never_logged() {
    for (format, level, daily_limit) in [
        ("JSON", "INFO", ""),
        ("JSON", "TRACE", "1"),
        ("JSON", "DEBUG", ""),
        ("Text", "TRACE", ""),
        ("", "DEBUG", "1"),
    ] {
        let dynamodb = DynamoDb::start().await;
        let settings = [
            ("AWS_LAMBDA_LOG_FORMAT", format),
            ("AWS_LAMBDA_LOG_LEVEL", level),
            ("ALLOWED_ACCOUNT_IDS", CALLER),
            ("DAILY_MEETING_LIMIT", daily_limit),
        ];
        let function = Function::start_with(&dynamodb, &settings).await;
        let mut statuses = Vec::new();
        let answered = [create(), create()].into_iter().chain(rejected()).chain(conflicting());
        for event in answered {
            statuses.push(function.invoke(&event).await.status);
        }
        for fault in [
            Refusal(400, "ValidationException"),
            Refusal(400, "ThrottlingException"),
            Closed,
            Raw(200, "{"),
        ] {
            dynamodb.set_fault(Fault::before(fault));
            statuses.push(function.invoke(&create()).await.status);
        }
        dynamodb.set_faults([]);
        let mut unreadable = dynamodb.item(CALLER, "s3cr3t-token").await;
        unreadable.insert("Tags".into(), unreadable["ExternalMeetingId"].clone());
        let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(unreadable));
        put.send().await.unwrap();
        statuses.push(function.invoke(&create()).await.status);
        let another = with("/ClientRequestToken", json!("s3cr3t-2"));
        statuses.push(function.invoke(&another).await.status);

        let output = function.process.stop().await;

        assert!(!output.contains(MARK), "{output}");
        for status in [201, 400, 401, 403, 404, 405, 429, 500, 503] {
            assert!(statuses.contains(&status), "{status} in {statuses:?}");
        }
        let mark_of_a_line = if format == "JSON" { "outcome" } else { " ms " };
        let lines = output.lines().filter(|line| line.contains(mark_of_a_line)).count();
        assert_eq!(lines, statuses.len(), "one entry each: {output}");
    }
}
