//! Events from `events/`, changed at random.

use proptest::prelude::*;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{for_all, tries};
use crate::support::{DynamoDb, Event, Function, Reply};

/// One change of an event. Its numbers choose among as many places as there are.
#[derive(Clone, Debug)]
enum Change {
    /// Another value at a place.
    Replace(usize, Value),
    /// Nothing at a place.
    Remove(usize),
    /// A member of an object, by the name that another place has or by a name of its own.
    Insert(usize, String, Value),
    /// Other bytes, wherever they are.
    Overwrite(usize, Vec<u8>),
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = ["create", "replay", "mismatch", "full", "invalid", "base64"];
    let names: Vec<String> = ["rest", "http", "url"]
        .iter()
        .flat_map(|source| kinds.map(|kind| format!("{source}-{kind}")))
        .collect();
    prop::sample::select(names).prop_map(|name| Event::named(&name))
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(POST|/meetings|application/json|true|[a-zA-Z0-9+/=]{0,8})".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 16, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(".{0,8}", inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (any::<usize>(), json()).prop_map(|(place, value)| Change::Replace(place, value)),
        any::<usize>().prop_map(Change::Remove),
        (any::<usize>(), "(body|headers|http|iam|path|rawPath|.{0,4})", json())
            .prop_map(|(place, name, value)| Change::Insert(place, name, value)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(place, bytes)| Change::Overwrite(place, bytes)),
    ]
}

/// The JSON pointers to all that is in `value`.
fn places(value: &Value) -> Vec<String> {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) => {
            let escape = |name: &str| name.replace('~', "~0").replace('/', "~1");
            members.iter().map(|(name, value)| (escape(name), value)).collect()
        }
        Value::Array(elements) => {
            elements.iter().enumerate().map(|(n, value)| (n.to_string(), value)).collect()
        }
        _ => Vec::new(),
    };
    let below = below.into_iter().flat_map(|(name, value)| {
        places(value).into_iter().map(move |place| format!("/{name}{place}"))
    });
    std::iter::once(String::new()).chain(below).collect()
}

fn apply(changes: &[Change], mut event: Value) -> Vec<u8> {
    let at = |event: &Value, place: usize| {
        let places = places(event);
        places[place % places.len()].clone()
    };
    for change in changes {
        match change {
            Change::Replace(place, value) => {
                let place = at(&event, *place);
                *event.pointer_mut(&place).unwrap() = value.clone();
            }
            Change::Remove(place) => {
                let place = at(&event, *place);
                let (parent, name) = place.rsplit_once('/').unwrap_or_default();
                let members = event.pointer_mut(parent).and_then(Value::as_object_mut);
                members.and_then(|members| members.remove(name));
            }
            Change::Insert(place, name, value) => {
                let place = at(&event, *place);
                if let Some(members) = event.pointer_mut(&place).and_then(Value::as_object_mut) {
                    members.insert(name.clone(), value.clone());
                }
            }
            Change::Overwrite(..) => {}
        }
    }
    let mut bytes = event.to_string().into_bytes();
    for change in changes {
        if let Change::Overwrite(place, other) = change {
            let start = place % bytes.len();
            let end = (start + other.len()).min(bytes.len());
            bytes[start..end].copy_from_slice(&other[..end - start]);
        }
    }
    bytes
}

#[test]
fn an_event_changed_anyhow_gets_a_reply_or_fails_with_a_reason() {
    let runtime = Runtime::new().unwrap();
    let dynamodb = runtime.block_on(DynamoDb::start());
    let function = runtime.block_on(Function::start(&dynamodb));
    let values = (event(), prop::collection::vec(change(), 1..4));
    let cases = tries(300, 50_000);
    for_all(&runtime, cases, &values, async |(event, changes)| {
        match function.invoke_raw(apply(&changes, event.0)).await {
            Ok(reply) => Reply::from(reply).assert_modelled(),
            Err(error) => {
                let kind = error["errorType"].as_str().unwrap();
                assert!(kind == "NotAnHttpEvent" || kind.contains("DeserializeError"), "{error}");
                assert!(!error["errorMessage"].as_str().unwrap().is_empty());
            }
        }
    });
    println!("raw events: {cases} changed anyhow");
}

/// What a client chooses freely, but for the names of headers.
fn is_the_clients(place: &str) -> bool {
    let members = ["/body", "/path", "/rawPath", "/rawQueryString", "/httpMethod"];
    let below = ["/headers/", "/multiValueHeaders/", "/requestContext/http/"];
    members.contains(&place)
        || place == "/requestContext/identity/userAgent"
        || below.iter().any(|start| place.starts_with(start))
}

/// The inside of a JSON string, which may hold surrogates on their own.
fn raw_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => any::<char>().prop_map(|c| {
            let json = json!(c).to_string();
            json[1..json.len() - 1].to_owned()
        }),
        1 => any::<u16>().prop_map(|unit| format!("\\u{unit:04x}")),
        1 => (0xd800..0xe000_u16).prop_map(|unit| format!("\\u{unit:04x}")),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn whatever_a_client_chooses_gets_a_reply() {
    let runtime = Runtime::new().unwrap();
    let dynamodb = runtime.block_on(DynamoDb::start());
    let function = runtime.block_on(Function::start(&dynamodb));
    let values = (event(), prop::collection::vec((any::<usize>(), raw_text()), 1..6));
    let cases = tries(300, 50_000);
    for_all(&runtime, cases, &values, async |(mut event, texts)| {
        let mut places = places(&event.0);
        places.retain(|place| is_the_clients(place));
        let mark = |n: usize| format!("to be replaced {n:02}");
        for (n, (place, _)) in texts.iter().enumerate() {
            let value = event.0.pointer_mut(&places[place % places.len()]).unwrap();
            if value.is_string() {
                *value = json!(mark(n));
            }
        }
        let mut raw = event.0.to_string();
        for (n, (_, text)) in texts.iter().enumerate() {
            raw = raw.replace(&mark(n), text);
        }
        let reply = function.invoke_raw(raw).await;
        Reply::from(reply.unwrap_or_else(|error| panic!("{error}"))).assert_modelled();
    });
    println!("raw events: {cases} with what clients choose");
}
