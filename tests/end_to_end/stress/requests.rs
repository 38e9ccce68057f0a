//! Random requests, valid and invalid, against their constraints.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use fastrand::Rng;
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::oracle::Oracle;
use super::{for_all, iterations};
use crate::constraints::REGIONS;
use crate::support::{DynamoDb, Event, Function};

/// A string whose length is at the bound of a constraint, in characters of one to four bytes.
fn string_of_boundary_length() -> impl Strategy<Value = String> {
    let length = prop::sample::select(vec![0, 1, 2, 3, 63, 64, 65, 127, 128, 129, 255, 256, 257]);
    let character = prop::sample::select(vec!["x", "-", "é", "€", "📅", "\0", "\"", " "]);
    (length, character).prop_map(|(length, character): (usize, &str)| character.repeat(length))
}

/// Mostly `valid` values, otherwise arbitrary ones.
pub fn mostly(valid: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Value> {
    prop_oneof![
        30 => valid.prop_map(Value::from),
        2 => string_of_boundary_length().prop_map(Value::from),
        1 => any::<String>().prop_map(Value::from),
        1 => Just(json!(null)),
        1 => prop::sample::select(vec![json!(1), json!(false), json!(["ab"]), json!({"a": "b"})]),
    ]
}

fn arn(service: &'static str) -> impl Strategy<Value = String> {
    let valid = format!(
        "arn:aws(-cn|-us-gov)?:{service}:[a-z]{{2}}-east-[1-3]:[0-9]{{12}}:[-_.a-zA-Z0-9]{{1,20}}"
    );
    let valid = prop::string::string_regex(&valid).unwrap();
    prop_oneof![
        9 => valid,
        1 => "arn:aws:(sns|sqs):(|us-east-1):[0-9]{11,12}:[a-z]{0,3}(:[a-z]{1,3}|/[a-z]{1,3})?",
        1 => "arn[-/:_.a-z]{0,4}",
        1 => (1000..1030_usize).prop_map(move |length| {
            let start = format!("arn:aws:{service}:us-east-1:111122223333:");
            format!("{start}{}", "x".repeat(length - start.len()))
        }),
    ]
}

fn tags() -> impl Strategy<Value = Value> {
    let key = prop_oneof![20 => "\\PC{1,20}", 5 => "[ab]", 1 => "(aws|AWS|Aws):[a-z]{0,3}"];
    let tag = (mostly(key), mostly("\\PC{1,20}"))
        .prop_map(|(key, value)| json!({"Key": key, "Value": value}));
    let tag = prop_oneof![
        40 => tag,
        1 => prop::sample::select(vec![json!(null), json!("a"), json!(["a", "b"]), json!({})]),
    ];
    prop_oneof![
        10 => prop::collection::vec(tag, 1..4).prop_map(Value::from),
        1 => (49..53).prop_map(|count| (0..count).map(|n| json!({"Key": n.to_string(), "Value": "v"})).collect()),
        1 => prop::sample::select(vec![json!(null), json!([]), json!({}), json!("a"), json!(1)]),
    ]
}

fn request() -> impl Strategy<Value = Map<String, Value>> {
    let member = |values: BoxedStrategy<Value>| prop::option::of(values);
    let notifications = prop_oneof![
        12 => (member(mostly(arn("sns")).boxed()), member(mostly(arn("sqs")).boxed())).prop_map(
            |(topic, queue)| {
                object([("SnsTopicArn", topic), ("SqsQueueArn", queue)]).into()
            }
        ),
        1 => prop::sample::select(vec![json!(null), json!([]), json!("a"), json!(1)]),
    ];
    (
        prop_oneof![20 => mostly("[-_a-zA-Z0-9]{2,50}").prop_map(Some), 1 => Just(None)],
        member(mostly("\\PC{2,64}").boxed()),
        member(mostly(prop::sample::select(REGIONS.to_vec()).prop_map(str::to_owned)).boxed()),
        member(mostly("\\PC{2,64}").boxed()),
        member(notifications.boxed()),
        member(tags().boxed()),
    )
        .prop_map(|(token, external, region, host, notifications, tags)| {
            object([
                ("ClientRequestToken", token),
                ("ExternalMeetingId", external),
                ("MediaRegion", region),
                ("MeetingHostId", host),
                ("NotificationsConfiguration", notifications),
                ("Tags", tags),
            ])
        })
}

pub fn object<const N: usize>(members: [(&str, Option<Value>); N]) -> Map<String, Value> {
    let given = members.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}

/// A random JSON text that is equivalent to `value`: the order of members, white space, escapes and
/// unknown members vary.
fn random_json(value: &Value, random: &mut Rng) -> String {
    let space = |random: &mut Rng| ["", "", " ", "\n\t"][random.usize(..4)];
    let parts = match value {
        Value::String(text) => return random_json_string(text, random),
        Value::Array(elements) => {
            let elements = elements.iter().map(|element| random_json(element, random));
            format!("[{}]", elements.collect::<Vec<_>>().join(","))
        }
        Value::Object(members) => {
            let mut members: Vec<String> = members
                .iter()
                .map(|(name, value)| {
                    format!(
                        "{}{}:{}",
                        random_json_string(name, random),
                        space(random),
                        random_json(value, random)
                    )
                })
                .collect();
            if random.bool() {
                members.push(r#""Unknown": [{}, {"Key": null}]"#.into());
            }
            random.shuffle(&mut members);
            format!("{{{}}}", members.join(","))
        }
        other => other.to_string(),
    };
    format!("{}{parts}{}", space(random), space(random))
}

fn random_json_string(text: &str, random: &mut Rng) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        if random.u8(..) < 16 {
            let units = c.encode_utf16(&mut [0; 2]).to_vec();
            json.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            let plain = json!(c).to_string();
            json.push_str(&plain[1..plain.len() - 1]);
        }
    }
    json + "\""
}

