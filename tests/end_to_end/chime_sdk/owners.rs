//! Whose a meeting is, and that it has ended.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::join_all;
use local::chime_sdk::{Answer as Upstream, Fault as UpstreamFault};
use serde_json::json;

use super::world::{World, at, request};
use crate::support::Answer::{Canceled, Closed, Refusal, Slow, Stalled};
use crate::support::{
    CALLER, Call, Chime, DynamoDb, Event, Fault, InProcess, Reply, Source, relayed_calls,
};

const ACCOUNT: &str = "/requestContext/identity/accountId";
const STRANGER: &str = "444455556666";
const JSON_LOG: (&str, &str) = ("AWS_LAMBDA_LOG_FORMAT", "JSON");

pub fn call(method: &'static str, meeting_id: &str, rest: &str) -> Event {
    Call::new(method, format!("/meetings/{meeting_id}{rest}")).event(Source::RestRoute)
}

fn with_attendees() -> Event {
    let call = Call::new("POST", "/meetings").query("operation", "create-attendees");
    let attendees = json!([{"ExternalUserId": "anna"}]);
    call.body(json!({"ClientRequestToken": "token", "Attendees": attendees}))
        .event(Source::RestRoute)
}

#[tokio::test]
async fn an_account_reaches_its_own_meetings_and_no_others() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let accounts = format!("{CALLER},{STRANGER}");
    let function = chime.function(&dynamodb, &[("ALLOWED_ACCOUNT_IDS", &accounts)]).await;
    let event = request(json!({}));
    let own = function.invoke(&event).await.meeting_id();
    let strangers = event.set(ACCOUNT, json!(STRANGER));
    let strangers = function.invoke(&strangers).await.meeting_id();
    assert_ne!(own, strangers);
    chime.take();

    let unknown = "4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    for meeting_id in [&*strangers, &strangers.to_uppercase(), unknown] {
        for (operation, call) in relayed_calls(meeting_id, unknown) {
            dynamodb.take_requests();
            let reply = function.invoke(&call.event(Source::RestRoute)).await;
            reply.assert_modelled();
            assert_eq!(reply.status, 404, "{operation}: {reply:?}");
            assert_eq!(dynamodb.take_operations(), ["GetItem"], "{operation}");
        }
    }
    assert!(chime.take().is_empty(), "nothing is sent");
    for (account, meeting_id) in [(CALLER, &own), (STRANGER, &strangers)] {
        let get = call("GET", meeting_id, "").set(ACCOUNT, json!(account));
        assert_eq!(function.invoke(&get).await.status, 200, "{account}");
    }
}

/// AWS's own limit for a meeting, or the token's lifetime if that is longer, and an hour for differing clocks.
#[tokio::test]
async fn an_owner_is_forgotten_an_hour_after_its_meeting_and_its_token() {
    const HOUR: u64 = 60 * 60;
    for (lifetime, kept) in [(1, 25), (24, 25), (100, 101)] {
        let world = World::with(Duration::from_hours(lifetime)).await;
        let (created, ..) = world.invoke(&request(json!({})), 0).await;
        let get = call("GET", &created.meeting_id(), "");

        let (_, _, before) = world.invoke(&get, kept * HOUR - 1).await;
        let (gone, _, after) = world.invoke(&get, kept * HOUR).await;

        assert_eq!(before, ["GetMeeting"], "{lifetime}");
        assert_eq!((gone.status, after.len()), (404, 0), "{lifetime}: {gone:?}");
    }
}

#[tokio::test]
async fn a_meeting_whose_token_has_the_next_one_is_gone_when_it_is_deleted() {
    let world = World::with(Duration::from_secs(70)).await;
    let (first, ..) = world.invoke(&request(json!({})), 0).await;
    let (next, ..) = world.invoke(&request(json!({})), 100).await;
    assert_ne!(next.meeting_id(), first.meeting_id());

    let (deleted, ..) = world.invoke(&call("DELETE", &first.meeting_id(), ""), 101).await;
    let (gone, _, chime) = world.invoke(&call("GET", &first.meeting_id(), ""), 101).await;
    let (kept, ..) = world.invoke(&call("GET", &next.meeting_id(), ""), 101).await;

    assert_eq!((deleted.status, gone.status, kept.status), (204, 404, 200));
    assert!(chime.is_empty(), "it is known to have ended");
}

