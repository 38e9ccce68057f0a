//! What the topic and the queue of a meeting hear of it, from the function's write to the message.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::StreamSpecification;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::Mutex;
use tokio::time::timeout;
use yaml_serde::Value as Yaml;

use crate::support::Answer::Stalled;
use crate::support::{
    AWS_ENVIRONMENT, CALLER, DynamoDb, Event, Fault, Function, InProcess, PATIENCE, sdk_config,
    template,
};

const DEFINITION: &str = include_str!("../../notifications.asl.json");
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:queue";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:topic";

/// A `DynamoDB` whose table has the stream that the template gives it.
async fn start_with_stream() -> DynamoDb {
    let template = template();
    let table = &template["Resources"]["MeetingsTable"]["Properties"];
    let view = table["StreamSpecification"][1]["StreamViewType"].as_str();
    let stream = StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(view.unwrap().into())
        .build()
        .unwrap();
    let dynamodb = DynamoDb::start().await;
    let update = dynamodb.client.update_table().table_name("Meetings");
    update.stream_specification(stream).send().await.unwrap();
    dynamodb
}

/// A request for a meeting whose topic and queue are these.
fn request(token: &str, targets: &Value) -> Event {
    Event::create(&json!({ "ClientRequestToken": token, "NotificationsConfiguration": targets }))
}

/// What has come of the records in the stream.
#[derive(Debug, Deserialize)]
struct Told {
    /// Of each, its kind, and whether it passed the filters.
    records: Vec<(String, bool)>,
    executions: Vec<(String, Option<String>)>,
    queues: Queues,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Queues {
    queue: Vec<Message>,
    #[serde(rename = "queue.fifo")]
    queue_fifo: Vec<Message>,
    /// Of the topic.
    subscriber: Vec<Message>,
    #[serde(rename = "subscriber.fifo")]
    subscriber_fifo: Vec<Message>,
    dead_letters: Vec<Message>,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Message {
    body: Value,
    id: String,
    deduplication_id: Option<String>,
}

impl Message {
    fn meeting_id(&self) -> &str {
        self.body["detail"]["meetingId"].as_str().unwrap()
    }
}

/// Has all that was written to the table go through the pipe and the state machine.
async fn tell(dynamodb: &DynamoDb) -> Told {
    // Each wants a processor for some seconds.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());
    let template = template();
    let pipe = &template["Resources"]["NotificationsPipe"]["Properties"];
    let source = &pipe["SourceParameters"];
    assert_eq!(source["DynamoDBStreamParameters"]["BatchSize"], 1, "a record for each execution");
    let filters = source["FilterCriteria"]["Filters"].as_sequence().unwrap().iter();
    let chain = json!({
        "endpoint": dynamodb.endpoint,
        "filters": filters.map(|filter| filter["Pattern"].as_str()).collect::<Vec<_>>(),
        "definition": definition(&template),
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/notifications.py");
    let output =
        Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/tools/moto/bin/python"))
            .args([script, &chain.to_string()])
            .env_clear()
            .envs(AWS_ENVIRONMENT)
            .kill_on_drop(true)
            .output();
    let _turn = ONE_AT_A_TIME.lock().await;
    let output = timeout(PATIENCE, output).await.expect("an end");
    let output = output.expect("Python with moto, which make test installs");
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&output.stderr)))
}

/// The state machine's definition with what `CloudFormation` puts into it.
fn definition(template: &Yaml) -> String {
    let machine = &template["Resources"]["NotificationsStateMachine"]["Properties"];
    let substitutions = machine["DefinitionSubstitutions"].as_mapping().unwrap().iter();
    let definition = substitutions.fold(DEFINITION.to_owned(), |definition, (name, value)| {
        let value = match value.as_str().unwrap() {
            "AWS::Partition" => "aws",
            "AWS::URLSuffix" => "amazonaws.com",
            "NotificationsDeadLetterQueue" => {
                "https://sqs.us-east-1.amazonaws.com/123456789012/dead-letters"
            }
            other => panic!("{other}"),
        };
        definition.replace(&format!("${{{}}}", name.as_str().unwrap()), value)
    });
    assert!(!definition.contains("${"), "{definition}");
    definition
}

#[tokio::test]
async fn the_topic_and_the_queue_of_a_new_meeting_are_told_of_it() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let members = json!({
        "ClientRequestToken": "token",
        "ExternalMeetingId": "\"all\\hands\" ☃",
        "MediaRegion": "eu-central-1",
        "MeetingHostId": "host",
        "NotificationsConfiguration": { "SnsTopicArn": TOPIC, "SqsQueueArn": QUEUE },
        "Tags": [{ "Key": "team", "Value": "platform" }],
    });