#[test]
fn a_request_is_rejected_for_exactly_its_violations_or_stored_unchanged() {
    let runtime = Runtime::new().unwrap();
    let dynamodb = runtime.block_on(DynamoDb::start());
    let function = runtime.block_on(Function::start(&dynamodb));
    let (case, valid) = (AtomicU32::new(0), AtomicU32::new(0));
    let cases = iterations(300, 10_000);
    for_all(&runtime, cases, &(request(), any::<u64>()), async |(mut request, seed)| {
        let mut random = Rng::with_seed(seed);
        // This account has not used a token before.
        let account = case.fetch_add(1, Ordering::Relaxed).to_string();
        let mut invoke = async |request: &Map<String, Value>| {
            let body = random_json(&json!(request), &mut random);
            let event = Event::create(&json!({})).body(&body);
            let event = event.set("/requestContext/identity/accountId", json!(account));
            let reply = function.invoke(&event).await;
            reply.assert_modelled();
            reply
        };
        let violations = Oracle::violations(&request);
        if !violations.is_empty() {
            let reply = invoke(&request).await;
            assert_eq!(reply.status, 400, "{reply:?}");
            let message = reply.message();
            let (_, named) = message.split_once(" detected: ").unwrap();
            assert_eq!(named.split("; ").map(str::to_owned).collect::<BTreeSet<_>>(), violations);
            return;
        }
        valid.fetch_add(1, Ordering::Relaxed);

        let first = invoke(&request).await;
        assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
        let asked = |member: &str| request.get(member).cloned().unwrap_or(Value::Null);
        assert_eq!(first.json()["Meeting"]["ExternalMeetingId"], asked("ExternalMeetingId"));
        let token = request["ClientRequestToken"].as_str().unwrap();
        let item = dynamodb.item(&account, token).await;
        let item: Value = serde_dynamo::from_item(item).unwrap();
        for member in ["ExternalMeetingId", "MeetingHostId"] {
            assert_eq!(item.get(member).unwrap_or(&Value::Null), &asked(member));
        }
        let region = asked("MediaRegion");
        let region = if region.is_null() { json!("us-east-1") } else { region };
        assert_eq!(
            (&item["MediaRegion"], &first.json()["Meeting"]["MediaRegion"]),
            (&region, &region)
        );
        for member in ["SnsTopicArn", "SqsQueueArn"] {
            let asked = asked("NotificationsConfiguration");
            assert_eq!(item["NotificationsConfiguration"][member], asked[member]);
        }
        let asked_tags = asked("Tags").as_array().cloned().unwrap_or_default();
        assert_eq!(item["Tags"].as_object().map_or(0, Map::len), asked_tags.len());
        for tag in asked_tags {
            assert_eq!(item["Tags"][tag["Key"].as_str().unwrap()], tag["Value"]);
        }

        let host = if asked("MeetingHostId") == "other" { "another" } else { "other" };
        if let Some(Value::Array(tags)) = request.get_mut("Tags") {
            tags.reverse();
        }
        let replay = invoke(&request).await;
        assert_eq!((replay.is_replay(), &replay.body), (true, &first.body));

        request.insert("MeetingHostId".into(), json!(host));
        let other = invoke(&request).await;
        assert!(other.message().contains("different values for: MeetingHostId."), "{other:?}");
    });
    println!("requests: {cases} random ones, {} of them valid", valid.into_inner());
}
