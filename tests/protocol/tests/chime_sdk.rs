//! The explorer's Amazon Chime SDK responds like the local one, which is compared with AWS's model.
#![allow(clippy::unwrap_used, reason = "a test panics on anything unexpected")]

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use local::chime_sdk::ChimeSdk as Local;
use protocol::chime_sdk::ChimeSdk;
use protocol::function::{Observation, Request};
use reqwest::Client;
use serde_json::{Value, json};

const AUTHORIZATION: &str = "AWS4-HMAC-SHA256 \
    Credential=AKIDEXAMPLE/20261126/us-east-1/chime/aws4_request, SignedHeaders=host, Signature=none";

/// The status, the meeting's ID and the members of the responses of both to the same request about their own meeting.
async fn responses(
    local: (&Local, &str),
    explorers: (&mut ChimeSdk, &str),
    (method, target, body): (&str, &str, &Value),
) -> [(u16, String, BTreeSet<String>); 2] {
    let url = local.0.endpoint() + &target.replace("{id}", local.1);
    let client = Client::builder().no_proxy().build().unwrap();
    let sent = if body.is_null() { String::new() } else { body.to_string() };
    let request = client.request(method.parse().unwrap(), url).body(sent);
    let response = request.header("authorization", AUTHORIZATION).send().await.unwrap();
    let status = response.status().as_u16();
    let local = parsed(status, &response.text().await.unwrap());
    let target = target.replace("{id}", explorers.1);
    let request = Request { method: method.into(), target, body: body.to_string() };
    let Observation::Response(status, body) = explorers.0.perform(&request, 0) else { panic!() };
    [local, parsed(status, &body)]
}

fn parsed(status: u16, body: &str) -> (u16, String, BTreeSet<String>) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let members = body.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect();
    (status, body["Meeting"]["MeetingId"].as_str().unwrap_or_default().into(), members)
}

#[tokio::test]
async fn it_responds_like_the_local_one() {
    let local = Local::start(Ipv4Addr::LOCALHOST, "us-east-1", None).await.unwrap();
    let mut explorers = ChimeSdk::default();
    let meeting = json!({"ClientRequestToken": "token", "ExternalMeetingId": "subject", "MediaRegion": "us-east-1"});
    let attendees = json!({"Attendees": [{"ExternalUserId": "anna"}]});
    let mut ids = [String::new(), String::new()];
    for (method, target, body) in [
        ("POST", "/meetings", &meeting),
        ("GET", "/meetings/{id}", &json!(null)),
        ("POST", "/meetings", &meeting),
        ("POST", "/meetings/{id}/attendees?operation=batch-create", &attendees),
        ("DELETE", "/meetings/{id}", &json!(null)),
        ("DELETE", "/meetings/{id}", &json!(null)),
        ("GET", "/meetings/{id}", &json!(null)),
        ("POST", "/meetings/{id}/attendees?operation=batch-create", &attendees),
        // Its token is remembered, though it has ended.
        ("POST", "/meetings", &meeting),
    ] {
        let [expected, actual] =
            responses((&local, &ids[0]), (&mut explorers, &ids[1]), (method, target, body)).await;
        assert_eq!(actual.0, expected.0, "{method} {target}");
        assert!(actual.2.is_subset(&expected.2), "{actual:?} {expected:?}");
        for (id, response) in ids.iter_mut().zip([expected.1, actual.1]) {
            assert!(id.is_empty() || response.is_empty() || *id == response, "{method} {target}");
            if !response.is_empty() {
                *id = response;
            }
        }
    }
}