#[tokio::test]
async fn a_deleted_meeting_is_gone_and_its_token_is_free_at_once() {
    for create in [request(json!({})), with_attendees()] {
        let world = World::start().await;
        let (first, ..) = world.invoke(&create, 0).await;

        let (deleted, dynamodb, chime) =
            world.invoke(&call("DELETE", &first.meeting_id(), ""), 1).await;
        assert_eq!((deleted.status, chime), (204, vec!["DeleteMeeting"]), "{deleted:?}");
        assert_eq!(dynamodb, ["GetItem", "UpdateItem", "UpdateItem"]);
        let (gone, dynamodb, chime) = world.invoke(&call("GET", &first.meeting_id(), ""), 1).await;
        assert_eq!((gone.status, dynamodb.len(), chime.len()), (404, 1, 0));
        let item = world.dynamodb.item(CALLER, "token").await;
        assert!(item.contains_key("EndedAt") && !item.contains_key("ListedUntil"), "{item:?}");

        // In the same minute, though the service remembers the first one.
        let replies = world.invoke_64(std::slice::from_ref(&create)).await;
        for reply in &replies {
            assert_eq!((reply.status, &reply.body), (201, &replies[0].body));
        }
        assert_ne!(replies[0].meeting_id(), first.meeting_id());
        assert_eq!(replies[0].meeting_id(), world.stored().await);
        world.chime.assert_valid().await;
    }
}

#[tokio::test]
async fn a_repeated_deletion_succeeds_for_a_minute() {
    let world = World::start().await;
    let meeting_id = world.invoke(&request(json!({})), 0).await.0.meeting_id();
    let delete = call("DELETE", &meeting_id, "");
    for (seconds, status, sent) in [(1, 204, 1), (2, 204, 0), (61, 204, 0), (62, 404, 0)] {
        let (reply, _, chime) = world.invoke(&delete, seconds).await;
        assert_eq!((reply.status, chime.len()), (status, sent), "{seconds}: {reply:?}");
        // Nobody else learns of it.
        let strangers = delete.clone().set(ACCOUNT, json!(STRANGER));
        assert_eq!(world.invoke(&strangers, seconds).await.0.status, 404);
    }
}

#[tokio::test]
async fn not_found_upstream_means_the_end_of_a_meeting_only_after_two_minutes() {
    for (method, rest, body) in [
        ("GET", "", None),
        ("DELETE", "", None),
        ("GET", "/attendees", None),
        ("POST", "/attendees", Some(json!({"ExternalUserId": "anna"}))),
    ] {
        let world = World::start().await;
        let (first, ..) = world.invoke(&request(json!({})), 0).await;
        let mut called = Call::new(method, format!("/meetings/{}{rest}", first.meeting_id()));
        called.body = body.map(|body| body.to_string());
        let called = called.event(Source::RestRoute);
        let unknown = UpstreamFault::before(Upstream::Refusal(404, "NotFoundException"));
        world.chime.service.set_faults([unknown]);

        let (young, dynamodb, _) = world.invoke(&called, 119).await;
        assert_eq!(
            (young.status, &*dynamodb),
            (404, &["GetItem".to_owned()][..]),
            "{method} {rest}"
        );
        let (get, ..) = world.invoke(&call("GET", &first.meeting_id(), ""), 119).await;
        assert_eq!(get.status, 200, "it goes on");

        assert!(world.chime.service.end_meeting(&first.meeting_id()));
        let (old, dynamodb, _) = world.invoke(&called, 120).await;
        assert_eq!((old.status, dynamodb.len()), (404, 3), "{method} {rest}: {dynamodb:?}");
        let (next, ..) = world.invoke(&request(json!({})), 120).await;
        assert_eq!((next.status, next.is_replay()), (201, false), "{method} {rest}: {next:?}");
    }
}

/// An attendee may be what is missing.
#[tokio::test]
async fn a_missing_attendee_does_not_end_the_meeting() {
    let world = World::start().await;
    let meeting_id = world.invoke(&request(json!({})), 0).await.0.meeting_id();
    let missing = "/attendees/4f1e7a52-2c7b-4b8a-9d55-0123456789ab";
    for method in ["GET", "DELETE"] {
        let (reply, dynamodb, _) = world.invoke(&call(method, &meeting_id, missing), 3600).await;
        assert_eq!((reply.status, dynamodb.len()), (404, 1), "{reply:?}");
    }
    assert_eq!(world.invoke(&call("GET", &meeting_id, ""), 3600).await.0.status, 200);
}

