//! Notification of a meeting's topic and queue, from the function's write to the message.

mod chain;

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use aws_sdk_dynamodb::types::{AttributeValue, StreamSpecification};
use serde_json::{Value, json};
use tokio::time::timeout;

use self::chain::{DEAD_LETTER_QUEUE, Message, deliver, redeliver};
use crate::support::Answer::Stalled;
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Fault, Function, InProcess, PATIENCE, Source, template,
};

const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:queue";
const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:topic";

/// A `DynamoDB` whose table has the template's stream.
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

/// A request for a meeting with these targets.
fn request(token: &str, targets: &Value) -> Event {
    Event::create(&json!({ "ClientRequestToken": token, "NotificationsConfiguration": targets }))
}

#[tokio::test]
async fn the_topic_and_the_queue_of_a_new_meeting_are_notified() {
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
    let delivered = deliver(&dynamodb).await;

    assert_eq!(delivered.executions.len(), 1);
    let [queued] = &delivered.queues.queue[..] else { panic!("{delivered:?}") };
    assert_eq!(delivered.queues.subscriber, delivered.queues.queue);
    assert!(delivered.queues.dead_letters.is_empty(), "{delivered:?}");
    assert_eq!(queued.id.as_deref(), Some(&*meeting));
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

/// The meetings that these messages are about.
fn meeting_ids(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(Message::meeting_id).collect()
}

fn milliseconds() -> u64 {
    UNIX_EPOCH.elapsed().unwrap().as_millis().try_into().unwrap()
}

#[tokio::test]
async fn only_the_requested_targets_are_notified() {
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

    let delivered = deliver(&dynamodb).await;

    let passed: Vec<_> = delivered.records.iter().map(|(_, passed)| *passed).collect();
    assert_eq!(passed, [true, true, false, false]);
    let [published] = &delivered.queues.subscriber[..] else { panic!("{delivered:?}") };
    let [queued] = &delivered.queues.queue[..] else { panic!("{delivered:?}") };
    assert_eq!([published.meeting_id(), queued.meeting_id()], meetings[..2]);
    assert!(published.body["detail"].get("externalMeetingId").is_none(), "{published:?}");
}

#[tokio::test]
async fn replays_mismatches_and_counters_trigger_no_notifications() {
    let dynamodb = start_with_stream().await;
    // With a limit, the stream also has a counter.
    let function = Function::start_with(&dynamodb, &[("DAILY_MEETING_LIMIT", "2")]).await;
    let event = request("token", &json!({ "SqsQueueArn": QUEUE }));
    let meeting = function.invoke(&event).await.meeting_id();
    assert!(function.invoke(&event).await.is_replay());
    let mismatch = function.invoke(&request("token", &json!({ "SnsTopicArn": TOPIC }))).await;
    assert_eq!(mismatch.status, 400, "{mismatch:?}");

    let mut delivered = deliver(&dynamodb).await;

    delivered.records.sort();
    assert_eq!(delivered.records, [("INSERT".to_owned(), false), ("INSERT".to_owned(), true)]);
    let [queued] = &delivered.queues.queue[..] else { panic!("{delivered:?}") };
    assert_eq!(queued.meeting_id(), meeting);
}

/// That a meeting goes on, or has ended, is written to its item, and its owner has an item too. So the stream has more
/// records of a meeting than that of its creation.
#[tokio::test]
async fn a_meeting_of_the_amazon_chime_sdk_notifies_once_whatever_is_written_about_it() {
    let (dynamodb, chime) = (start_with_stream().await, Chime::start().await);
    let day = Duration::from_hours(24);
    let function = InProcess::with_chime_sdk(&dynamodb.endpoint, day, chime.service.endpoint());
    let now = SystemTime::now();
    let create = async |token, time| {
        let event = request(token, &json!({ "SqsQueueArn": QUEUE }));
        function.invoke(&event, time, 0).await.meeting_id()
    };
    // Old enough to be checked, but too recent to count as restored.
    let checked = create("checked", now - Duration::from_secs(150)).await;
    assert_eq!(create("checked", now).await, checked);
    let ended = create("reused", now).await;
    let delete = Call::new("DELETE", format!("/meetings/{ended}")).event(Source::HttpRoute);
    assert_eq!(function.invoke(&delete, now, 0).await.status, 204);
    let created_again = create("reused", now).await;
    let ended_later = create("ended", now).await;
    let delete = Call::new("DELETE", format!("/meetings/{ended_later}")).event(Source::HttpRoute);
    assert_eq!(function.invoke(&delete, now, 0).await.status, 204);

    let delivered = deliver(&dynamodb).await;
    let redelivered = redeliver(&dynamodb).await;

    let modified = delivered.records.iter().filter(|(kind, _)| kind == "MODIFY");
    // A check, two ends with a mark for the meeting and one for its owner each, and the replaced meeting.
    assert_eq!(modified.count(), 6, "{delivered:?}");
    let created = [&*checked, &ended, &created_again, &ended_later];
    assert_eq!(meeting_ids(&delivered.queues.queue), created);
    assert_eq!(meeting_ids(&redelivered.queues.queue), [created_again]);
}

#[tokio::test]
async fn replacing_an_expired_meeting_notifies_but_a_deletion_does_not() {
    let dynamodb = start_with_stream().await;
    let function = InProcess::new(&dynamodb.endpoint, Duration::from_mins(1));
    let event = request("token", &json!({ "SqsQueueArn": QUEUE }));
    // Long enough ago for both to have expired, but too recent to count as restored.
    let created_at = milliseconds() - 150_000;
    let times = [created_at, created_at + 61_000];
    let mut meetings = Vec::new();
    for time in times {
        let time = UNIX_EPOCH + Duration::from_millis(time);
        meetings.push(function.invoke(&event, time, 0).await.meeting_id());
    }

    dynamodb.delete_expired();

    let delivered = deliver(&dynamodb).await;

    let records = [("INSERT", true), ("MODIFY", true), ("REMOVE", false)];
    assert_eq!(delivered.records, records.map(|(kind, passed)| (kind.to_owned(), passed)));
    let [one, other] = &delivered.queues.queue[..] else { panic!("{delivered:?}") };
    assert_eq!([one.meeting_id(), other.meeting_id()], meetings[..]);
    assert_eq!([one, other].map(|message| &message.body["detail"]["timestamp"]), times);
}

/// In the stream, a restored item looks like a new one.
#[tokio::test]
async fn a_restored_meeting_notifies_only_if_an_operator_redelivers_it() {
    let dynamodb = start_with_stream().await;
    let function = InProcess::new(&dynamodb.endpoint, Duration::from_hours(24));
    let event = request("token", &json!({ "SnsTopicArn": TOPIC, "SqsQueueArn": QUEUE }));
    let created_at = UNIX_EPOCH + Duration::from_millis(milliseconds() - 310_000);
    let meeting = function.invoke(&event, created_at, 0).await.meeting_id();

    let restored = deliver(&dynamodb).await;
    let redelivered = redeliver(&dynamodb).await;

    assert_eq!(restored.executions.len(), 1);
    let queues = [restored.queues.queue, restored.queues.subscriber, restored.queues.dead_letters];
    assert_eq!(queues, [const { Vec::new() }; 3]);
    for messages in [redelivered.queues.queue, redelivered.queues.subscriber] {
        let [message] = &messages[..] else { panic!("{messages:?}") };
        assert_eq!(message.meeting_id(), meeting);
    }
}

#[tokio::test]
async fn a_crash_right_after_the_write_does_not_prevent_the_notification() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    dynamodb.set_faults([Fault::after(Stalled)]);
    let event = request("token", &json!({ "SnsTopicArn": TOPIC }));
    let _outcome = function.send(SystemTime::now() + PATIENCE, event.0.to_string().into());
    let written = async { while dynamodb.items().await.is_empty() {} };
    timeout(PATIENCE, written).await.expect("a meeting");
    function.process.kill().await;

    let delivered = deliver(&dynamodb).await;

    let [published] = &delivered.queues.subscriber[..] else { panic!("{delivered:?}") };
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    assert_eq!(published.meeting_id(), item["MeetingId"].as_s().unwrap());
}

