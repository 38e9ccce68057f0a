//! Random mutations of events.

use std::cell::RefCell;
use std::path::PathBuf;

use create_meeting::gateway::HttpEvent;
use create_meeting::operation::Handling::Unsupported;
use create_meeting::operation::{OPERATIONS, Route};
use local::chime_sdk::Request;
use proptest::prelude::*;
use serde_json::value::to_raw_value;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{for_all, iterations};
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Function, Outcome, Reply, Source, chime, relayed_calls,
};

/// The function with each media plane.
struct World {
    templates: Function,
    chime_sdk: Function,
    chime: Chime,
    /// The requests that the Chime SDK has received.
    requests: RefCell<Vec<Request>>,
    events: Vec<Event>,
    _dynamodb: DynamoDb,
}

impl World {
    async fn start() -> Self {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let templates = Function::start(&dynamodb).await;
        let chime_sdk = chime.function(&dynamodb, &[]).await;
        let meeting = chime_sdk.invoke(&Event::rest()).await.meeting_id();
        let events = events(&meeting);
        let requests = RefCell::default();
        Self { templates, chime_sdk, chime, requests, events, _dynamodb: dynamodb }
    }

    /// Each function's outcome for an event.
    async fn invoke(&self, event: Vec<u8>) -> [Outcome; 2] {
        let outcomes = [
            self.templates.invoke_raw(event.clone()).await,
            self.chime_sdk.invoke_raw(event).await,
        ];
        // The service itself checks transcription settings.
        let mut requests = self.chime.service.take_requests();
        requests.retain(|request| request.operation() != "StartMeetingTranscription");
        self.requests.borrow_mut().extend(requests);
        outcomes
    }
}

/// Events of all operations and sources, except those that delete the meeting.
fn events(meeting_id: &str) -> Vec<Event> {
    let other = "8d1f3c0e-5b7a-4c2d-8e9f-abcdef012345";
    let variations: [fn(Event) -> Event; 7] = [
        |event| event,
        Event::replay,
        Event::mismatch,
        Event::full,
        Event::invalid,
        Event::base64,
        Event::anonymous,
    ];
    let creations = Event::of_each_source().into_iter();
    let creations = creations.flat_map(|event| variations.map(|vary| vary(event.clone())));
    let attendees = json!([{"ExternalUserId": "anna", "Tags": [{"Key": "a", "Value": "b"}]}, {"ExternalUserId": "bert"}]);
    let with_attendees = json!({"ClientRequestToken": "with-attendees", "Attendees": attendees});
    let with_attendees =
        Call::new("POST", "/meetings").query("operation", "create-attendees").body(with_attendees);
    let page = Call::new("GET", format!("/meetings/{meeting_id}/attendees"));
    let page = page.query("max-results", "1").query("next-token", "1+/=");
    let meetings = Call::new("GET", "/meetings");
    let meetings_page = format!("{CALLER}.1795342560.{other}");
    let meetings_page = meetings.clone().query("next-token", &meetings_page);
    let [.., delete_meeting] = relayed_calls(other, other);
    let calls = relayed_calls(meeting_id, other).into_iter().take(8).chain([delete_meeting]);
    let calls = calls.map(|(_, call)| call).chain([with_attendees, page, meetings, meetings_page]);
    let calls = calls.flat_map(|call| Source::ALL.map(|source| call.event(source)));
    creations.chain(calls).collect()
}

/// `make fuzz` sets `FUZZ_SEEDS`, the folder for its seeds.
#[test]
fn the_events_call_every_operation_that_is_served() {
    let events = events("4f1e7a52-2c7b-4b8a-9d55-0123456789ab");
    for operation in OPERATIONS.iter().filter(|it| !matches!(it.handling, Unsupported(_))) {
        let is_called = |event: &Event| {
            let request = HttpEvent::parse(&to_raw_value(&event.0).unwrap()).unwrap().request;
            Route::of(&request).is_ok_and(|route| route.operation.name == operation.name)
        };
        assert!(events.iter().any(is_called), "{}", operation.name);
    }
    let Some(folder) = std::env::var_os("FUZZ_SEEDS").map(PathBuf::from) else { return };
    std::fs::create_dir_all(&folder).unwrap();
    for (number, event) in events.iter().enumerate() {
        std::fs::write(folder.join(number.to_string()), event.0.to_string()).unwrap();
    }
}

/// A mutation of an event. Its numbers select among the existing places.
#[derive(Clone, Debug)]
enum Change {
    /// Replaces the value at a place.
    Replace(usize, Value),
    /// Removes the value at a place.
    Remove(usize),
    /// Adds a member to an object, with the name of another place or a new one.
    Insert(usize, String, Value),
    /// Replaces arbitrary bytes.
    Overwrite(usize, Vec<u8>),
}

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "(GET|POST|DELETE|/meetings|application/json|true|[a-zA-Z0-9+/=]{0,8})"
            .prop_map(Value::from),
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
        (
            any::<usize>(),
            "(body|headers|http|iam|path|rawPath|operation|next-token|.{0,4})",
            json()
        )
            .prop_map(|(place, name, value)| Change::Insert(place, name, value)),
        (any::<usize>(), prop::collection::vec(any::<u8>(), 0..4))
            .prop_map(|(place, bytes)| Change::Overwrite(place, bytes)),
    ]
}

/// The JSON pointers to everything in `value`.
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
fn an_arbitrarily_mutated_event_gets_a_response_or_fails_with_a_reason() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let event = prop::sample::select(world.events.clone());
    let values = (event, prop::collection::vec(change(), 1..4));
    let cases = iterations(300, 50_000);
    for_all(&runtime, cases, &values, async |(event, changes)| {
        for outcome in world.invoke(apply(&changes, event.0)).await {
            match outcome {
                Ok(reply) => Reply::from(reply).assert_modelled(),
                Err(error) => {
                    let kind = error["errorType"].as_str().unwrap();
                    let is_known = kind == "NotAnHttpEvent" || kind.contains("DeserializeError");
                    assert!(is_known, "{error}");
                    assert!(!error["errorMessage"].as_str().unwrap().is_empty());
                }
            }
        }
    });
    runtime.block_on(chime::assert_valid(world.requests.take()));
    println!("raw events: {cases} arbitrary mutations");
}

/// Whether a client controls the value at this place. The names of headers stay as they are.
fn is_client_controlled(place: &str) -> bool {
    let members = ["/body", "/path", "/rawPath", "/rawQueryString", "/httpMethod"];
    let below = [
        "/headers/",
        "/multiValueHeaders/",
        "/pathParameters/",
        "/queryStringParameters/",
        "/requestContext/http/",
    ];
    members.contains(&place)
        || place == "/requestContext/identity/userAgent"
        || below.iter().any(|start| place.starts_with(start))
}

/// The contents of a JSON string, which may have lone surrogates.
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
fn any_client_controlled_input_gets_a_response() {
    let runtime = Runtime::new().unwrap();
    let world = runtime.block_on(World::start());
    let event = prop::sample::select(world.events.clone());
    let values = (event, prop::collection::vec((any::<usize>(), raw_text()), 1..6));
    let cases = iterations(300, 50_000);
    for_all(&runtime, cases, &values, async |(mut event, texts)| {
        let mut places = places(&event.0);
        places.retain(|place| is_client_controlled(place));
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
        for outcome in world.invoke(raw.into()).await {
            Reply::from(outcome.unwrap_or_else(|error| panic!("{error}"))).assert_modelled();
        }
    });
    runtime.block_on(chime::assert_valid(world.requests.take()));
    println!("raw events: {cases} mutations of client-controlled fields");
}