#[tokio::test]
async fn a_meeting_that_the_table_has_forgotten_is_not_returned_again() {
    let world = World::start().await;
    let (first, ..) = world.invoke(&request(json!({})), 0).await;
    let delete = world.dynamodb.client.delete_item().table_name("Meetings");
    let delete = delete.key("ClientRequestToken", AttributeValue::S("token".into()));
    delete.key("AccountId", AttributeValue::S(CALLER.into())).send().await.unwrap();

    // The service still remembers its token.
    let (next, dynamodb, chime) = world.invoke(&request(json!({})), 1).await;

    assert_eq!((next.status, next.is_replay()), (201, false), "{next:?}");
    assert_ne!(next.meeting_id(), first.meeting_id());
    assert_eq!(dynamodb, ["GetItem", "TransactWriteItems", "GetItem", "TransactWriteItems"]);
    assert_eq!(chime, ["CreateMeeting", "CreateMeeting"]);
}

#[tokio::test]
async fn forty_joins_check_an_older_meeting_once() {
    let world = World::start().await;
    let event = request(json!({}));
    let (first, ..) = world.invoke(&event, 0).await;
    let endpoint = world.chime.service.endpoint();
    let functions: Vec<_> = (0..4)
        .map(|_| {
            let lifetime = Duration::from_hours(24);
            InProcess::with_chime_sdk(&world.dynamodb.endpoint, lifetime, endpoint.clone())
        })
        .collect();
    for number in 0..40 {
        let reply = functions[number % 4].invoke(&event, at(130 + number as u64), 0).await;
        assert_eq!((reply.status, &reply.body), (201, &first.body));
    }
    assert_eq!(world.chime.take(), ["GetMeeting"]);

    // All at once, at a service that accepts only ten of them.
    let throttled = UpstreamFault::before(Upstream::Refusal(429, "ThrottlingException"));
    let faults = std::iter::repeat_n(UpstreamFault::NONE, 10);
    world.chime.service.set_faults(faults.chain(std::iter::repeat(throttled)));
    let joins = (0..40).map(|number| functions[number % 4].invoke(&event, at(600), 0));
    for reply in join_all(joins).await {
        assert_eq!((reply.status, &reply.body), (201, &first.body), "{reply:?}");
    }
}

#[tokio::test]
async fn without_its_table_no_operation_calls_the_service() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let meeting_id = function.invoke(&request(json!({}))).await.meeting_id();
    chime.take();
    for (fault, status) in [
        (Fault::before(Refusal(400, "ProvisionedThroughputExceededException")), 429),
        (Fault::before(Refusal(400, "AccessDeniedException")), 500),
        (Fault::before(Refusal(500, "InternalServerError")), 503),
        (Fault::before(Closed), 503),
    ] {
        dynamodb.set_fault(fault);
        for (operation, call) in relayed_calls(&meeting_id, &meeting_id) {
            let reply = function.invoke(&call.event(Source::RestRoute)).await;
            reply.assert_modelled();
            assert_eq!(reply.status, status, "{operation}, {fault:?}: {reply:?}");
        }
    }
    assert!(chime.take().is_empty());
}

/// The read of the owner succeeds, and then these faults.
fn after_read(faults: &[Fault]) -> Vec<Fault> {
    [&[Fault::after(Slow)], faults].concat()
}

#[tokio::test]
async fn a_mark_is_retried_and_its_failure_only_logged() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[JSON_LOG]).await;
    let conflict = Fault::before(Refusal(400, "TransactionConflictException"));
    let lost = Fault::after(Closed);
    let throttled = Fault::before(Refusal(400, "ProvisionedThroughputExceededException"));
    let denied = Fault::before(Refusal(400, "AccessDeniedException"));
    for (number, (faults, is_marked)) in [
        (vec![], true),
        (vec![conflict; 5], true),
        (vec![lost, lost], true),
        (vec![throttled, throttled], true),
        (vec![Fault::after(Slow), lost, conflict], true),
        (vec![Fault::before(Closed); 3], false),
        (vec![throttled; 3], false),
        (vec![denied], false),
        // The token is free then, and the owner is not marked.
        (vec![Fault::after(Slow), denied], false),
    ]
    .into_iter()
    .enumerate()
    {
        let event = Event::create(&json!({"ClientRequestToken": format!("token-{number}")}));
        let meeting_id = function.invoke(&event).await.meeting_id();
        dynamodb.set_faults(after_read(&faults));

        let reply = function.invoke(&call("DELETE", &meeting_id, "")).await;

        dynamodb.set_faults([]);
        assert_eq!(reply.status, 204, "{faults:?}: {reply:?}");
        let records = function.process.records(2 * (number + 1)).await;
        let record = &records[2 * number + 1];
        assert_eq!(record.get("markError").is_some(), !is_marked, "{faults:?}: {record}");
        // Its client was answered, so it fires no alarm.
        assert_eq!((record.get("StoreErrors"), &record["outcome"]), (None, &json!("relayed")));
        // The token is free if its item was marked.
        let item = dynamodb.item(CALLER, &format!("token-{number}")).await;
        assert_eq!(item.contains_key("EndedAt"), is_marked || number == 8, "{faults:?}");
    }
}

