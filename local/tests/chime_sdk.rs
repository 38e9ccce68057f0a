//! The controls of the local Chime SDK for tests: faults, tokens, ended meetings and the log of requests.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test panics on anything unexpected")]

use std::net::Ipv4Addr;
use std::pin::pin;
use std::time::Duration;

use local::chime_sdk::Answer::{
    Closed, Raw, Refusal, Slow, Stalled, Truncated, Unavailable, Unchanged,
};
use local::chime_sdk::{ChimeSdk, Fault, Tokens};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::time::timeout;

const HOUR: Duration = Duration::from_hours(1);

/// The service, and a client whose requests have a scope but no valid signature.
struct Local {
    chime_sdk: ChimeSdk,
    client: reqwest::Client,
}

impl Local {
    async fn start() -> Self {
        let chime_sdk = ChimeSdk::start(Ipv4Addr::LOCALHOST, "us-east-1", None).await.unwrap();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        Self { chime_sdk, client }
    }

    async fn send(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<Response> {
        let scope = "AKIDEXAMPLE/20261126/us-east-1/chime/aws4_request";
        let authorization =
            format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=none");
        let url = self.chime_sdk.endpoint() + path;
        let request = self.client.request(method, url).header("authorization", authorization);
        request.body(body.to_string()).send().await
    }

    async fn create(&self, token: &str, external_id: &str) -> reqwest::Result<Response> {
        let body = json!({
            "ClientRequestToken": token,
            "ExternalMeetingId": external_id,
            "MediaRegion": "us-east-1",
        });
        self.send(Method::POST, "/meetings", &body).await
    }

    /// Creates a meeting, which must succeed, and returns its ID.
    async fn meeting_id(&self, token: &str, external_id: &str) -> String {
        let response = self.create(token, external_id).await.unwrap();
        assert_eq!(response.status(), 200);
        json(response).await["Meeting"]["MeetingId"].as_str().unwrap().into()
    }
}

async fn json(response: Response) -> Value {
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

#[tokio::test]
async fn a_null_member_is_treated_as_absent() {
    let local = Local::start().await;
    let request = json!({
        "ClientRequestToken": "token",
        "ExternalMeetingId": "room",
        "MediaRegion": "us-east-1",
        "MeetingHostId": null,
        "MeetingFeatures": {"Audio": null},
    });
    let response = local.send(Method::POST, "/meetings", &request).await.unwrap();
    assert_eq!(response.status(), 200);
    let meeting = json(response).await["Meeting"].take();
    assert_eq!(meeting["MeetingFeatures"], json!({}));
    for member in ["MeetingHostId", "PrimaryMeetingId", "TenantIds"] {
        assert_eq!(meeting.get(member), Some(&Value::Null), "{member}");
    }
}

#[tokio::test]
async fn a_repeated_token_returns_the_same_meeting_for_any_request() {
    let local = Local::start().await;
    let first = local.meeting_id("token", "room").await;
    assert_eq!(local.meeting_id("token", "another").await, first);
    assert!(local.chime_sdk.end_meeting(&first));
    assert_eq!(local.meeting_id("token", "room").await, first);
    assert_eq!(local.chime_sdk.meetings(), [] as [Value; 0]);
}

#[tokio::test]
async fn tokens_can_be_forgotten() {
    let local = Local::start().await;
    let first = local.meeting_id("token", "room").await;
    local.chime_sdk.forget_tokens();
    let second = local.meeting_id("token", "room").await;
    assert_ne!(second, first);
    assert_eq!(local.meeting_id("token", "room").await, second);

    local.chime_sdk.set_tokens(Tokens::Ignored);
    assert_ne!(local.meeting_id("token", "room").await, second);
    assert_eq!(local.chime_sdk.meetings().len(), 3);
}

#[tokio::test]
async fn a_token_reused_for_another_request_can_be_rejected() {
    let local = Local::start().await;
    local.chime_sdk.set_tokens(Tokens::Compared);
    let first = local.meeting_id("token", "room").await;
    assert_eq!(local.meeting_id("token", "room").await, first);
    let response = local.create("token", "another").await.unwrap();
    assert_eq!(response.status(), 400);
    assert_eq!(response.headers()["x-amzn-errortype"], "BadRequestException");
}

#[tokio::test]
async fn a_meeting_can_be_ended() {
    let local = Local::start().await;
    let ended = local.meeting_id("first", "room").await;
    let other = local.meeting_id("second", "room").await;
    assert!(local.chime_sdk.end_meeting(&ended));
    assert!(!local.chime_sdk.end_meeting(&ended));
    let meetings = local.chime_sdk.meetings();
    assert_eq!(meetings.iter().map(|meeting| &meeting["MeetingId"]).collect::<Vec<_>>(), [&other]);
    let path = format!("/meetings/{ended}");
    let response = local.send(Method::GET, &path, &json!({})).await.unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(json(response).await["Message"], "The meeting has ended");
}

#[tokio::test]
async fn faults_are_applied_in_order_to_one_request_each() {
    let local = Local::start().await;
    local.chime_sdk.set_faults([
        Fault::before(Refusal(409, "ConflictException")),
        Fault::NONE,
        Fault::after(Unavailable(7)),
        Fault::before(Raw(200, "<html>")),
    ]);
    let conflict = local.create("first", "a room").await.unwrap();
    assert_eq!(conflict.status(), 409);
    assert_eq!(conflict.headers()["x-amzn-errortype"], "ConflictException");
    let body = json(conflict).await;
    assert_eq!(body["Code"], "Conflict");
    // AWS's messages may quote the request, too.
    assert!(body["Message"].as_str().unwrap().contains("a room"), "{body}");
    assert_eq!(local.chime_sdk.meetings().len(), 0);

    assert_eq!(local.create("second", "room").await.unwrap().status(), 200);

    let unavailable = local.create("third", "room").await.unwrap();
    assert_eq!(unavailable.status(), 503);
    assert_eq!(unavailable.headers()["retry-after"], "7");
    assert_eq!(unavailable.headers()["x-amzn-errortype"], "ServiceUnavailableException");
    assert_eq!(local.chime_sdk.meetings().len(), 2);

    let garbage = local.create("fourth", "room").await.unwrap();
    assert_eq!(garbage.status(), 200);
    assert_eq!(garbage.text().await.unwrap(), "<html>");
    assert_eq!(local.chime_sdk.meetings().len(), 2);

    assert_eq!(local.create("fifth", "room").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_fault_can_apply_to_every_request() {
    let local = Local::start().await;
    local.chime_sdk.set_fault(Fault::before(Refusal(429, "ThrottlingException")));
    for token in ["first", "second", "third"] {
        assert_eq!(local.create(token, "room").await.unwrap().status(), 429);
    }
    local.chime_sdk.set_fault(Fault::before(Unchanged));
    assert_eq!(local.create("fourth", "room").await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_connection_can_be_closed_before_and_after_the_operation() {
    let local = Local::start().await;
    local.chime_sdk.set_faults([Fault::before(Closed), Fault::after(Closed)]);
    for meetings in [0, 1] {
        assert!(local.create("token", "room").await.is_err());
        assert_eq!(local.chime_sdk.meetings().len(), meetings);
    }
}

#[tokio::test]
async fn a_body_can_be_truncated() {
    let local = Local::start().await;
    local.chime_sdk.set_faults([Fault::before(Truncated), Fault::after(Truncated)]);
    for (status, meetings) in [(500, 0), (200, 1)] {
        let response = local.create("token", "room").await.unwrap();
        assert_eq!(response.status(), status);
        assert!(response.text().await.is_err());
        assert_eq!(local.chime_sdk.meetings().len(), meetings);
    }
}

#[tokio::test]
async fn a_response_can_be_delayed_before_or_after_the_operation() {
    for (fault, meetings) in [(Fault::before(Slow(HOUR)), 0), (Fault::after(Slow(HOUR)), 1)] {
        let local = Local::start().await;
        local.chime_sdk.set_faults([fault]);
        let mut answer = pin!(local.create("token", "room"));
        tokio::select! {
            () = local.chime_sdk.received(1) => {}
            answer = &mut answer => panic!("{answer:?}"),
        }
        assert_eq!(local.chime_sdk.meetings().len(), meetings);
        // From now on, an hour passes as soon as all tasks are idle.
        tokio::time::pause();
        assert_eq!(answer.await.unwrap().status(), 200);
        assert_eq!(local.chime_sdk.meetings().len(), 1);
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_response_can_be_withheld() {
    let local = Local::start().await;
    local.chime_sdk.set_faults([Fault::after(Stalled)]);
    let mut answer = pin!(local.create("token", "room"));
    tokio::select! {
        () = local.chime_sdk.received(1) => {}
        answer = &mut answer => panic!("{answer:?}"),
    }
    assert_eq!(local.chime_sdk.meetings().len(), 1);
    tokio::time::pause();
    assert!(timeout(HOUR, answer).await.is_err());
}

#[tokio::test]
async fn requests_are_recorded_until_they_are_taken() {
    let local = Local::start().await;
    let id = local.meeting_id("token", "room").await;
    let attendees = format!("/meetings/{id}/attendees");
    let batch = attendees.clone() + "?operation=batch-create";
    local.send(Method::POST, &batch, &json!({"Attendees": []})).await.unwrap();
    local.send(Method::POST, &attendees, &json!({"ExternalUserId": "user"})).await.unwrap();
    local.send(Method::PATCH, &attendees, &json!({})).await.unwrap();
    assert_eq!(local.chime_sdk.count("CreateAttendee"), 1);

    let requests = local.chime_sdk.take_requests();
    assert!(requests[0].headers["authorization"].to_str().unwrap().contains("AKIDEXAMPLE"));
    let body = json!({"Attendees": []}).to_string();
    let expected = json!({"method": "POST", "path": attendees, "query": "operation=batch-create", "body": body});
    assert_eq!(requests[1].to_json(), expected);
    assert_eq!(local.chime_sdk.count("CreateAttendee"), 0);

    local.meeting_id("token", "room").await;
    assert_eq!(local.chime_sdk.take_operations(), ["CreateMeeting"]);
}

#[tokio::test]
async fn a_request_can_be_awaited() {
    let local = Local::start().await;
    local.chime_sdk.set_faults([Fault::NONE, Fault::before(Stalled)]);
    local.meeting_id("token", "room").await;
    tokio::select! {
        () = local.chime_sdk.received(2) => {}
        answer = local.create("token", "room") => panic!("{answer:?}"),
    }
    assert_eq!(local.chime_sdk.count("CreateMeeting"), 2);
}

#[tokio::test]
async fn it_stops_when_it_is_dropped() {
    let Local { chime_sdk, client } = Local::start().await;
    let endpoint = chime_sdk.endpoint();
    assert_eq!(client.get(&endpoint).send().await.unwrap().status(), 403);
    drop(chime_sdk);
    // The server is dropped at its next turn.
    tokio::task::yield_now().await;
    assert!(client.get(&endpoint).send().await.unwrap_err().is_connect());
}
