//! `CreateMeetingWithAttendees`: a meeting, exactly once for its token, and then its attendees.

use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::types::AttributeValue;
use local::chime_sdk::Answer::{Closed, Raw, Refusal, Stalled};
use local::chime_sdk::{Fault, Tokens};
use serde_json::{Value, json};

use super::relay::errors::{ERRORS, expected};
use super::world::World;
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Fault as StoreFault, Reply, Source, legacy_operations,
};

const GET: &str = "GetItem";
const PUT: &str = "TransactWriteItems";
const UPDATE: &str = "UpdateItem";
const CREATE: &str = "CreateMeeting";
const CHECK: &str = "GetMeeting";
const ATTEND: &str = "BatchCreateAttendee";
const NONE: [&str; 0] = [];

/// A request for a meeting with these users.
fn with(users: &[&str]) -> Event {
    let users = users.iter().map(|user| json!({"ExternalUserId": user}));
    let users: Vec<_> = users.collect();
    request(json!({"Attendees": users}))
}

fn request(mut members: Value) -> Event {
    members["ClientRequestToken"] = json!("token");
    call().body(members).event(Source::RestRoute)
}

fn call() -> Call {
    Call::new("POST", "/meetings").query("operation", "create-attendees")
}

fn users(reply: &Reply) -> Vec<String> {
    let json = reply.json();
    let attendees = json["Attendees"].as_array().unwrap_or_else(|| panic!("{reply:?}")).iter();
    attendees.map(|attendee| attendee["ExternalUserId"].as_str().unwrap().into()).collect()
}

/// The attendees of a meeting, as the service lists them.
async fn listed(world: &World, meeting_id: &str) -> Vec<Value> {
    let list = Call::new("GET", format!("/meetings/{meeting_id}/attendees"));
    let (reply, ..) = world.invoke(&list.event(Source::RestRoute), 0).await;
    reply.json()["Attendees"].as_array().unwrap_or_else(|| panic!("{reply:?}")).clone()
}

#[tokio::test]
async fn a_creation_makes_two_calls_to_each_service_and_a_replay_fewer() {
    for source in Source::ALL {
        let world = World::start().await;
        let members = json!({
            "ClientRequestToken": "token",
            "ExternalMeetingId": "standup",
            "Attendees": [{"ExternalUserId": "anna", "Tags": [{"Key": "a", "Value": "b"}]}, {"ExternalUserId": "bert"}],
        });
        let event = call().body(&members).event(source);

        let (first, dynamodb, chime) = world.invoke(&event, 0).await;

        assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
        assert_eq!((dynamodb, chime), (vec![GET.into(), PUT.into()], vec![CREATE, ATTEND]));
        let json = first.json();
        let [upstream] = &world.chime.service.meetings()[..] else { panic!("one meeting") };
        for member in ["MeetingId", "ExternalMeetingId", "MediaRegion", "MediaPlacement"] {
            assert_eq!(json["Meeting"][member], upstream[member]);
        }
        assert_eq!(json.as_object().unwrap().len(), 3);
        assert_eq!(json["Errors"], json!([]));
        assert_eq!(
            *json["Attendees"].as_array().unwrap(),
            listed(&world, &first.meeting_id()).await
        );
        assert_eq!(users(&first), ["anna", "bert"]);
        world.chime.take();

        let (replay, dynamodb, chime) = world.invoke(&event, 59).await;
        assert_eq!((replay.status, replay.is_replay(), &replay.body), (201, true, &first.body));
        assert_eq!((dynamodb, chime), (vec![GET.to_owned()], vec![ATTEND]));
        let (replay, dynamodb, chime) = world.invoke(&event, 120).await;
        assert_eq!((replay.status, replay.is_replay(), &replay.body), (201, true, &first.body));
        assert_eq!((dynamodb, chime), (vec![GET.into(), UPDATE.into()], vec![CHECK, ATTEND]));
        world.chime.assert_valid().await;
    }
}

#[tokio::test]
async fn without_attendees_it_behaves_like_create_meeting() {
    let world = World::start().await;
    for attendees in [json!({}), json!({"Attendees": null})] {
        let (reply, dynamodb, chime) = world.invoke(&request(attendees), 0).await;
        let json = reply.json();
        assert_eq!((&json["Attendees"], &json["Errors"]), (&json!([]), &json!([])));
        let is_replay = reply.is_replay();
        let taken = if is_replay { (1, 0) } else { (2, 1) };
        assert_eq!((dynamodb.len(), chime.len()), taken, "{dynamodb:?}, {chime:?}");
    }
    // CreateMeeting uses the same tokens.
    let plain = Event::create(&json!({"ClientRequestToken": "token"}));
    let (plain, ..) = world.invoke(&plain, 0).await;
    assert_eq!((plain.is_replay(), plain.meeting_id()), (true, world.stored().await));
    let (with_attendees, ..) = world.invoke(&with(&["anna"]), 0).await;
    assert_eq!((with_attendees.is_replay(), users(&with_attendees)), (true, vec!["anna".into()]));
    assert_eq!(with_attendees.meeting_id(), plain.meeting_id());
}

