//! `ListMeetings`: the caller's meetings that have neither ended nor expired, page by page.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Value, json};

use super::meeting_events::{ended, send};
use super::owners::call;
use super::world::World;
use crate::support::Answer::{Closed, Refusal, Stalled};
use crate::support::{Call, Chime, DynamoDb, Event, Fault, Function, Reply, Source};

const ACCOUNT: &str = "/requestContext/identity/accountId";
const STRANGER: &str = "444455556666";

fn list(parameters: &[(&str, &str)]) -> Event {
    let all = Call::new("GET", "/meetings");
    let call = parameters.iter().fold(all, |call, (name, value)| call.query(name, value));
    call.event(Source::RestRoute)
}

fn create(token: &str) -> Event {
    Event::create(&json!({"ClientRequestToken": token, "ExternalMeetingId": "stand-up 📅"}))
}

/// The meetings on a page, and the token for the next one.
fn page(reply: &Reply) -> (Vec<Value>, Option<String>) {
    reply.assert_modelled();
    assert_eq!(reply.status, 200, "{reply:?}");
    let json = reply.json();
    let token = json["NextToken"].as_str().map(str::to_owned);
    (json["Meetings"].as_array().unwrap().clone(), token)
}

/// All pages with these parameters.
async fn pages(function: &Function, parameters: &[(&str, &str)]) -> Vec<Vec<Value>> {
    let (meetings, mut next) = page(&function.invoke(&list(parameters)).await);
    let mut pages = vec![meetings];
    while let Some(token) = next {
        let event = list(&[parameters, &[("next-token", &*token)]].concat());
        let (meetings, following) = page(&function.invoke(&event).await);
        assert!(!meetings.is_empty(), "{token}");
        pages.push(meetings);
        next = following;
    }
    pages
}

/// Stores copies of an item, with tokens and IDs of their own, and returns the IDs.
async fn copy(
    dynamodb: &DynamoDb,
    item: &HashMap<String, AttributeValue>,
    count: usize,
) -> Vec<String> {
    let text = AttributeValue::S;
    let expires_at = item["ExpiresAt"].as_n().unwrap();
    let mut ids = Vec::new();
    for number in 0..count {
        let meeting_id = format!("4f1e7a52-2c7b-4b8a-9d55-{number:012x}");
        let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(item.clone()));
        let put = put
            .item("ClientRequestToken", text(format!("copy-{number}")))
            .item("ListedUntil", text(format!("{expires_at}#{meeting_id}")))
            .item("MeetingId", text(meeting_id.clone()));
        put.send().await.unwrap();
        ids.push(meeting_id);
    }
    ids
}

#[tokio::test]
async fn it_returns_the_callers_meetings_as_they_were_created() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[("DAILY_MEETING_LIMIT", "9")]).await;
    assert_eq!(page(&function.invoke(&list(&[])).await), (vec![], None));

    let bare = Event::create(&json!({"ClientRequestToken": "bare"}));
    let mut created = Vec::new();
    for event in [create("first"), bare, create("second")] {
        created.push(function.invoke(&event).await.json()["Meeting"].clone());
    }
    let strangers = create("first").set(ACCOUNT, json!(STRANGER));
    let strangers = function.invoke(&strangers).await.json()["Meeting"].clone();
    dynamodb.take_requests();
    chime.take();

    for source in Source::ALL {
        let event = Call::new("GET", "/meetings").event(source);
        let (mut meetings, next) = page(&function.invoke(&event).await);
        // They expire in the same second.
        meetings.sort_by_key(|it| created.iter().position(|other| other == it));
        assert_eq!((&meetings, next), (&created, None), "{source:?}");
        assert_eq!(dynamodb.take_operations(), ["Query"], "{source:?}");
    }
    let theirs = function.invoke(&list(&[]).set(ACCOUNT, json!(STRANGER))).await;
    assert_eq!(page(&theirs), (vec![strangers], None));
    let nobodys = function.invoke(&list(&[]).anonymous()).await;
    assert_eq!(page(&nobodys), (vec![], None));
    assert!(chime.take().is_empty(), "nothing is sent");
}

