//! The cost of a request between the Runtime API and the store, excluding both.
//!
//! `cargo bench --package benches` runs it. The cost per byte should not grow with the length of a
//! body.
#![expect(clippy::unwrap_used, reason = "a benchmark stops at any error")]

use std::hint::black_box;

use create_meeting::gateway::{HttpEvent, PayloadFormat, ProxyResponse};
use create_meeting::media_plane::templates::Templates;
use create_meeting::meeting::MediaRegion;
use create_meeting::request::create_meeting::CreateMeetingRequest;
use create_meeting::response::{Outcome, Response};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use uuid::Uuid;

const TOKEN: &str = "f47ac10b-58cc-4372-a567-0e02b2c3d479";

fn minimal() -> Value {
    json!({"ClientRequestToken": TOKEN})
}

/// Every member, and this many tags.
fn full(tags: usize) -> Value {
    let tag =
        |number| json!({"Key": format!("key-{number}"), "Value": format!("value of {number}")});
    json!({
        "ClientRequestToken": TOKEN,
        "ExternalMeetingId": "standup",
        "MediaRegion": "eu-central-1",
        "MeetingHostId": "host",
        "NotificationsConfiguration": {
            "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:topic",
            "SqsQueueArn": "arn:aws:sqs:us-east-1:111122223333:queue",
        },
        "Tags": (0..tags).map(tag).collect::<Vec<_>>(),
    })
}

/// This many tags, each with a key that violates every constraint.
fn violations(tags: usize) -> Value {
    let mut request = minimal();
    request["Tags"] = (0..tags).map(|_| json!({"Key": "", "Value": "v"})).collect();
    request
}

/// This many bytes of unknown members.
fn unknown(bytes: usize) -> Value {
    let member = json!({"is": ["not", "known", 1.5, null, true], "to": {"the": "API"}});
    let mut request = minimal();
    for number in 0..bytes / (member.to_string().len() + 12) {
        request[format!("Other{number}")] = member.clone();
    }
    request
}

fn parse_and_validate(c: &mut Criterion) {
    let mut group = c.benchmark_group("parse and validate");
    let mut bench = |name: &str, size: usize, body: &Value| {
        let body = body.to_string();
        group.throughput(Throughput::Bytes(body.len().try_into().unwrap()));
        group.bench_function(BenchmarkId::new(name, size), |b| {
            b.iter(|| CreateMeetingRequest::from_json(black_box(body.as_bytes())).is_ok());
        });
    };
    bench("minimal", 1, &minimal());
    for tags in [10, 20, 30, 40, 50] {
        bench("full, tags", tags, &full(tags));
    }
    for tags in [10, 50, 250, 1000] {
        bench("violations, tags", tags, &violations(tags));
    }
    for bytes in [1_000, 10_000, 100_000, 1_000_000] {
        bench("unknown members, bytes", bytes, &unknown(bytes));
    }
}

fn compare(c: &mut Criterion) {
    let mut group = c.benchmark_group("compare");
    for tags in [10, 50] {
        let request = CreateMeetingRequest::from_json(full(tags).to_string().as_bytes()).unwrap();
        let other = CreateMeetingRequest::from_json(full(tags).to_string().as_bytes()).unwrap();
        group.bench_function(BenchmarkId::new("full, tags", tags), |b| {
            b.iter(|| black_box(&request).differing_members(black_box(&other)));
        });
    }
}

fn event(c: &mut Criterion) {
    let mut group = c.benchmark_group("event");
    for (name, event) in [
        ("REST API", include_str!("../events/create-meeting.json")),
        ("HTTP API", include_str!("../events/create-meeting-http-api.json")),
    ] {
        let event: &RawValue = serde_json::from_str(event).unwrap();
        group.throughput(Throughput::Bytes(event.get().len().try_into().unwrap()));
        group.bench_function(name, |b| b.iter(|| HttpEvent::parse(black_box(event))));
    }
}

fn reply(c: &mut Criterion) {
    let media_plane = Templates::new("media.example.com".into());
    c.bench_function("reply/meeting", |b| {
        b.iter(|| {
            let meeting_id = Uuid::from_u128(0xF47A_C10B_58CC_4372_A567_0E02_B2C3_D479);
            let placement = media_plane.placement(meeting_id, MediaRegion::default());
            let body = serde_json::to_string(black_box(&placement)).unwrap();
            let response = Response::new(201, Some(body), Outcome::Created);
            let response = Ok(Response { meeting_id: Some(meeting_id.into()), ..response });
            let reply = ProxyResponse::new(PayloadFormat::V1, TOKEN, &response);
            serde_json::to_vec(&reply.unwrap())
        });
    });
    let refusal = CreateMeetingRequest::from_json(violations(50).to_string().as_bytes());
    let refusal = refusal.map(|_| unreachable!("it violates constraints"));
    c.bench_function("reply/50 violations", |b| {
        b.iter(|| {
            let reply = ProxyResponse::new(PayloadFormat::V1, TOKEN, black_box(&refusal));
            serde_json::to_vec(&reply.unwrap())
        });
    });
}

criterion_group!(request_path, event, parse_and_validate, compare, reply);
criterion_main!(request_path);