#[tokio::test]
async fn a_replay_creates_only_attendees_that_are_new() {
    let world = World::start().await;
    let (first, ..) = world.invoke(&with(&["anna", "bert"]), 0).await;
    let (other, ..) = world.invoke(&with(&["carl", "anna"]), 1).await;

    assert_eq!((other.is_replay(), users(&other)), (true, vec!["carl".into(), "anna".into()]));
    assert_eq!(other.json()["Attendees"][1], first.json()["Attendees"][0], "the same join token");
    assert_eq!(other.json()["Meeting"], first.json()["Meeting"]);
    assert_eq!(listed(&world, &first.meeting_id()).await.len(), 3);
}

#[tokio::test]
async fn a_mismatch_creates_no_attendees() {
    let world = World::start().await;
    let (first, ..) = world.invoke(&with(&["anna"]), 0).await;
    let attendees = json!([{"ExternalUserId": "bert"}]);
    let other = request(json!({"MediaRegion": "eu-west-1", "Attendees": attendees}));

    let (conflict, dynamodb, chime) = world.invoke(&other, 1).await;

    assert!(conflict.message().contains("different values for: MediaRegion."), "{conflict:?}");
    assert_eq!((conflict.status, dynamodb), (400, vec![GET.to_owned()]));
    assert_eq!(chime, NONE);
    assert_eq!(listed(&world, &first.meeting_id()).await.len(), 1);
}

