//! Faults between the two services: lost writes, deadlines, and functions that die in between.

use std::iter;
use std::time::{Duration, SystemTime};

use local::chime_sdk::{Answer as Upstream, Fault as UpstreamFault};
use serde_json::json;

use super::world::World;
use crate::support::Answer::{Closed, Refusal, Stalled};
use crate::support::{Chime, DynamoDb, Event, Fault, Function, Reply};

async fn invoke(function: &Function) -> Reply {
    let deadline = SystemTime::now() + Duration::from_secs(6);
    function.invoke_by(deadline, &Event::rest()).await
}

fn no_fault() -> Fault {
    // Slow, but otherwise unchanged.
    Fault::after(crate::support::Answer::Slow)
}

#[tokio::test]
async fn the_service_is_not_called_if_the_read_fails() {
    for (fault, status) in [
        (Fault::before(Refusal(400, "ProvisionedThroughputExceededException")), 429),
        (Fault::before(Refusal(400, "AccessDeniedException")), 500),
        (Fault::before(Refusal(500, "InternalServerError")), 503),
        (Fault::before(Closed), 503),
        (Fault::before(Stalled), 503),
    ] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        dynamodb.set_fault(fault);

        let reply = invoke(&function).await;

        reply.assert_modelled();
        assert_eq!(reply.status, status, "{fault:?}: {reply:?}");
        assert!(chime.take().is_empty(), "{fault:?}");
        assert!(dynamodb.take_operations().iter().all(|it| it == "GetItem"), "{fault:?}");
        dynamodb.set_faults([]);
        assert_eq!(invoke(&function).await.status, 201);
        chime.assert_valid().await;
    }
}