/// Without IAM authorization, callers are not identified.
#[tokio::test]
async fn anonymous_callers_share_one_list() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    for token in ["one", "two"] {
        function.invoke(&create(token).anonymous()).await;
    }
    let parameters = [("max-results", "1")];
    let (first, next) = page(&function.invoke(&list(&parameters).anonymous()).await);
    let next = list(&[("next-token", &*next.unwrap())]).anonymous();
    let (second, last) = page(&function.invoke(&next).await);
    assert_eq!((first.len(), second.len(), last), (1, 1, None));
    assert_ne!(first, second);
}

#[tokio::test]
async fn what_has_ended_is_not_listed() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let mut ids = Vec::new();
    for token in ["deleted", "over", "goes-on"] {
        ids.push(function.invoke(&create(token)).await.meeting_id());
    }
    assert_eq!(function.invoke(&call("DELETE", &ids[0], "")).await.status, 204);
    assert_eq!(send(&function, &ended(&json!(ids[1]))).await, Ok(Value::Null));
    let listed = async || {
        let (meetings, _) = page(&function.invoke(&list(&[])).await);
        meetings.iter().map(|it| it["MeetingId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed().await, ids[2..]);

    // The next meeting of a token is listed in its place.
    let next = function.invoke(&create("deleted")).await.meeting_id();
    let (mut actual, mut expected) = (listed().await, vec![ids[2].clone(), next]);
    actual.sort();
    expected.sort();
    assert_eq!(actual, expected);
}

#[tokio::test]
async fn what_has_expired_is_not_listed_even_on_a_later_page() {
    let world = World::with(Duration::from_mins(5)).await;
    for (token, seconds) in [("first", 0), ("second", 30), ("third", 60)] {
        assert_eq!(world.invoke(&create(token), seconds).await.0.status, 201);
    }
    let first = list(&[("max-results", "1")]);
    let (reply, ..) = world.invoke(&first, 60).await;
    let (_, next) = page(&reply);
    for (seconds, all, rest) in
        [(60, 3, 2), (299, 3, 2), (300, 2, 2), (329, 2, 2), (330, 1, 1), (360, 0, 0)]
    {
        let (reply, ..) = world.invoke(&list(&[]), seconds).await;
        assert_eq!(page(&reply).0.len(), all, "{seconds}");
        let (reply, ..) =
            world.invoke(&list(&[("next-token", next.as_ref().unwrap())]), seconds).await;
        assert_eq!(page(&reply).0.len(), rest, "{seconds}");
    }
}

#[tokio::test]
async fn a_thousand_meetings_are_listed_page_by_page() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    function.invoke(&create("token")).await;
    let [item] = &dynamodb.meetings().await[..] else { panic!("one meeting") };
    let mut ids = copy(&dynamodb, item, 999).await;
    ids.push(item["MeetingId"].as_s().unwrap().clone());
    ids.sort();
    // 99 usual meetings, and one that shows that there are more: docs/scale.md has this number.
    assert_eq!(page(&function.invoke(&list(&[])).await).0.len(), 99);
    assert_eq!(function.process.records(2).await[1]["consumedCapacity"], 11.0);

    for (parameters, sizes) in [
        (&[][..], [&[99; 10][..], &[10]].concat()),
        (&[("max-results", "99")], [&[99; 10][..], &[10]].concat()),
        (&[("max-results", "50")], vec![50; 20]),
        (&[("max-results", "1")], vec![1; 1000]),
    ] {
        dynamodb.take_requests();
        let pages = pages(&function, parameters).await;
        assert_eq!(dynamodb.take_operations(), vec!["Query"; pages.len()]);
        assert_eq!(pages.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{parameters:?}");
        let listed = pages.concat();
        let listed: Vec<_> = listed.iter().map(|it| it["MeetingId"].as_str().unwrap()).collect();
        assert_eq!(listed, ids, "{parameters:?}");
    }
}

/// `DynamoDB` returns at most a megabyte.
#[tokio::test]
async fn large_meetings_take_more_pages() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let tags: Vec<_> = (0..50)
        .map(|number| json!({"Key": format!("{number:0128}"), "Value": "é".repeat(256)}))
        .collect();
    let large = Event::create(&json!({"ClientRequestToken": "token", "Tags": tags}));
    assert_eq!(function.invoke(&large).await.status, 201);
    let [item] = &dynamodb.meetings().await[..] else { panic!("one meeting") };
    copy(&dynamodb, item, 49).await;

    let pages = pages(&function, &[]).await;

    let listed = pages.concat();
    let listed: BTreeSet<_> = listed.iter().map(|it| it["MeetingId"].as_str().unwrap()).collect();
    assert_eq!(listed.len(), 50);
    assert!(pages.len() > 1, "one page has all");
}

#[tokio::test]
async fn invalid_parameters_are_rejected_and_name_what_is_accepted() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    for token in ["one", "two"] {
        function.invoke(&create(token)).await;
    }
    let (_, next) = page(&function.invoke(&list(&[("max-results", "1")])).await);
    let next = next.unwrap();
    dynamodb.take_requests();
    let number = "maxResults be a whole number between 1 and 99";
    let foreign = "nextToken be the NextToken of a response to your account";
    let [account, time, id] = next.split('.').collect::<Vec<_>>()[..] else { panic!("{next}") };
    let cut = |length: usize| next[..length].to_owned();
    for (name, value, violation) in [
        ("max-results", "0".to_owned(), "maxResults have value greater than or equal to 1"),
        ("max-results", "100".into(), "maxResults have value less than or equal to 99"),
        ("max-results", "4294967296".into(), number),
        ("max-results", "-1".into(), number),
        ("max-results", "1.5".into(), number),
        ("max-results", "all".into(), number),
        ("next-token", "x".into(), foreign),
        ("next-token", "é".repeat(4096), foreign),
        ("next-token", cut(next.len() - 1), foreign),
        ("next-token", cut(account.len() + 1), foreign),
        ("next-token", cut(account.len()), foreign),
        ("next-token", next[1..].to_owned(), foreign),
        ("next-token", format!("{next}0"), foreign),
        ("next-token", format!("{STRANGER}.{time}.{id}"), foreign),
        ("next-token", format!("anonymous.{time}.{id}"), foreign),
        ("next-token", format!("{account}.{id}.{time}"), foreign),
        ("next-token", format!("{account}.-1.{id}"), foreign),
        ("next-token", format!("{account}.{time}#.{id}"), foreign),
        ("next-token", format!("{account}.{time}0.{id}"), foreign),
        ("next-token", format!("{account}.{}.{id}", &time[1..]), foreign),
        ("next-token", format!("{account}.+{}.{id}", &time[1..]), foreign),
    ] {
        let reply = function.invoke(&list(&[(name, &value)])).await;
        reply.assert_modelled();
        let (member, constraint) = violation.split_once(' ').unwrap();
        let message = format!(
            "1 validation error detected: Value at '{member}' failed to satisfy constraint: Member must {constraint}"
        );
        assert_eq!((reply.status, reply.message()), (400, message), "{name}={value}");
    }
    let all_wrong = list(&[("max-results", "0"), ("next-token", &"x".repeat(4097))]);
    assert!(
        function.invoke(&all_wrong).await.message().starts_with("3 validation errors detected: ")
    );
    assert_eq!(dynamodb.take_requests(), 0);

    // A time at which no meeting expires is no error. Empty parameters count as absent.
    for (token, rest) in [
        (format!("{account}.1000000000.{id}"), 2),
        (format!("{account}.9999999999.{id}"), 0),
        (next.to_uppercase(), 1),
        (String::new(), 2),
    ] {
        let event = list(&[("max-results", ""), ("next-token", &token)]);
        assert_eq!(page(&function.invoke(&event).await).0.len(), rest, "{token}");
    }
}