#[tokio::test]
async fn attendees_and_errors_are_passed_through_unchanged() {
    let world = World::start().await;
    let answer = r#"{"Errors": [{"ErrorCode":"Forbidden" , "ExternalUserId":"bert","New":1.50}], "New": 1,
        "Attendees":[ {"JoinToken":"a+/=", "AttendeeId":"1","New":[ "\u00e9"]} ]}"#;
    world.chime.service.set_faults([Fault::NONE, Fault::before(Raw(200, answer))]);
    let (reply, ..) = world.invoke(&with(&["anna", "bert"]), 0).await;
    let rest = r#""Attendees":[{"JoinToken":"a+/=", "AttendeeId":"1","New":[ "\u00e9"]}],"Errors":[{"ErrorCode":"Forbidden" , "ExternalUserId":"bert","New":1.50}]}"#;
    assert!(reply.status == 201 && reply.body.ends_with(rest), "{reply:?}");

    for answer in [r#"{"Attendees": []}"#, r#"{"Attendees": null, "Errors": null}"#] {
        world.chime.service.set_faults([Fault::before(Raw(200, answer))]);
        let (reply, ..) = world.invoke(&with(&["anna"]), 1).await;
        assert!(reply.body.ends_with(r#","Attendees":[],"Errors":[]}"#), "{reply:?}");
    }
    for answer in ["", "{", "[]", "{}", r#"{"Errors": []}"#, r#"{"Attendees": {}}"#] {
        world.chime.service.set_faults([Fault::before(Raw(200, answer))]);
        let (reply, _, chime) = world.invoke(&with(&["anna"]), 1).await;
        assert_eq!((reply.status, chime), (500, vec![ATTEND]), "{answer}: {reply:?}");
        reply.assert_modelled();
    }
}

#[tokio::test]
async fn the_daily_limit_counts_the_meeting() {
    let mut world = World::start().await;
    world.function = world.function.with_daily_limit(1);
    let (first, dynamodb, chime) = world.invoke(&with(&["anna"]), 0).await;
    assert_eq!(first.status, 201);
    assert_eq!(dynamodb, ["BatchGetItem", "TransactWriteItems"]);
    assert_eq!(chime, [CREATE, ATTEND]);
    assert_eq!(world.dynamodb.counted_meetings(CALLER).await, 1);
    world.dynamodb.take_operations();

    let next = json!({"ClientRequestToken": "next", "Attendees": [{"ExternalUserId": "anna"}]});
    let (next, dynamodb, chime) =
        world.invoke(&call().body(next).event(Source::RestRoute), 1).await;
    assert_eq!(next.headers["x-amzn-errortype"], "ResourceLimitExceededException");
    assert_eq!((dynamodb, chime.len()), (vec!["BatchGetItem".into(), "GetItem".into()], 0));
    let (replay, dynamodb, chime) = world.invoke(&with(&["anna"]), 1).await;
    assert_eq!((replay.is_replay(), replay.body), (true, first.body));
    assert_eq!((&*dynamodb, chime), (&["BatchGetItem".to_owned()][..], vec![ATTEND]));
}

#[tokio::test]
async fn attendee_errors_map_to_the_operations_errors_and_a_retry_succeeds() {
    let operation = "CreateMeetingWithAttendees";
    let legacy = legacy_operations().await.iter().find(|it| it.name == operation).unwrap();
    for (answer, usual, attempts) in ERRORS {
        let world = World::start().await;
        let batch_fails = std::iter::repeat(Fault::before(answer));
        world.chime.service.set_faults([Fault::NONE].into_iter().chain(batch_fails));
        let event = with(&["anna", "bert"]);

        let (reply, _, chime) = world.invoke(&event, 0).await;

        reply.assert_modelled();
        let name = expected(operation, usual);
        assert_eq!(reply.headers["x-amzn-errortype"], name, "{answer:?}: {reply:?}");
        assert!(legacy.errors.iter().any(|it| it == name), "{operation} has no {name}");
        let calls = [CREATE].into_iter().chain(std::iter::repeat_n(ATTEND, attempts));
        assert_eq!(chime, calls.collect::<Vec<_>>(), "{answer:?}");
        assert!(!reply.body.contains("on purpose"), "{reply:?}");
        world.chime.service.set_faults([]);

        let (retry, dynamodb, chime) = world.invoke(&event, 1).await;
        assert_eq!((retry.status, users(&retry)), (201, vec!["anna".into(), "bert".into()]));
        assert_eq!((dynamodb, chime), (vec![GET.to_owned()], vec![ATTEND]));
        assert_eq!(retry.meeting_id(), world.stored().await, "the same meeting");
    }
}

#[tokio::test]
async fn a_lost_response_is_retried_without_duplicate_attendees() {
    let world = World::start().await;
    for (second, user) in ["anna", "bert"].into_iter().enumerate() {
        let faults = [Fault::NONE, Fault::after(Closed)];
        world.chime.service.set_faults(faults.into_iter().skip(second));
        let (reply, ..) = world.invoke(&with(&[user]), second.try_into().unwrap()).await;
        assert_eq!((reply.status, users(&reply)), (201, vec![user.into()]));
    }
    assert_eq!(listed(&world, &world.stored().await).await.len(), 2);
}

#[tokio::test]
async fn an_ended_meeting_is_replaced_and_gets_the_attendees() {
    let world = World::start().await;
    let (first, ..) = world.invoke(&with(&["anna"]), 0).await;
    assert!(world.chime.service.end_meeting(&first.meeting_id()));

    // The service may not know a young meeting yet.
    let (young, dynamodb, chime) = world.invoke(&with(&["anna"]), 119).await;
    young.assert_modelled();
    assert_eq!((young.status, dynamodb, chime), (503, vec![GET.to_owned()], vec![ATTEND]));

    let (next, _, chime) = world.invoke(&with(&["anna"]), 120).await;
    assert_eq!((next.status, next.is_replay()), (201, false), "{next:?}");
    assert_eq!(chime, [CHECK, CREATE, ATTEND]);
    assert_ne!(next.meeting_id(), first.meeting_id());

    // The next one ends after a check.
    world.invoke(&with(&["anna"]), 240).await;
    assert!(world.chime.service.end_meeting(&next.meeting_id()));
    let (last, dynamodb, chime) = world.invoke(&with(&["anna"]), 250).await;
    assert_eq!((last.status, last.is_replay()), (201, false), "{last:?}");
    assert_eq!(dynamodb, [GET, UPDATE, UPDATE, GET, PUT]);
    assert_eq!((chime, users(&last)), (vec![ATTEND, CREATE, ATTEND], vec!["anna".into()]));
    assert_eq!(world.stored().await, last.meeting_id());
}

#[tokio::test]
async fn an_invalid_stored_meeting_id_never_becomes_part_of_a_url() {
    let world = World::start().await;
    world.invoke(&with(&["anna"]), 0).await;
    let [mut item] = <[_; 1]>::try_from(world.dynamodb.meetings().await).unwrap();
    item.insert("MeetingId".into(), AttributeValue::S("../meetings".into()));
    let put = world.dynamodb.client.put_item().table_name("Meetings").set_item(Some(item));
    put.send().await.unwrap();
    for seconds in [1, 60] {
        let (reply, _, chime) = world.invoke(&with(&["anna"]), seconds).await;
        assert_eq!((reply.status, chime.len()), (500, 0), "{reply:?}");
        reply.assert_modelled();
    }
}

#[tokio::test]
async fn concurrent_requests_get_one_meeting_and_each_attendee_once() {
    for tokens in [Tokens::Remembered, Tokens::Compared, Tokens::Ignored] {
        let world = World::start().await;
        world.chime.service.set_tokens(tokens);
        let events = [with(&["anna", "bert"]), with(&["bert", "carl"])];

        let replies = world.invoke_64(&events).await;

        let meeting_id = world.stored().await;
        let attendees = listed(&world, &meeting_id).await;
        assert_eq!(attendees.len(), 3, "{tokens:?}: {attendees:?}");
        for (number, reply) in replies.iter().enumerate() {
            assert_eq!((reply.status, reply.meeting_id()), (201, meeting_id.clone()));
            let expected = if number % 2 == 0 { ["anna", "bert"] } else { ["bert", "carl"] };
            assert_eq!(users(reply), expected);
            let json = reply.json();
            assert!(json["Attendees"].as_array().unwrap().iter().all(|it| attendees.contains(it)));
        }
        world.chime.assert_valid().await;
    }
}

#[tokio::test]
async fn a_retry_completes_the_request_after_a_crash_at_any_step() {
    let slow = StoreFault::after(crate::support::Answer::Slow);
    let stalled = StoreFault::after(crate::support::Answer::Stalled);
    // During the service call, during the put, and before and after the attendees are created.
    for step in 0..4 {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        match step {
            0 => chime.service.set_faults([Fault::after(Stalled)]),
            1 => dynamodb.set_faults([slow, stalled]),
            2 => chime.service.set_faults([Fault::NONE, Fault::before(Stalled)]),
            _ => chime.service.set_faults([Fault::NONE, Fault::after(Stalled)]),
        }
        let event = with(&["anna", "bert"]);
        let deadline = SystemTime::now() + Duration::from_secs(30);
        let _outcome = function.send(deadline, event.0.to_string().into());
        match step {
            0 => chime.received(1).await,
            1 => dynamodb.seen(2).await,
            _ => chime.received(2).await,
        }
        function.process.kill().await;

        dynamodb.set_faults([]);
        chime.service.set_faults([]);
        let survivor = chime.function(&dynamodb, &[("AWS_LAMBDA_LOG_FORMAT", "JSON")]).await;
        let reply = survivor.invoke(&event).await;

        assert_eq!((reply.status, users(&reply)), (201, vec!["anna".into(), "bert".into()]));
        assert_eq!(reply.is_replay(), step > 0, "{step}");
        let [item] = &dynamodb.meetings().await[..] else { panic!("{step}: one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &reply.meeting_id());
        let stored = format!("{item:?}");
        let join_token = reply.json()["Attendees"][0]["JoinToken"].as_str().unwrap().to_owned();
        assert!(!stored.contains(&join_token) && !stored.contains("anna"), "{stored}");
        let list = Call::new("GET", format!("/meetings/{}/attendees", reply.meeting_id()));
        let list = survivor.invoke(&list.event(Source::RestRoute)).await;
        assert_eq!(users(&list), ["anna", "bert"]);
        let record = &survivor.process.records(2).await[0];
        let outcome = if step > 0 { "replayed" } else { "created" };
        assert_eq!(record["outcome"], outcome, "{record}");
        for (property, value) in [
            ("operation", json!("CreateMeetingWithAttendees")),
            ("meetingId", json!(reply.meeting_id())),
            ("mediaRegion", json!("us-east-1")),
            ("upstreamAttempts", json!(if step > 0 { 1 } else { 2 })),
        ] {
            assert_eq!(record[property], value, "{property}: {record}");
        }
        chime.assert_valid().await;
    }
}

#[tokio::test]
async fn both_halves_stay_within_the_deadline() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let event = with(&["anna"]);
    for faults in [vec![Fault::before(Stalled)], vec![Fault::NONE, Fault::before(Stalled)]] {
        let stalled = std::iter::repeat(faults[faults.len() - 1]);
        chime.service.set_faults(faults.into_iter().chain(stalled));
        let deadline = SystemTime::now() + Duration::from_secs(3);
        let reply = function.invoke_by(deadline, &event).await;
        reply.assert_modelled();
        assert_eq!(reply.status, 503, "{reply:?}");
    }
    // The first half may need two attempts, and the second half still has time for its own.
    chime.service.set_faults([
        Fault::before(Refusal(500, "ServiceFailureException")),
        Fault::before(Stalled),
    ]);
    let next = json!({"ClientRequestToken": "next", "Attendees": [{"ExternalUserId": "anna"}]});
    let deadline = SystemTime::now() + Duration::from_secs(6);
    let reply = function.invoke_by(deadline, &call().body(next).event(Source::RestRoute)).await;
    assert_eq!(reply.status, 201, "{reply:?}");
}
