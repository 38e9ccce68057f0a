//! Many processes that send the same token at once.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::iterations;
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Function, Reply, Source, chime,
    wait_if_the_utc_day_could_end,
};

struct Race {
    dynamodb: DynamoDb,
    functions: Vec<Function>,
}

impl Race {
    async fn start() -> Self {
        Self::start_with(&[]).await
    }

    async fn start_with(settings: &[(&str, &str)]) -> Self {
        let dynamodb = DynamoDb::start().await;
        let functions = (0..iterations(8, 64)).map(|_| Function::start_with(&dynamodb, settings));
        let functions = join_all(functions).await;
        Self { dynamodb, functions }
    }

    /// Each process's reply to its request, all sent at once.
    async fn run(&self, request: impl Fn(usize) -> Value) -> Vec<Reply> {
        self.run_events(|n| Event::create(&request(n))).await
    }

    async fn run_events(&self, event: impl Fn(usize) -> Event) -> Vec<Reply> {
        let events: Vec<_> = (0..self.functions.len()).map(event).collect();
        join_all(self.functions.iter().zip(&events).map(|(function, event)| function.invoke(event)))
            .await
    }

    /// Asserts that all `replies` have the meeting in the table, and that exactly one of them
    /// created it. Returns its ID.
    async fn assert_one_meeting(&self, token: &str, replies: &[&Reply]) -> String {
        let item = self.dynamodb.item(CALLER, token).await;
        let id = item["MeetingId"].as_s().unwrap();
        let urls = item["Urls"].as_m().unwrap();
        let meeting = replies[0].json();
        assert_eq!(&meeting["Meeting"]["MeetingId"], id);
        for (member, url) in urls {
            let url =
                url.as_s().unwrap().replace("{id}", id).replace("{hex}", &id.replace('-', ""));
            assert_eq!(meeting["Meeting"]["MediaPlacement"][member], url);
        }
        for reply in replies {
            assert_eq!((reply.status, &reply.body), (201, &replies[0].body));
        }
        assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1);
        id.clone()
    }
}

#[tokio::test]
async fn identical_requests_all_get_the_same_meeting() {
    let race = Race::start().await;
    let rounds = iterations(5, 200);
    for round in 0..rounds {
        let token = format!("same-{round}");
        let replies = race.run(|_| json!({ "ClientRequestToken": token })).await;
        race.assert_one_meeting(&token, &replies.iter().collect::<Vec<_>>()).await;
    }
    println!("races: {rounds} rounds of {} identical requests", race.functions.len());
}

#[tokio::test]
async fn when_different_requests_race_one_wins_and_the_others_are_rejected() {
    let race = Race::start().await;
    let rounds = iterations(5, 200);
    for round in 0..rounds {
        let token = format!("different-{round}");
        // Each request is sent twice.
        let name = |n: usize| format!("meeting-{}", n / 2);
        let request = |n| json!({"ClientRequestToken": token, "ExternalMeetingId": name(n)});

        let replies = race.run(request).await;

        let item = race.dynamodb.item(CALLER, &token).await;
        let winner = item["ExternalMeetingId"].as_s().unwrap();
        let (won, lost): (Vec<_>, Vec<_>) =
            replies.iter().enumerate().partition(|(n, _)| name(*n) == *winner);
        let won: Vec<_> = won.into_iter().map(|(_, reply)| reply).collect();
        assert_eq!(won.len(), 2);
        race.assert_one_meeting(&token, &won).await;
        for (_, reply) in lost {
            assert_eq!(reply.status, 400, "{reply:?}");
            assert!(
                reply.message().contains("different values for: ExternalMeetingId."),
                "{reply:?}"
            );
        }
    }
    println!("races: {rounds} rounds of {} different requests", race.functions.len());
}

#[tokio::test]
async fn after_an_expiry_all_requests_get_the_same_new_meeting() {
    let race = Race::start().await;
    let rounds = iterations(5, 200);
    let mut ids = std::collections::HashSet::new();
    for _ in 0..rounds {
        let replies = race.run(|_| json!({"ClientRequestToken": "expired"})).await;
        let id = race.assert_one_meeting("expired", &replies.iter().collect::<Vec<_>>()).await;
        assert!(ids.insert(id), "an expired meeting was returned");
        race.dynamodb.expire().await;
    }
    println!("races: {rounds} rounds of {} requests across an expiry", race.functions.len());
}

#[tokio::test]
async fn concurrent_requests_get_one_meeting_and_each_attendee_once() {
    let chime = Chime::start().await;
    let race = Race::start_with(&chime::media_plane_settings(&chime.service.endpoint())).await;
    let rounds = iterations(5, 200);
    for round in 0..rounds {
        let token = format!("attendees-{round}");
        // Each requests two of three attendees.
        let request = |n: usize| {
            let users =
                [n % 3, (n + 1) % 3].map(|user| json!({"ExternalUserId": format!("{user:02}")}));
            let call = Call::new("POST", "/meetings").query("operation", "create-attendees");
            call.body(json!({"ClientRequestToken": token, "Attendees": users}))
                .event(Source::RestRoute)
        };

        let replies = race.run_events(request).await;

        let item = race.dynamodb.item(CALLER, &token).await;
        let id = item["MeetingId"].as_s().unwrap();
        let list = Call::new("GET", format!("/meetings/{id}/attendees")).event(Source::RestRoute);
        let list = race.functions[0].invoke(&list).await.json()["Attendees"].take();
        let list = list.as_array().unwrap();
        assert_eq!(list.len(), 3, "{list:?}");
        for reply in &replies {
            assert_eq!((reply.status, &reply.meeting_id()), (201, id), "{reply:?}");
            let json = reply.json();
            let attendees = json["Attendees"].as_array().unwrap();
            assert!(attendees.len() == 2 && attendees.iter().all(|it| list.contains(it)), "{json}");
        }
        assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1);
        drop(chime.service.take_requests());
    }
    println!("races: {rounds} rounds of {} requests with attendees", race.functions.len());
}

#[tokio::test]
async fn racing_requests_create_exactly_as_many_meetings_as_allowed() {
    let processes = iterations(8, 64) as usize;
    let limit = processes / 4;
    let race = Race::start_with(&[("DAILY_MEETING_LIMIT", &limit.to_string())]).await;
    let rounds = iterations(5, 200);
    for round in 0..rounds {
        wait_if_the_utc_day_could_end().await;
        let account = format!("{round:012}");
        // Each request is sent twice.
        let event = |n| {
            let event = Event::create(&json!({"ClientRequestToken": format!("token-{}", n / 2)}));
            event.set("/requestContext/identity/accountId", json!(account))
        };

        let replies = race.run_events(event).await;

        for pair in replies.chunks(2) {
            for reply in pair {
                let error = reply.headers.get("x-amzn-errortype").map_or("", String::as_str);
                assert!(matches!(error, "" | "ResourceLimitExceededException"), "{reply:?}");
                assert_eq!(reply.body, pair[0].body);
            }
        }
        let created = replies.iter().filter(|reply| reply.status == 201 && !reply.is_replay());
        assert_eq!(created.count(), limit);
        assert_eq!(race.dynamodb.counted_meetings(&account).await, limit);
    }
    println!("races: {rounds} rounds of {processes} requests, of which the limit allows {limit}");
}