    let before = milliseconds();
    let meeting = function.invoke(&Event::create(&members)).await.meeting_id();
    let after = milliseconds();
    assert_eq!(dynamodb.take_requests(), 1);
    let told = tell(&dynamodb).await;

    assert_eq!(told.executions, [("SUCCEEDED".to_owned(), None)]);
    let [queued] = &told.queues.queue[..] else { panic!("{told:?}") };
    assert_eq!(told.queues.subscriber, told.queues.queue);
    assert!(told.queues.dead_letters.is_empty(), "{told:?}");
    assert_eq!(queued.id, meeting);
    let timestamp = queued.body["detail"]["timestamp"].as_u64().unwrap();
    assert!((before..=after).contains(&timestamp), "{before} <= {timestamp} <= {after}");
    let time = DateTime::from_secs((timestamp / 1000).cast_signed());
    assert_eq!(
        queued.body,
        json!({
            "version": "0",
            "source": "aws.chime",
            "account": CALLER,
            "region": "us-east-1",
            "detail-type": "Chime Meeting State Change",
            "time": time.fmt(DateTimeFormat::DateTime).unwrap(),
            "resources": [],
            "detail": {
                "version": "0",
                "eventType": "chime:MeetingStarted",
                "timestamp": timestamp,
                "meetingId": meeting,
                "externalMeetingId": "\"all\\hands\" ☃",
                "mediaRegion": "eu-central-1",
            },
        })
    );
}

fn milliseconds() -> u64 {
    UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn who_is_not_named_hears_nothing() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let mut meetings = Vec::new();
    for (token, targets) in [
        ("topic", json!({ "SnsTopicArn": TOPIC })),
        ("queue", json!({ "SqsQueueArn": QUEUE })),
        ("neither", json!({})),
        ("no-configuration", Value::Null),
    ] {
        meetings.push(function.invoke(&request(token, &targets)).await.meeting_id());
    }

    let told = tell(&dynamodb).await;

    let passed: Vec<_> = told.records.iter().map(|(_, passed)| *passed).collect();
    assert_eq!(passed, [true, true, false, false]);
    let [published] = &told.queues.subscriber[..] else { panic!("{told:?}") };
    let [queued] = &told.queues.queue[..] else { panic!("{told:?}") };
    assert_eq!([published.meeting_id(), queued.meeting_id()], meetings[..2]);
    assert!(published.body["detail"].get("externalMeetingId").is_none(), "{published:?}");
}

#[tokio::test]
async fn replays_mismatches_and_counters_tell_nothing() {
    let dynamodb = start_with_stream().await;
    // With a limit, there is a counter too.
    let function = Function::start_with(&dynamodb, &[("DAILY_MEETING_LIMIT", "2")]).await;
    let event = request("token", &json!({ "SqsQueueArn": QUEUE }));
    let meeting = function.invoke(&event).await.meeting_id();
    assert!(function.invoke(&event).await.is_replay());
    let mismatch = function.invoke(&request("token", &json!({ "SnsTopicArn": TOPIC }))).await;
    assert_eq!(mismatch.status, 400, "{mismatch:?}");

    let mut told = tell(&dynamodb).await;

    told.records.sort();
    assert_eq!(told.records, [("INSERT".to_owned(), false), ("INSERT".to_owned(), true)]);
    let [queued] = &told.queues.queue[..] else { panic!("{told:?}") };
    assert_eq!(queued.meeting_id(), meeting);
}

#[tokio::test]
async fn a_new_meeting_in_the_place_of_an_expired_one_is_told_of_and_no_deletion() {
    let dynamodb = start_with_stream().await;
    let function = InProcess::new(&sdk_config(&dynamodb.endpoint), Duration::from_mins(1));
    let event = request("token", &json!({ "SqsQueueArn": QUEUE }));
    let created_at = UNIX_EPOCH + Duration::from_millis(1_574_417_723_042);
    let first = function.invoke(&event, created_at, 0).await.meeting_id();
    let second = function.invoke(&event, created_at + Duration::from_mins(1), 0).await.meeting_id();

    dynamodb.delete_expired();

    let told = tell(&dynamodb).await;

    let records = [("INSERT", true), ("MODIFY", true), ("REMOVE", false)];
    assert_eq!(told.records, records.map(|(kind, passed)| (kind.to_owned(), passed)));
    let [one, other] = &told.queues.queue[..] else { panic!("{told:?}") };
    assert_eq!([one.meeting_id(), other.meeting_id()], [first, second]);
    let times = [one, other]
        .map(|message| (message.body["time"].clone(), message.body["detail"]["timestamp"].clone()));
    assert_eq!(
        times,
        [
            (json!("2019-11-22T10:15:23Z"), json!(1_574_417_723_042_u64)),
            (json!("2019-11-22T10:16:23Z"), json!(1_574_417_783_042_u64)),
        ]
    );
}