#[tokio::test]
async fn a_page_token_outlives_the_meeting_that_it_follows() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    for token in ["one", "two", "three"] {
        function.invoke(&create(token)).await;
    }
    let (first, next) = page(&function.invoke(&list(&[("max-results", "1")])).await);
    let meeting_id = first[0]["MeetingId"].as_str().unwrap();
    function.invoke(&call("DELETE", meeting_id, "")).await;

    let event = list(&[("next-token", &next.unwrap())]);
    let (rest, next) = page(&function.invoke(&event).await);

    assert_eq!((rest.len(), next), (2, None));
    assert!(rest.iter().all(|it| it["MeetingId"] != meeting_id));
}

#[tokio::test]
async fn it_has_dynamodbs_failures() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    function.invoke(&create("token")).await;
    let throttled = Fault::before(Refusal(400, "ProvisionedThroughputExceededException"));
    for (faults, status) in [
        (vec![throttled; 2], 200),
        (vec![throttled; 3], 429),
        (vec![Fault::before(Closed), Fault::after(Stalled)], 200),
        (vec![Fault::before(Closed); 3], 503),
        (vec![Fault::before(Refusal(400, "AccessDeniedException"))], 500),
        (vec![Fault::before(Refusal(400, "ValidationException"))], 500),
    ] {
        dynamodb.set_faults(faults.clone());
        let reply = function.invoke(&list(&[])).await;
        reply.assert_modelled();
        assert_eq!(reply.status, status, "{faults:?}: {reply:?}");
        dynamodb.set_faults([]);
    }
}