/// At this level, a client's error alone is left out.
#[tokio::test]
async fn a_mark_that_fails_is_a_warning_even_if_the_client_gets_an_error() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    for (format, error) in [("JSON", "\"markError\":"), ("Text", ", and not stored: ")] {
        let settings = [("AWS_LAMBDA_LOG_FORMAT", format), ("AWS_LAMBDA_LOG_LEVEL", "WARN")];
        let function = chime.function(&dynamodb, &settings).await;
        let event = Event::create(&json!({"ClientRequestToken": format}));
        let meeting_id = function.invoke(&event).await.meeting_id();
        assert!(chime.service.end_meeting(&meeting_id));
        let mut owner = dynamodb.item(CALLER, &format!("#owner#{meeting_id}")).await;
        owner.insert("CreatedAt".into(), AttributeValue::S("2026-01-01T00:00:00.000Z".into()));
        let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(owner));
        put.send().await.unwrap();
        dynamodb.set_faults(after_read(&[Fault::before(Refusal(400, "AccessDeniedException"))]));

        assert_eq!(function.invoke(&call("GET", &meeting_id, "")).await.status, 404);

        let log = function.process.stop().await;
        assert_eq!(log.lines().filter(|line| line.contains(error)).count(), 1, "{log}");
    }
}

#[tokio::test]
async fn a_put_with_an_owner_is_retried_like_any_other() {
    for (faults, status) in [
        (vec![Fault::before(Canceled("None", "TransactionConflict")); 6], 201),
        (vec![Fault::before(Canceled("TransactionConflict", "None")); 6], 201),
        (vec![Fault::before(Canceled("ThrottlingError", "None")); 2], 201),
        (vec![Fault::before(Canceled("ThrottlingError", "None")); 3], 429),
        (vec![Fault::after(Closed); 2], 201),
        (vec![Fault::after(Stalled)], 201),
    ] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        dynamodb.set_faults(after_read(&faults));

        let reply = function.invoke(&request(json!({}))).await;

        reply.assert_modelled();
        assert_eq!((reply.status, reply.is_replay()), (status, false), "{faults:?}: {reply:?}");
        dynamodb.set_faults([]);
        let again = function.invoke(&request(json!({}))).await;
        let get = function.invoke(&call("GET", &again.meeting_id(), "")).await;
        assert_eq!((again.status, get.status), (201, 200), "{faults:?}");
    }
}

/// The function is killed between any two steps of a deletion, and the client repeats it.
#[tokio::test]
async fn a_deletion_that_was_cut_short_can_be_repeated() {
    for step in 0..5 {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let function = chime.function(&dynamodb, &[]).await;
        let create = request(json!({}));
        let first: Reply = function.invoke(&create).await;
        let (slow, stalled) = (Fault::after(Slow), Fault::after(Stalled));
        dynamodb.take_requests();
        chime.take();
        match step {
            0 => dynamodb.set_faults([stalled]),
            1 => chime.service.set_faults([UpstreamFault::before(Upstream::Stalled)]),
            2 => chime.service.set_faults([UpstreamFault::after(Upstream::Stalled)]),
            3 => dynamodb.set_faults([slow, stalled]),
            _ => dynamodb.set_faults([slow, slow, stalled]),
        }
        let delete = call("DELETE", &first.meeting_id(), "");
        let deadline = std::time::SystemTime::now() + Duration::from_secs(30);
        let _outcome = function.send(deadline, delete.0.to_string().into());
        match step {
            0 => dynamodb.seen(1).await,
            1 | 2 => chime.received(1).await,
            3 => dynamodb.seen(2).await,
            _ => dynamodb.seen(3).await,
        }
        function.process.kill().await;
        dynamodb.set_faults([]);
        chime.service.set_faults([]);

        let survivor = chime.function(&dynamodb, &[]).await;
        let repeated = survivor.invoke(&delete).await;

        // Once the service has deleted it, a young meeting may also be one that it does not know yet.
        let status = if matches!(step, 2 | 3) { 404 } else { 204 };
        assert_eq!(repeated.status, status, "{step}: {repeated:?}");
        assert!(chime.service.meetings().is_empty());
        let next = survivor.invoke(&create).await;
        // The token was marked first.
        assert_eq!((next.status, next.is_replay()), (201, step == 2), "{step}: {next:?}");
    }
}
