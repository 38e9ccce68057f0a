//! The daily limit, which the put enforces and the read only anticipates.

use futures_util::future::join_all;
use serde_json::json;

use super::world::{World, at, request};
use crate::support::{Answer, CALLER, Event, Fault, Reply};

const GET: &str = "GetItem";
const UPDATE: &str = "UpdateItem";
const BATCH: &str = "BatchGetItem";
const CHECK: &str = "GetMeeting";
/// The response to a read that finds no meeting, but a count of one.
const COUNTER: &str = r#"{"Responses": {"Meetings": [{"MeetingsCreated": {"N": "1"}}]}}"#;

#[tokio::test]
async fn concurrent_requests_never_exceed_the_daily_limit() {
    const LIMIT: usize = 5;
    let mut world = World::start().await;
    world.function = world.function.with_daily_limit(LIMIT.try_into().unwrap());
    let events: Vec<_> = (0..32)
        .map(|number| Event::create(&json!({"ClientRequestToken": format!("token-{number}")})))
        .collect();

    let replies = join_all(events.iter().map(|event| world.function.invoke(event, at(0), 0))).await;

    let created = replies.iter().filter(|reply| reply.status == 201).count();
    let limited = |reply: &&Reply| {
        let name = reply.headers.get("x-amzn-errortype");
        name.is_some_and(|name| name == "ResourceLimitExceededException")
    };
    assert_eq!((created, replies.iter().filter(limited).count()), (LIMIT, 32 - LIMIT));
    assert_eq!(world.dynamodb.counted_meetings(CALLER).await, LIMIT);
    // The orphaned meetings were never returned, and no further request reaches the service.
    world.dynamodb.take_operations();
    world.chime.take();
    let next = Event::create(&json!({"ClientRequestToken": "next"}));
    let (refused, dynamodb, chime) = world.invoke(&next, 1).await;
    let expected = vec![BATCH.to_owned(), GET.into()];
    assert_eq!((refused.status, dynamodb, chime.len()), (400, expected, 0));
}

#[tokio::test]
async fn a_meeting_that_reached_the_limit_between_two_reads_is_replayed() {
    let mut world = World::start().await;
    world.function = world.function.with_daily_limit(1);
    let event = request(json!({}));
    let (first, ..) = world.invoke(&event, 0).await;
    // BatchGetItem reads each item by itself: the meeting before it was created, and the counter afterwards.
    for (event, status) in [(&event, 201), (&request(json!({"MediaRegion": "eu-west-1"})), 400)] {
        world.dynamodb.set_faults([Fault::before(Answer::Raw(200, COUNTER))]);

        let (reply, dynamodb, chime) = world.invoke(event, 1).await;

        assert_eq!(reply.status, status, "{reply:?}");
        assert_eq!((dynamodb, chime.len()), (vec![BATCH.to_owned(), GET.into()], 0));
        if status == 201 {
            assert_eq!((reply.is_replay(), reply.body), (true, first.body.clone()));
        } else {
            assert!(reply.message().contains("different values for: MediaRegion"), "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_failed_second_read_can_be_retried() {
    let mut world = World::start().await;
    world.function = world.function.with_daily_limit(1);
    let faults = [Fault::before(Answer::Raw(200, COUNTER))];
    world.dynamodb.set_faults(faults.into_iter().chain([Fault::before(Answer::Closed); 3]));

    let (reply, ..) = world.invoke(&request(json!({})), 0).await;

    assert_eq!(reply.status, 503, "{reply:?}");
}

/// With a limit of one, and the request whose meeting has reached it and has ended.
async fn at_the_limit_with_an_ended_meeting() -> (World, Event) {
    let mut world = World::start().await;
    world.function = world.function.with_daily_limit(1);
    let event = request(json!({}));
    let (first, ..) = world.invoke(&event, 0).await;
    assert!(world.chime.service.end_meeting(&first.meeting_id()));
    (world, event)
}

#[tokio::test]
async fn an_ended_meeting_does_not_count_as_the_one_that_reached_the_limit() {
    let (world, event) = at_the_limit_with_an_ended_meeting().await;

    let (refused, dynamodb, chime) = world.invoke(&event, 120).await;

    assert_eq!(refused.headers["x-amzn-errortype"], "ResourceLimitExceededException");
    let marked = [BATCH, UPDATE, UPDATE, GET].map(String::from);
    assert_eq!((&*dynamodb, chime), (&marked[..], vec![CHECK]));

    // Nor if only the second read finds it.
    world.dynamodb.set_faults([Fault::before(Answer::Raw(200, COUNTER))]);
    let (refused, ..) = world.invoke(&event, 121).await;
    assert_eq!(refused.headers["x-amzn-errortype"], "ResourceLimitExceededException");
}

#[tokio::test]
async fn nor_does_one_whose_end_could_not_be_stored() {
    let (world, event) = at_the_limit_with_an_ended_meeting().await;
    let denied = Fault::before(Answer::Refusal(400, "AccessDeniedException"));
    world.dynamodb.set_faults([Fault::after(Answer::Slow), denied]);

    let (refused, dynamodb, chime) = world.invoke(&event, 120).await;

    assert_eq!(refused.headers["x-amzn-errortype"], "ResourceLimitExceededException");
    assert_eq!((dynamodb.last(), chime), (Some(&GET.to_owned()), vec![CHECK]));
}

#[tokio::test]
async fn unprocessed_keys_are_reported_as_throttling() {
    let mut world = World::start().await;
    world.function = world.function.with_daily_limit(1);
    let unprocessed = r#"{"Responses": {}, "UnprocessedKeys": {"Meetings": {"Keys": [
        {"ClientRequestToken": {"S": "token"}, "AccountId": {"S": "111122223333"}}]}}}"#;
    world.dynamodb.set_faults([Fault::before(Answer::Raw(200, unprocessed)); 3]);

    let (reply, dynamodb, chime) = world.invoke(&request(json!({})), 0).await;

    assert_eq!(reply.headers["x-amzn-errortype"], "ThrottledClientException", "{reply:?}");
    assert_eq!((dynamodb, chime.len()), (vec![BATCH.to_owned(); 3], 0));
    assert_eq!(world.invoke(&request(json!({})), 0).await.0.status, 201);
}