#[tokio::test]
async fn it_is_logged_without_sensitive_values() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
    let created = function.invoke(&create("s3cr3t-token")).await;
    let (meetings, _) = page(&function.invoke(&list(&[])).await);
    assert_eq!(meetings, [created.json()["Meeting"].clone()]);
    function.invoke(&list(&[("next-token", "s3cr3t")])).await;
    let records = function.process.records(3).await;

    let listed = &records[1];
    for (property, value) in [
        ("operation", json!("ListMeetings")),
        ("outcome", json!("listed")),
        ("status", json!(200)),
        ("Listed", json!(1)),
        ("storeAttempts", json!(1)),
        ("consumedCapacity", json!(0.5)),
    ] {
        assert_eq!(listed[property], value, "{property}: {listed}");
    }
    assert!(!function.process.output().contains("s3cr3t"), "{}", function.process.output());
}

/// A newer version may have written it.
#[tokio::test]
async fn an_item_that_cannot_be_read_is_left_out_and_logged() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    for token in ["one", "two", "three"] {
        function.invoke(&create(token)).await;
    }
    let (all, _) = page(&function.invoke(&list(&[])).await);
    let mut items = dynamodb.meetings().await;
    let unreadable = all[1]["MeetingId"].as_str().unwrap();
    let item = items.iter_mut().find(|it| it["MeetingId"].as_s().unwrap() == unreadable).unwrap();
    item.insert("MediaRegion".into(), AttributeValue::S("s3cr3t-region".into()));
    let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(item.clone()));
    put.send().await.unwrap();

    let mut listed = Vec::new();
    let mut event = list(&[("max-results", "1")]);
    for is_last in [false, false, true] {
        let (meetings, next) = page(&function.invoke(&event).await);
        listed.extend(meetings);
        assert_eq!(next.is_none(), is_last);
        event = list(&[("max-results", "1"), ("next-token", &next.unwrap_or_default())]);
    }

    assert_eq!(listed, [all[0].clone(), all[2].clone()]);
    function.process.logged(&format!("the item of meeting {unreadable} cannot be read")).await;
    assert!(!function.process.output().contains("s3cr3t"));
}