#[tokio::test]
async fn undeliverable_notifications_are_dead_lettered_and_block_no_others() {
    const MISSING: &str = "arn:aws:sqs:us-east-1:123456789012:missing";
    const MISSING_TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:missing";
    const ELSEWHERE: &str = "arn:aws:sns:eu-west-1:123456789012:topic";
    const OTHER_PARTITION: &str = "arn:aws-cn:sqs:us-east-1:123456789012:queue";
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let mut meetings = Vec::new();
    for (token, targets) in [
        ("missing", json!({ "SnsTopicArn": TOPIC, "SqsQueueArn": MISSING })),
        ("missing-topic", json!({ "SnsTopicArn": MISSING_TOPIC, "SqsQueueArn": QUEUE })),
        ("elsewhere", json!({ "SnsTopicArn": ELSEWHERE, "SqsQueueArn": OTHER_PARTITION })),
        ("fine", json!({ "SnsTopicArn": TOPIC, "SqsQueueArn": QUEUE })),
    ] {
        meetings.push(function.invoke(&request(token, &targets)).await.meeting_id());
    }

    let delivered = deliver(&dynamodb).await;

    assert_eq!(meeting_ids(&delivered.queues.subscriber), [&*meetings[0], &*meetings[3]]);
    assert_eq!(meeting_ids(&delivered.queues.queue), [&*meetings[1], &*meetings[3]]);
    let mut undelivered: Vec<_> = delivered
        .queues
        .dead_letters
        .iter()
        .flat_map(Message::undelivered)
        .map(|(meeting, failure)| {
            let string = |name: &str| failure[name].as_str().unwrap().to_owned();
            // AWS's errors begin with a capital letter.
            (meeting, string("target"), string("error").to_lowercase(), string("cause"))
        })
        .collect();
    undelivered.sort_by_key(|(_, target, ..)| target.clone());
    let expected = [
        (
            &meetings[2],
            OTHER_PARTITION,
            "outofreach",
            "Only targets in the Region us-east-1 of the partition aws are notified.",
        ),
        (
            &meetings[2],
            ELSEWHERE,
            "outofreach",
            "Only targets in the Region us-east-1 of the partition aws are notified.",
        ),
        (&meetings[1], MISSING_TOPIC, "sns.notfoundexception", "Endpoint does not exist"),
        (
            &meetings[0],
            MISSING,
            "sqs.queuedoesnotexistexception",
            "The specified queue does not exist.",
        ),
    ];
    assert_eq!(undelivered.len(), expected.len(), "{undelivered:?}");
    for ((meeting, target, error, cause), expected) in undelivered.iter().zip(expected) {
        assert_eq!((meeting, &**target, &**error), (expected.0, expected.1, expected.2));
        assert!(cause.starts_with(expected.3), "{cause}");
    }
    // A dead letter is a valid input for redelivery.
    assert_eq!(meeting_ids(&delivered.queues.missing), [&*meetings[0]]);
}

