//! Functions that are killed at any moment, while their clients retry until they get a response.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::iterations;
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Function, PATIENCE, Reply, Source, chime,
};

/// A token that is used only to warm up a function.
const FIRST: &str = "first";

/// Clients, each with its own function. Pairs of them use the same tokens.
const CLIENTS: u32 = 4;

#[tokio::test]
async fn a_crash_never_loses_or_duplicates_a_meeting() {
    kill_functions(&[], create).await;
}

#[tokio::test]
async fn a_crash_never_loses_or_duplicates_an_attendee() {
    let chime = Chime::start().await;
    let endpoint = chime.service.endpoint();
    let dynamodb =
        kill_functions(&chime::media_plane_settings(&endpoint), create_with_attendees).await;
    let function = chime.function(&dynamodb, &[]).await;
    let items = dynamodb.meetings().await;
    for item in &items {
        let id = item["MeetingId"].as_s().unwrap();
        let list = Call::new("GET", format!("/meetings/{id}/attendees")).event(Source::RestRoute);
        let list = function.invoke(&list).await.json();
        assert_eq!(list["Attendees"].as_array().unwrap().len(), 2, "{list}");
    }
    println!("crashes: {} meetings have their two attendees", items.len());
}

#[tokio::test]
async fn a_crash_never_causes_a_meeting_to_be_miscounted() {
    let dynamodb = kill_functions(&[("DAILY_MEETING_LIMIT", "4294967295")], create).await;
    println!("crashes: {} meetings were counted", dynamodb.counted_meetings(CALLER).await);
}

/// Kills functions with these settings, and asserts that each client gets exactly one meeting per
/// token.
async fn kill_functions(settings: &[(&str, &str)], create: Create) -> DynamoDb {
    let dynamodb = DynamoDb::start().await;
    let kills = iterations(8, 100);
    let clients = (0..CLIENTS).map(|n| run_client(&dynamodb, (settings, create), n / 2, kills));

    let answers: Vec<(String, Reply)> = join_all(clients).await.into_iter().flatten().collect();

    let mut meetings = BTreeMap::new();
    let mut creations = BTreeMap::<_, u32>::new();
    for (token, reply) in &answers {
        assert_eq!(reply.status, 201, "{reply:?}");
        let first = meetings.entry(token.clone()).or_insert_with(|| reply.meeting_id());
        assert_eq!(*first, reply.meeting_id(), "{token} has two meetings");
        *creations.entry(token).or_default() += u32::from(!reply.is_replay());
    }
    assert!(creations.values().all(|&times| times <= 1), "{creations:?}");
    let items = dynamodb.meetings().await;
    let stored: BTreeMap<_, _> = items
        .iter()
        .map(|item| (item["ClientRequestToken"].as_s().unwrap(), item["MeetingId"].as_s().unwrap()))
        .filter(|(token, _)| *token != FIRST)
        .map(|(token, id)| (token.clone(), id.clone()))
        .collect();
    assert_eq!(stored, meetings, "the table and the replies agree");
    let lost = creations.values().filter(|&&times| times == 0).count();
    assert!(lost >= iterations(0, 1) as usize, "no kill came between a write and its response");
    println!(
        "crashes: {} kills, {} responses, {} meetings, {lost} of them created without a response",
        CLIENTS * kills,
        answers.len(),
        meetings.len(),
    );
    dynamodb
}

/// Creates meetings until its function has been killed `kills` times, and then one more.
async fn run_client(
    dynamodb: &DynamoDb,
    function: (&[(&str, &str)], Create),
    pair: u32,
    kills: u32,
) -> Vec<(String, Reply)> {
    let (settings, create) = function;
    let (mut function, mut usual) = start(dynamodb, settings, create).await;
    let mut answers = Vec::new();
    let mut killed = 0;
    for number in 0.. {
        let token = format!("token-{pair}-{number}");
        let event = create(&token).0.to_string();
        let reply = loop {
            let answer = function.send(SystemTime::now() + PATIENCE, event.clone().into());
            // A random moment. Half of the time, it is after the usual response time.
            let moment = usual.mul_f64(fastrand::f64() * 2.0);
            tokio::select! {
                reply = timeout(PATIENCE, answer) => {
                    break Reply::from(reply.expect("a reply").unwrap().unwrap());
                }
                () = sleep(moment), if killed < kills => {
                    function.process.kill().await;
                    killed += 1;
                    (function, usual) = start(dynamodb, settings, create).await;
                }
            }
        };
        answers.push((token, reply));
        if killed == kills {
            break;
        }
    }
    answers
}

/// A function, and its usual response time after warm-up.
async fn start(
    dynamodb: &DynamoDb,
    settings: &[(&str, &str)],
    create: Create,
) -> (Function, Duration) {
    let function = Function::start_with(dynamodb, settings).await;
    function.invoke(&create(FIRST)).await;
    let sent_at = Instant::now();
    function.invoke(&create(FIRST)).await;
    (function, sent_at.elapsed())
}

/// A request with a token.
type Create = fn(&str) -> Event;

fn create_with_attendees(token: &str) -> Event {
    let users = json!([{"ExternalUserId": "anna"}, {"ExternalUserId": "bert"}]);
    let call = Call::new("POST", "/meetings").query("operation", "create-attendees");
    call.body(json!({"ClientRequestToken": token, "Attendees": users})).event(Source::RestRoute)
}

fn create(token: &str) -> Event {
    Event::create(&json!({ "ClientRequestToken": token }))
}
