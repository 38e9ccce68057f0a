//! `ListAttendees` in pages: the query that the service receives.

use local::chime_sdk::Answer::Raw;
use local::chime_sdk::Fault;
use serde_json::{Value, json};

use super::World;
use crate::support::{Call, Source};

/// The query that the service receives for this query of `ListAttendees`.
async fn sent(world: &World, query: &Value, source: Source) -> String {
    world.chime.service.set_faults([Fault::before(Raw(200, r#"{"Attendees": []}"#))]);
    let list = Call { query: query.clone(), ..Call::new("GET", world.path("/attendees")) };
    let reply = world.function.invoke(&list.event(source)).await;
    assert_eq!(reply.status, 200, "{query}: {reply:?}");
    let [request] = &world.chime.take_requests()[..] else { panic!("{query}: one request") };
    request.query.clone()
}

#[tokio::test]
async fn every_attendee_is_on_exactly_one_page() {
    for source in Source::ALL {
        let world = World::start().await;
        let mut users: Vec<_> = (0..5).map(|number| format!("user-{number}")).collect();
        for user in &users {
            world.create_attendee(user).await;
        }
        let mut token: Option<String> = None;
        for page in [2, 2, 1] {
            let mut list = Call::new("GET", world.path("/attendees")).query("max-results", "2");
            if let Some(token) = &token {
                list = list.query("next-token", token);
            }
            let reply = world.function.invoke(&list.event(source)).await;
            let list = reply.json();
            let attendees = list["Attendees"].as_array().unwrap();
            let on_page: Vec<_> = attendees.iter().map(|it| it["ExternalUserId"].clone()).collect();
            assert_eq!(on_page, users.drain(..page).map(Value::from).collect::<Vec<_>>());
            // The local service's tokens end in characters that a query must encode.
            token = list["NextToken"].as_str().map(ToOwned::to_owned);
        }
        assert_eq!(token, None);
        world.chime.assert_valid().await;
    }
}

#[tokio::test]
async fn paging_parameters_are_re_encoded() {
    let world = World::start().await;
    let long = "é".repeat(4096);
    for (query, expected) in [
        (json!(null), ""),
        (json!({}), ""),
        (json!({"max-results": "1"}), "max-results=1"),
        (json!({"max-results": "99"}), "max-results=99"),
        (json!({"max-results": "007"}), "max-results=7"),
        (json!({"next-token": "a"}), "next-token=a"),
        (json!({"max-results": "9", "next-token": "a"}), "max-results=9&next-token=a"),
        (json!({"next-token": "a+b/c=="}), "next-token=a%2Bb%2Fc%3D%3D"),
        (json!({"next-token": "a b&max-results=5#?"}), "next-token=a%20b%26max-results%3D5%23%3F"),
        (json!({"next-token": "%2B%zz"}), "next-token=%252B%25zz"),
        (json!({"next-token": "-._~"}), "next-token=-._~"),
        (json!({"next-token": "é\r\n\u{0}"}), "next-token=%C3%A9%0D%0A%00"),
        // Empty and unknown parameters are not sent. Values that an HTTP API has joined are one
        // value.
        (json!({"max-results": "", "next-token": ""}), ""),
        (json!({"Max-Results": "1", "nextToken": "a", "x": "y"}), ""),
        (json!({"operation": "batch-create"}), ""),
        (json!({"next-token": "a,b"}), "next-token=a%2Cb"),
        // A parameter that is not text does not hide the others.
        (json!({"next-token": "a", "max-results": null, "x": ["y"]}), "next-token=a"),
        (json!({"next-token": long}), &*format!("next-token={}", "%C3%A9".repeat(4096))),
    ] {
        for source in Source::ALL {
            assert_eq!(sent(&world, &query, source).await, expected, "{query}, {source:?}");
        }
    }
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn other_operations_do_not_forward_query_parameters() {
    let world = World::start().await;
    let query = json!({"max-results": "500", "next-token": "s3cr3t", "x": "y"});
    let get = Call { query, ..Call::new("GET", world.path("")) };
    assert_eq!(world.call(&get).await.status, 200);
    let stop = Call::new("POST", world.path("/transcription"));
    let stop = stop.query("operation", "stop").query("max-results", "500");
    assert_eq!(world.call(&stop).await.status, 200);
    let requests = world.chime.take_requests();
    let queries: Vec<_> = requests.iter().map(|request| &*request.query).collect();
    assert_eq!(queries, ["", "operation=stop"]);
}

/// REST APIs list the values of a repeated parameter; the last one counts.
#[tokio::test]
async fn the_last_value_of_a_repeated_parameter_counts_in_a_rest_api() {
    let world = World::start().await;
    let list = Call::new("GET", world.path("/attendees")).query("max-results", "7");
    let mut event = list.event(Source::RestProxy);
    event.0["multiValueQueryStringParameters"] = json!({"max-results": ["500", "7"]});
    assert_eq!(world.function.invoke(&event).await.status, 200);
    let [request] = &world.chime.take_requests()[..] else { panic!("one request") };
    assert_eq!(request.query, "max-results=7");
}
