//! Random relayed requests, valid and invalid, against their constraints.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};

use proptest::prelude::*;
use serde_json::{Map, Value, json};
use tokio::runtime::Runtime;

use super::oracle::Oracle;
use super::requests::{mostly, object};
use super::{for_all, iterations};
use crate::support::{Call, Chime, DynamoDb, Source};

const ID: &str = "[a-fA-F0-9]{8}(-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}";

/// An ID or other text without a slash, because API Gateway never passes one on in a parameter.
fn id() -> impl Strategy<Value = String> {
    prop_oneof![20 => ID, 1 => "[a-f0-9-]{35,37}", 1 => "[^/]{1,8}"]
}

fn attendee() -> impl Strategy<Value = Value> {
    let user = prop_oneof![
        9 => r##"[-_&@+=,(){}\[\]/«».:|'"#a-zA-Z0-9À-ÿ \t\n]{2,64}"##,
        1 => "(aws|AWS|Aws)[:;][a-z]{0,3}",
        1 => "\\PC{1,66}",
    ];
    let attendee = (prop::option::of(mostly(user)), any::<bool>()).prop_map(|(user, has_more)| {
        let mut attendee = object([("ExternalUserId", user)]);
        if has_more {
            attendee.insert("Tags".into(), json!([{"Key": 1}]));
            attendee.insert("Capabilities".into(), json!({"Audio": "Send", "New": [1.5]}));
        }
        attendee.into()
    });
    prop_oneof![
        40 => attendee,
        1 => prop::sample::select(vec![json!(null), json!("anna"), json!(["anna"]), json!({})]),
    ]
}

fn attendees() -> impl Strategy<Value = Value> {
    prop_oneof![
        20 => prop::collection::vec(attendee(), 1..5).prop_map(Value::from),
        1 => (9..12_usize).prop_map(users),
        1 => (99..102_usize).prop_map(users),
        1 => prop::sample::select(vec![json!(null), json!([]), json!({}), json!("anna")]),
    ]
}

fn users(count: usize) -> Value {
    (0..count).map(|number| json!({"ExternalUserId": format!("user-{number}")})).collect()
}

/// A request. The service receives its valid part.
#[derive(Clone, Debug)]
enum Request {
    Get(String, String),
    Create(String, Value),
    Batch(String, Value),
    WithAttendees(Value),
    List(String, String, String),
}

fn request() -> impl Strategy<Value = Request> {
    let results = prop_oneof![3 => "[0-9]{0,4}", 1 => r"[-+ 0-9a-z.]{0,3}", 1 => "\\PC{0,3}"];
    let token = prop_oneof![
        9 => "\\PC{0,20}",
        1 => any::<String>(),
        1 => (4095..4098_usize).prop_map(|length| "é".repeat(length)),
    ];
    prop_oneof![
        (id(), id()).prop_map(|(meeting, attendee)| Request::Get(meeting, attendee)),
        (id(), attendee().prop_filter("an object", Value::is_object))
            .prop_map(|(meeting, attendee)| Request::Create(meeting, attendee)),
        (id(), attendees()).prop_map(|(meeting, attendees)| Request::Batch(meeting, attendees)),
        attendees().prop_map(Request::WithAttendees),
        (id(), results, token)
            .prop_map(|(meeting, results, token)| Request::List(meeting, results, token)),
    ]
}

impl Request {
    fn violations(&self) -> BTreeSet<String> {
        let mut oracle = Oracle::default();
        match self {
            Self::Get(meeting, attendee) => {
                oracle.id("meetingId", meeting);
                oracle.id("attendeeId", attendee);
            }
            Self::Create(meeting, attendee) => {
                oracle.id("meetingId", meeting);
                oracle
                    .user("externalUserId", attendee.get("ExternalUserId").unwrap_or(&json!(null)));
            }
            Self::Batch(meeting, attendees) => {
                oracle.id("meetingId", meeting);
                if attendees.is_null() {
                    oracle.breaks("attendees", "not be null");
                } else {
                    oracle.attendees(attendees, 100);
                }
            }
            Self::WithAttendees(attendees) if attendees.is_null() => {}
            Self::WithAttendees(attendees) => oracle.attendees(attendees, 10),
            Self::List(meeting, results, token) => {
                oracle.id("meetingId", meeting);
                oracle.page(results, token);
            }
        }
        oracle.0
    }