#[tokio::test]
async fn a_meeting_is_told_of_even_if_the_function_dies_once_it_is_written() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    dynamodb.set_faults([Fault::after(Stalled)]);
    let event = request("token", &json!({ "SnsTopicArn": TOPIC }));
    let _outcome = function.send(SystemTime::now() + PATIENCE, event.0.to_string().into());
    let written = async { while dynamodb.items().await.is_empty() {} };
    timeout(PATIENCE, written).await.expect("a meeting");
    function.process.kill().await;

    let told = tell(&dynamodb).await;

    let [published] = &told.queues.subscriber[..] else { panic!("{told:?}") };
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    assert_eq!(published.meeting_id(), item["MeetingId"].as_s().unwrap());
}

#[tokio::test]
async fn what_cannot_be_delivered_is_kept_with_its_reason_and_holds_up_nothing() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let missing = "arn:aws:sqs:us-east-1:123456789012:missing";
    let elsewhere = "arn:aws:sns:eu-west-1:123456789012:topic";
    let other_partition = "arn:aws-cn:sqs:us-east-1:123456789012:queue";
    let mut meetings = Vec::new();
    for (token, targets) in [
        ("missing", json!({ "SnsTopicArn": TOPIC, "SqsQueueArn": missing })),
        ("elsewhere", json!({ "SnsTopicArn": elsewhere, "SqsQueueArn": QUEUE })),
        ("partition", json!({ "SnsTopicArn": TOPIC, "SqsQueueArn": other_partition })),
    ] {
        meetings.push(function.invoke(&request(token, &targets)).await.meeting_id());
    }

    let told = tell(&dynamodb).await;

    let ids = |messages: &[Message]| -> Vec<_> {
        messages.iter().map(|message| message.meeting_id().to_owned()).collect()
    };
    assert_eq!(ids(&told.queues.queue), [&*meetings[1]]);
    assert_eq!(ids(&told.queues.subscriber), [&*meetings[0], &*meetings[2]]);
    let out_of_reach =
        "Notifications reach targets in the Region us-east-1 of the partition aws alone.";
    let expected = [
        (missing, "sqs.QueueDoesNotExistException", "The specified queue does not exist."),
        (elsewhere, "OutOfReach", out_of_reach),
        (other_partition, "OutOfReach", out_of_reach),
    ];
    assert_eq!(told.queues.dead_letters.len(), 3, "{told:?}");
    for (letter, (meeting, (target, error, cause))) in
        told.queues.dead_letters.iter().zip(meetings.iter().zip(expected))
    {
        let body = &letter.body;
        assert_eq!(
            (&*letter.id, &body["target"], &body["error"]),
            (&**meeting, &json!(target), &json!(error))
        );
        assert!(body["cause"].as_str().unwrap().starts_with(cause), "{letter:?}");
        assert_eq!(body["notification"]["detail"]["meetingId"], **meeting, "{letter:?}");
    }
}

#[tokio::test]
async fn topics_and_queues_with_an_order_are_told_too() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let targets = json!({
        "SnsTopicArn": format!("{TOPIC}.fifo"),
        "SqsQueueArn": format!("{QUEUE}.fifo"),
    });
    let meeting = function.invoke(&request("token", &targets)).await.meeting_id();

    let told = tell(&dynamodb).await;

    for queue in [&told.queues.queue_fifo, &told.queues.subscriber_fifo] {
        let [message] = &queue[..] else { panic!("{told:?}") };
        assert_eq!(
            (message.meeting_id(), &message.deduplication_id),
            (&*meeting, &Some(meeting.clone()))
        );
    }
}

#[tokio::test]
async fn without_an_account_of_the_callers_the_operators_is_told() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let event = Event::named("rest-anonymous");
    let body = json!({
        "ClientRequestToken": "token",
        "NotificationsConfiguration": { "SqsQueueArn": QUEUE },
    });
    function.invoke(&event.body(&body.to_string())).await.meeting_id();

    let told = tell(&dynamodb).await;

    let [queued] = &told.queues.queue[..] else { panic!("{told:?}") };
    assert_eq!(queued.body["account"], "123456789012");
}
