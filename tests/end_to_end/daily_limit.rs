//! The daily limit of meetings per account. The count is exact, whatever happens.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use futures_util::future::join_all;
use serde_json::json;
use tokio::time::timeout;

use crate::support::{
    CALLER, Chime, DynamoDb, Event, Function, InProcess, PATIENCE, Reply,
    wait_if_the_utc_day_could_end,
};

pub async fn start(dynamodb: &DynamoDb, limit: u32) -> Function {
    wait_if_the_utc_day_could_end().await;
    Function::start_with(dynamodb, &[("DAILY_MEETING_LIMIT", &limit.to_string())]).await
}

pub fn create(token: &str) -> Event {
    Event::create(&json!({ "ClientRequestToken": token }))
}

pub fn assert_limit_reached(reply: &Reply, limit: u32) {
    reply.assert_modelled();
    assert_eq!(reply.headers["x-amzn-errortype"], "ResourceLimitExceededException", "{reply:?}");
    let message = reply.message();
    let named = format!(
        "The account has reached its daily limit of meetings, which is {limit}. It resets at "
    );
    assert!(message.starts_with(&named) && message.ends_with("T00:00:00Z."), "{message}");
}

#[tokio::test]
async fn new_meetings_count_towards_the_limit_but_replays_do_not() {
    let dynamodb = DynamoDb::start().await;
    let function = start(&dynamodb, 2).await;
    let invoke = async |event: Event| {
        let reply = function.invoke(&event).await;
        assert_eq!(dynamodb.take_operations(), ["TransactWriteItems"]);
        reply
    };
    let mismatch =
        || Event::create(&json!({"ClientRequestToken": "first", "MediaRegion": "eu-west-1"}));

    let first = invoke(create("first")).await;
    assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
    assert_eq!(invoke(create("first")).await.body, first.body);
    assert_eq!(invoke(mismatch()).await.status, 400);
    assert_eq!(dynamodb.counted_meetings(CALLER).await, 1);
    assert_eq!(invoke(create("second")).await.status, 201);
    for token in ["third", "fourth"] {
        assert_limit_reached(&invoke(create(token)).await, 2);
    }

    let replay = invoke(create("first")).await;
    assert_eq!((replay.status, replay.is_replay(), replay.body), (201, true, first.body));
    let mismatch = invoke(mismatch()).await;
    assert_eq!(mismatch.headers["x-amzn-errortype"], "BadRequestException");
    assert!(mismatch.message().contains("different values for: MediaRegion."), "{mismatch:?}");
    assert_eq!(dynamodb.counted_meetings(CALLER).await, 2);
}

#[tokio::test]
async fn each_account_has_its_own_limit_and_anonymous_callers_share_one() {
    let dynamodb = DynamoDb::start().await;
    let function = start(&dynamodb, 1).await;
    let stranger = |token: &str| {
        let account = "/requestContext/identity/accountId";
        create(token).set(account, json!("444455556666"))
    };
    let with_token =
        |event: Event, token: &str| event.body(&json!({ "ClientRequestToken": token }).to_string());
    for (event, status) in [
        (create("one"), 201),
        (create("two"), 400),
        (stranger("one"), 201),
        (stranger("two"), 400),
        (with_token(Event::http().anonymous(), "one"), 201),
        (with_token(Event::rest().anonymous(), "two"), 400),
        (with_token(Event::url().anonymous(), "two"), 400),
        (with_token(Event::http(), "two"), 400),
    ] {
        let reply = function.invoke(&event).await;
        assert_eq!(reply.status, status, "{}: {reply:?}", event.0);
        if status == 400 {
            assert_limit_reached(&reply, 1);
        }
    }
    for account in [CALLER, "444455556666", "anonymous"] {
        assert_eq!(dynamodb.counted_meetings(account).await, 1, "{account}");
    }
}

#[tokio::test]
async fn the_limit_resets_with_the_utc_day() {
    let dynamodb = DynamoDb::start().await;
    let function = InProcess::new(&dynamodb.endpoint, Duration::from_secs(1));
    let function = function.with_daily_limit(1);
    // 2026-11-22T23:59:59Z.
    let last_second = UNIX_EPOCH + Duration::from_secs(1_795_391_999);
    let invoke = async |token: &str, now| function.invoke(&create(token), now, 0).await;

    assert_eq!(invoke("first", last_second).await.status, 201);
    let refused = invoke("second", last_second + Duration::from_millis(999)).await;
    assert_limit_reached(&refused, 1);
    assert!(refused.message().ends_with("It resets at 2026-11-23T00:00:00Z."), "{refused:?}");
    let next_day = last_second + Duration::from_secs(1);
    assert_eq!(invoke("second", next_day).await.status, 201);
    let refused = invoke("third", next_day).await;
    assert!(refused.message().ends_with("It resets at 2026-11-24T00:00:00Z."), "{refused:?}");
    // The first meeting has expired, so its token creates another, which counts.
    assert_limit_reached(&invoke("first", next_day).await, 1);
    assert_eq!(invoke("first", next_day + Duration::from_hours(24)).await.status, 201);

    let items = dynamodb.items().await;
    let counters = items.iter().filter(|item| item.contains_key("MeetingsCreated"));
    let mut counters: Vec<_> = counters
        .map(|item| {
            let key = item["ClientRequestToken"].as_s().unwrap().as_str();
            (key, item["ExpiresAt"].as_n().unwrap().parse::<u64>().unwrap())
        })
        .collect();
    counters.sort_unstable();
    // Counters expire a day after the end of their day.
    assert_eq!(
        counters,
        [
            ("#meetings#111122223333#2026-11-22", 1_795_478_400),
            ("#meetings#111122223333#2026-11-23", 1_795_564_800),
            ("#meetings#111122223333#2026-11-24", 1_795_651_200),
        ]
    );
}