    fn meeting_id(&self) -> Option<&str> {
        match self {
            Self::Get(meeting, _)
            | Self::Create(meeting, _)
            | Self::Batch(meeting, _)
            | Self::List(meeting, ..) => Some(meeting),
            Self::WithAttendees(_) => None,
        }
    }

    fn call(&self, token: u32) -> Call {
        let attendees = |meeting: &str| format!("/meetings/{meeting}/attendees");
        match self {
            Self::Get(meeting, attendee) => {
                Call::new("GET", format!("{}/{attendee}", attendees(meeting)))
            }
            Self::Create(meeting, attendee) => Call::new("POST", attendees(meeting)).body(attendee),
            Self::Batch(meeting, all) => {
                let call = Call::new("POST", attendees(meeting)).query("operation", "batch-create");
                call.body(json!({"Attendees": all}))
            }
            Self::WithAttendees(attendees) => {
                let members =
                    json!({"ClientRequestToken": format!("token-{token}"), "Attendees": attendees});
                Call::new("POST", "/meetings").query("operation", "create-attendees").body(members)
            }
            Self::List(meeting, results, token) => Call::new("GET", attendees(meeting))
                .query("max-results", results)
                .query("next-token", token),
        }
    }

    /// The body that the service receives for a valid request.
    fn sent(&self) -> Value {
        match self {
            Self::Create(_, attendee) => sent(attendee),
            Self::Batch(_, attendees) | Self::WithAttendees(attendees) => {
                let attendees = attendees.as_array().into_iter().flatten();
                json!({"Attendees": attendees.map(sent).collect::<Vec<_>>()})
            }
            _ => Value::Null,
        }
    }
}

/// An attendee with only the members that the service knows.
fn sent(attendee: &Value) -> Value {
    let known = |(name, _): &(&String, &Value)| name != &"Tags";
    let members = attendee.as_object().unwrap().iter().filter(known);
    members.map(|(name, value)| (name.clone(), value.clone())).collect::<Map<_, _>>().into()
}

#[test]
fn a_relayed_request_is_rejected_for_exactly_its_violations_or_forwarded() {
    let runtime = Runtime::new().unwrap();
    let (dynamodb, chime) =
        runtime.block_on(async { (DynamoDb::start().await, Chime::start().await) });
    let function = runtime.block_on(chime.function(&dynamodb, &[]));
    let (case, valid) = (AtomicU32::new(0), AtomicU32::new(0));
    let cases = iterations(300, 10_000);
    for_all(&runtime, cases, &request(), async |request| {
        let call = request.call(case.fetch_add(1, Ordering::Relaxed));
        let violations = request.violations();
        if violations.is_empty()
            && let Some(meeting_id) = request.meeting_id()
        {
            dynamodb.own(&meeting_id.to_lowercase()).await;
        }

        let reply = function.invoke(&call.event(Source::RestRoute)).await;

        reply.assert_modelled();
        let got = chime.service.take_requests();
        if !violations.is_empty() {
            assert_eq!((reply.status, got.len()), (400, 0), "{reply:?}");
            let message = reply.message();
            let (_, named) = message.split_once(" detected: ").unwrap();
            assert_eq!(named.split("; ").map(str::to_owned).collect::<BTreeSet<_>>(), violations);
            return;
        }
        valid.fetch_add(1, Ordering::Relaxed);
        let body = got.last().map(|it| serde_json::from_slice(&it.body).unwrap_or_default());
        match &request {
            Request::WithAttendees(Value::Null) => assert_eq!(reply.status, 201, "{reply:?}"),
            // Some of the Capabilities are not valid for the service.
            Request::WithAttendees(_) => assert_eq!(body, Some(request.sent())),
            _ => {
                assert_eq!((got.len(), body), (1, Some(request.sent())));
                assert_eq!(got[0].path, call.path.to_lowercase());
            }
        }
    });
    println!("relayed requests: {cases} random ones, {} of them valid", valid.into_inner());
}