/// The state machine's role can write to the dead-letter queue, whatever targets are allowed.
#[tokio::test]
async fn the_dead_letter_queue_is_rejected_as_a_target() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let targets = json!({ "SnsTopicArn": TOPIC, "SqsQueueArn": DEAD_LETTER_QUEUE });
    let meeting = function.invoke(&request("token", &targets)).await.meeting_id();

    let delivered = deliver(&dynamodb).await;

    assert_eq!(delivered.queues.subscriber.len(), 1, "{delivered:?}");
    let [letter] = &delivered.queues.dead_letters[..] else { panic!("{delivered:?}") };
    let failure = json!({
        "target": DEAD_LETTER_QUEUE,
        "error": "NotATarget",
        "cause": "The dead-letter queue cannot be notified.",
    });
    assert_eq!(letter.undelivered(), [(meeting, failure)]);
}

/// Other programs may write to the table, too.
#[tokio::test]
async fn an_unreadable_item_is_dead_lettered_with_its_reason() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let event = request("token", &json!({ "SqsQueueArn": QUEUE }));
    let meeting = function.invoke(&event).await.meeting_id();
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    let mut item = item.clone();
    item.insert("CreatedAt".into(), AttributeValue::S("yesterday".into()));
    let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(item));
    put.send().await.unwrap();

    let delivered = deliver(&dynamodb).await;

    assert_eq!(delivered.queues.queue.len(), 1, "{delivered:?}");
    let [letter] = &delivered.queues.dead_letters[..] else { panic!("{delivered:?}") };
    let [(id, failure)] = &letter.undelivered()[..] else { panic!("{letter:?}") };
    assert_eq!((id, failure["error"].is_string()), (&meeting, true), "{letter:?}");
}

#[tokio::test]
async fn fifo_topics_and_queues_are_notified() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let targets = json!({
        "SnsTopicArn": format!("{TOPIC}.fifo"),
        "SqsQueueArn": format!("{QUEUE}.fifo"),
    });
    let meeting = function.invoke(&request("token", &targets)).await.meeting_id();

    let delivered = deliver(&dynamodb).await;

    for queue in [&delivered.queues.queue_fifo, &delivered.queues.subscriber_fifo] {
        let [message] = &queue[..] else { panic!("{delivered:?}") };
        assert_eq!(
            (message.meeting_id(), &message.deduplication_id),
            (&*meeting, &Some(meeting.clone()))
        );
    }
}

#[tokio::test]
async fn a_notification_for_an_anonymous_caller_has_the_stacks_account() {
    let dynamodb = start_with_stream().await;
    let function = Function::start(&dynamodb).await;
    let event = Event::rest().anonymous();
    let body = json!({
        "ClientRequestToken": "token",
        "NotificationsConfiguration": { "SqsQueueArn": QUEUE },
    });
    function.invoke(&event.body(&body.to_string())).await.meeting_id();

    let delivered = deliver(&dynamodb).await;

    let [queued] = &delivered.queues.queue[..] else { panic!("{delivered:?}") };
    assert_eq!(queued.body["account"], "123456789012");
}