/// The replies to concurrent requests, each with its own token.
async fn create_concurrently(function: &InProcess, requests: usize) -> Vec<Reply> {
    let now = SystemTime::now();
    let create = async |n| {
        let event = create(&format!("token-{n}"));
        // On a slow machine, some may miss their deadline. Clients retry.
        loop {
            let reply = function.invoke(&event, now, 0).await;
            if reply.status != 503 {
                return reply;
            }
        }
    };
    timeout(PATIENCE, join_all((0..requests).map(create))).await.expect("all replies")
}

/// Asserts that exactly `limit` meetings were created, and that the limit rejected all others.
fn assert_meetings(replies: &[Reply], limit: u32) {
    let refused: Vec<_> = replies.iter().filter(|reply| reply.status != 201).collect();
    assert_eq!(replies.len() - refused.len(), limit as usize);
    for refused in refused {
        assert_limit_reached(refused, limit);
    }
}

#[tokio::test]
async fn a_limit_of_100_rejects_100_of_200_concurrent_requests() {
    let dynamodb = DynamoDb::start().await;
    let function = InProcess::new(&dynamodb.endpoint, Duration::from_hours(24));
    let function = function.with_daily_limit(100);
    wait_if_the_utc_day_could_end().await;

    let first = create_concurrently(&function, 200).await;

    assert_meetings(&first, 100);
    assert_eq!(dynamodb.counted_meetings(CALLER).await, 100);
    for (first, again) in first.iter().zip(create_concurrently(&function, 200).await) {
        assert_eq!((again.status, &again.body), (first.status, &first.body));
        assert_eq!(again.is_replay(), first.status == 201);
    }
    assert_eq!(dynamodb.counted_meetings(CALLER).await, 100);
}

#[tokio::test]
async fn the_count_stays_exact_when_transactions_conflict() {
    let dynamodb = DynamoDb::start().await;
    dynamodb.set_contended();
    let function = InProcess::new(&dynamodb.endpoint, Duration::from_hours(24));
    let function = function.with_daily_limit(20);
    wait_if_the_utc_day_could_end().await;

    let replies = create_concurrently(&function, 40).await;

    assert_meetings(&replies, 20);
    assert_eq!(dynamodb.counted_meetings(CALLER).await, 20);
    assert!(dynamodb.take_requests() > 40, "no transactions conflicted");
}

#[tokio::test]
async fn without_a_limit_nothing_is_counted() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for event in [Event::rest(), Event::rest().replay(), Event::rest().mismatch()] {
        function.invoke(&event).await;
        assert_eq!(dynamodb.take_operations(), ["PutItem"], "{}", event.0["body"]);
    }
    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    assert!(item.contains_key("MeetingId"));
}

/// A write unit is 1 KB. In a transaction, every item costs twice as many.
#[tokio::test]
async fn a_typical_item_of_each_kind_uses_one_write_unit() {
    wait_if_the_utc_day_could_end().await;
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let limit = [("DAILY_MEETING_LIMIT", "9")];
    let templates = Function::start_with(&dynamodb, &limit).await;
    let chime_sdk = chime.function(&dynamodb, &limit).await;
    for (function, token) in [(&templates, "5a0c5ef1"), (&chime_sdk, "7d0c5ef2")] {
        let event = Event::create(&json!({
            "ClientRequestToken": format!("{token}-6e0d-4862-9880-5d63982f39bc"),
            "ExternalMeetingId": "e".repeat(40),
            "MediaRegion": "ap-southeast-2",
            "Tags": [
                {"Key": "environment", "Value": "production"},
                {"Key": "team", "Value": "platform-engineering"},
            ],
        }));
        let reply = function.invoke(&event).await;
        assert_eq!(reply.status, 201, "{reply:?}");
    }
    let items = dynamodb.items().await;
    assert_eq!(items.len(), 4, "two meetings, an owner and a counter");
    for mut item in items {
        if item.contains_key("WriteId") {
            // What marks add, of which one also removes something.
            let time = AttributeValue::N("1795342560".into());
            item.insert("CheckedAt".into(), time.clone());
            item.insert("EndedAt".into(), time);
        }
        let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(item));
        let answer = put.return_consumed_capacity(ReturnConsumedCapacity::Indexes).send().await;
        // The index takes another one.
        let of_table = answer.unwrap().consumed_capacity.unwrap().table.unwrap();
        assert_eq!(of_table.capacity_units, Some(1.0));
    }
}