#[tokio::test]
async fn a_write_with_a_lost_response_is_not_a_replay() {
    for fault in [Fault::after(Closed), Fault::after(Refusal(500, "InternalServerError"))] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        dynamodb.set_faults([no_fault(), fault]);

        let reply = invoke(&function).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{fault:?}: {reply:?}");
        assert_eq!(
            dynamodb.take_operations(),
            ["GetItem", "TransactWriteItems", "TransactWriteItems"]
        );
        let [item] = &dynamodb.meetings().await[..] else { panic!("one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &reply.meeting_id());
        chime.assert_valid().await;
    }
}

#[tokio::test]
async fn a_client_retry_succeeds_after_all_write_attempts_failed() {
    for (fault, status) in [
        (Fault::before(Closed), 503),
        (Fault::after(Closed), 503),
        (Fault::before(Refusal(400, "ProvisionedThroughputExceededException")), 429),
    ] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        dynamodb.set_faults([no_fault()].into_iter().chain(std::iter::repeat_n(fault, 3)));

        let reply = invoke(&function).await;
        assert_eq!(reply.status, status, "{fault:?}: {reply:?}");

        let retry = invoke(&function).await;
        assert_eq!((retry.status, retry.is_replay()), (201, fault.committed), "{fault:?}");
        let [item] = &dynamodb.meetings().await[..] else { panic!("one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &retry.meeting_id());
        chime.assert_valid().await;
    }
}

#[tokio::test]
async fn nothing_is_stored_if_the_service_stalls_until_the_deadline() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    for upstream in
        [UpstreamFault::before(Upstream::Stalled), UpstreamFault::after(Upstream::Stalled)]
    {
        chime.service.set_fault(upstream);
        for seconds in [2, 4] {
            let deadline = SystemTime::now() + Duration::from_secs(seconds);
            let reply = function.invoke_by(deadline, &Event::rest()).await;
            reply.assert_modelled();
            assert_eq!(reply.status, 503, "{upstream:?}: {reply:?}");
        }
    }
    assert!(dynamodb.take_operations().iter().all(|operation| operation == "GetItem"));
    chime.service.set_faults([]);
    assert_eq!(invoke(&function).await.status, 201);
    chime.assert_valid().await;
}

#[tokio::test]
async fn a_retry_after_a_crash_at_any_step_gets_the_one_stored_meeting() {
    // The read, the service call before and after it creates a meeting, and the put likewise.
    for step in 0..5 {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        match step {
            0 => dynamodb.set_faults([Fault::before(Stalled)]),
            1 => chime.service.set_faults([UpstreamFault::before(Upstream::Stalled)]),
            2 => chime.service.set_faults([UpstreamFault::after(Upstream::Stalled)]),
            3 => dynamodb.set_faults([no_fault(), Fault::before(Stalled)]),
            _ => dynamodb.set_faults([no_fault(), Fault::after(Stalled)]),
        }
        let deadline = SystemTime::now() + Duration::from_secs(30);
        let event = Event::rest().0.to_string();
        let _outcome = function.send(deadline, event.into());
        match step {
            0 => dynamodb.seen(1).await,
            1 | 2 => chime.received(1).await,
            _ => dynamodb.seen(2).await,
        }
        if step == 2 {
            assert_eq!(chime.service.meetings().len(), 1);
        }
        drop(function);

        let survivor = chime.function(&dynamodb, &[]).await;
        dynamodb.set_faults([]);
        chime.service.set_faults([]);
        let reply = invoke(&survivor).await;

        assert_eq!(reply.status, 201, "{step}: {reply:?}");
        let [item] = &dynamodb.meetings().await[..] else { panic!("{step}: one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &reply.meeting_id());
        assert!(chime.service.meetings().len() <= 2, "a second one only in another minute");
        chime.assert_valid().await;
    }
}

#[tokio::test]
async fn after_a_denied_put_no_meetings_are_created_until_puts_work_again() {
    for (limit, read, probe) in
        [(None, "GetItem", "PutItem"), (Some(9), "BatchGetItem", "TransactWriteItems")]
    {
        assert_no_meetings_while_puts_are_denied(limit, [read, probe]).await;
    }
}

async fn assert_no_meetings_while_puts_are_denied(limit: Option<u32>, [read, probe]: [&str; 2]) {
    let put = "TransactWriteItems";
    let mut world = World::start().await;
    if let Some(limit) = limit {
        world.function = world.function.with_daily_limit(limit);
    }
    let denied = Fault::before(Refusal(400, "AccessDeniedException"));
    // Reads work, and puts do not.
    world.dynamodb.set_faults([no_fault(), denied].into_iter().cycle());
    let create = async |token: &str| {
        let event = Event::create(&json!({"ClientRequestToken": token}));
        world.invoke(&event, 0).await
    };

    let (reply, dynamodb, chime) = create("first").await;
    assert_eq!((reply.status, &dynamodb[..]), (500, &[read.to_owned(), put.into()][..]));
    assert_eq!(chime, ["CreateMeeting"]);
    for token in ["second", "third"] {
        let (reply, dynamodb, chime) = create(token).await;
        assert_eq!((reply.status, &dynamodb[..]), (500, &[read.to_owned(), probe.into()][..]));
        assert!(chime.is_empty(), "{chime:?}");
    }
    // What is not known to work counts as denied.
    world.dynamodb.set_faults(iter::once(no_fault()).chain([Fault::before(Closed); 3]));
    let (reply, _, chime) = create("third").await;
    assert_eq!((reply.status, chime.len()), (503, 0));

    world.dynamodb.set_faults([]);
    let (reply, dynamodb, chime) = create("third").await;
    assert_eq!((reply.status, dynamodb), (201, vec![read.to_owned(), probe.into(), put.into()]));
    assert_eq!(chime, ["CreateMeeting"]);
    let (_, dynamodb, _) = create("fourth").await;
    assert_eq!(dynamodb, [read, put]);
    let items = world.dynamodb.items().await;
    // Two meetings, each with an owner, and perhaps a counter.
    assert_eq!(items.len(), 4 + usize::from(limit.is_some()), "none of the probes: {items:?}");
}

#[tokio::test]
async fn a_process_whose_puts_are_denied_from_the_start_creates_no_meetings() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    dynamodb.set_fault(Fault::before(Refusal(400, "AccessDeniedException")));
    let function = chime.function(&dynamodb, &[]).await;
    let denied = Fault::before(Refusal(400, "AccessDeniedException"));
    dynamodb.set_faults([no_fault(), denied].into_iter().cycle());

    assert_eq!(invoke(&function).await.status, 500);

    assert!(chime.take().is_empty());
}
