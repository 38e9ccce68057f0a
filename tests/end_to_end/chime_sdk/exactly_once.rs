//! The calls in each case, and the meeting that the client gets.

use std::time::Duration;

use futures_util::future::join_all;
use local::chime_sdk::{Answer, Fault, Tokens};
use serde_json::json;

use super::world::{World, at, request};
use crate::support::{Answer as StoreAnswer, Fault as StoreFault};
use crate::support::{CALLER, Chime, Event, InProcess, Reply};

const GET: &str = "GetItem";
const UPDATE: &str = "UpdateItem";
const BATCH: &str = "BatchGetItem";
const TRANSACT: &str = "TransactWriteItems";
const CREATE: &str = "CreateMeeting";
const CHECK: &str = "GetMeeting";

#[tokio::test]
async fn the_services_meeting_is_returned_in_the_legacy_form() {
    let world = World::start().await;
    let event = request(json!({"ExternalMeetingId": "standup", "MediaRegion": "eu-west-1"}));

    let (reply, dynamodb, chime) = world.invoke(&event, 0).await;

    assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
    assert_eq!((dynamodb, chime), (vec![GET.into(), TRANSACT.into()], vec![CREATE]));
    let [upstream] = &world.chime.service.meetings()[..] else { panic!("one meeting") };
    let meeting = &reply.json()["Meeting"];
    let members: Vec<_> = meeting.as_object().unwrap().keys().collect();
    assert_eq!(members, ["ExternalMeetingId", "MediaPlacement", "MediaRegion", "MeetingId"]);
    assert_eq!(meeting["MeetingId"], upstream["MeetingId"]);
    assert_eq!(meeting["MediaPlacement"], upstream["MediaPlacement"]);
    assert_eq!(meeting["ExternalMeetingId"], "standup");
    assert_eq!(meeting["MediaRegion"], "eu-west-1");
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn a_retry_takes_one_request_to_dynamodb_and_none_to_the_service() {
    for (limit, read) in [(None, GET), (Some(1), BATCH)] {
        let mut world = World::start().await;
        if let Some(limit) = limit {
            world.function = world.function.with_daily_limit(limit);
        }
        let event = request(json!({"ExternalMeetingId": "standup"}));
        let (first, dynamodb, chime) = world.invoke(&event, 0).await;
        assert_eq!((dynamodb, chime), (vec![read.into(), TRANSACT.into()], vec![CREATE]));

        let (replay, dynamodb, chime) = world.invoke(&event, 59).await;
        assert_eq!((replay.status, replay.is_replay(), replay.body), (201, true, first.body));
        assert_eq!((dynamodb, chime.len()), (vec![read.to_owned()], 0));

        let other = request(json!({"ExternalMeetingId": "retrospective"}));
        let (conflict, dynamodb, chime) = world.invoke(&other, 59).await;
        assert!(conflict.message().contains("ExternalMeetingId"), "{conflict:?}");
        assert_eq!((conflict.status, dynamodb, chime.len()), (400, vec![read.to_owned()], 0));

        let (invalid, dynamodb, chime) = world.invoke(&request(json!({"Tags": []})), 0).await;
        assert_eq!((invalid.status, dynamodb.len(), chime.len()), (400, 0, 0));

        if limit.is_some() {
            let next = Event::create(&json!({"ClientRequestToken": "next"}));
            let (refused, dynamodb, chime) = world.invoke(&next, 59).await;
            assert_eq!(refused.headers["x-amzn-errortype"], "ResourceLimitExceededException");
            let reads = vec![read.to_owned(), GET.into()];
            assert_eq!((dynamodb, chime.len()), (reads, 0), "not even called");
            assert_eq!(world.dynamodb.counted_meetings(CALLER).await, 1);
        }
    }
}

#[tokio::test]
async fn an_older_meeting_is_checked_before_it_is_returned() {
    let world = World::start().await;
    let event = request(json!({}));
    let (first, ..) = world.invoke(&event, 0).await;

    let (_, _, chime) = world.invoke(&event, 119).await;
    assert!(chime.is_empty());

    let other = request(json!({"MediaRegion": "eu-west-1"}));
    for (event, seconds) in [(&event, 120), (&other, 240)] {
        let (reply, dynamodb, chime) = world.invoke(event, seconds).await;
        let expected = if seconds == 120 { 201 } else { 400 };
        assert_eq!((reply.status, chime), (expected, vec![CHECK]), "{reply:?}");
        assert_eq!(dynamodb, [GET, UPDATE]);
        // For two minutes, nobody checks again.
        let (again, dynamodb, chime) = world.invoke(&request(json!({})), seconds + 119).await;
        assert_eq!((again.status, again.is_replay(), &again.body), (201, true, &first.body));
        assert_eq!((dynamodb, chime.len()), (vec![GET.to_owned()], 0));
    }

    // If the check is inconclusive, the stored meeting is returned.
    for answer in [
        Answer::Refusal(429, "ThrottlingException"),
        Answer::Refusal(403, "ForbiddenException"),
        Answer::Refusal(500, "ServiceFailureException"),
        Answer::Raw(404, "<html>"),
        Answer::Closed,
        Answer::Stalled,
    ] {
        world.chime.service.set_fault(Fault::before(answer));
        let (replay, dynamodb, _) = world.invoke(&event, 3600).await;
        assert_eq!((replay.status, replay.is_replay(), &replay.body), (201, true, &first.body));
        assert_eq!(dynamodb, [GET], "{answer:?}");
    }
    world.chime.assert_valid().await;
}

#[tokio::test]
async fn the_token_of_an_ended_meeting_can_be_reused() {
    for event in [request(json!({})), request(json!({"MediaRegion": "eu-west-1"}))] {
        let world = World::start().await;
        let (first, ..) = world.invoke(&request(json!({})), 0).await;
        assert!(world.chime.service.end_meeting(&first.meeting_id()));

        // A retry in the first two minutes gets the stored response.
        let (retry, ..) = world.invoke(&request(json!({})), 119).await;
        assert_eq!((retry.is_replay(), retry.meeting_id()), (true, first.meeting_id()));

        let (next, dynamodb, chime) = world.invoke(&event, 120).await;
        assert_eq!((next.status, next.is_replay()), (201, false), "{next:?}");
        assert_eq!(dynamodb, [GET, UPDATE, UPDATE, TRANSACT]);
        assert_eq!(chime, [CHECK, CREATE]);
        assert_eq!(world.stored().await, next.meeting_id());
        assert_ne!(next.meeting_id(), first.meeting_id());
        let (replay, ..) = world.invoke(&event, 121).await;
        assert_eq!((replay.is_replay(), replay.body), (true, next.body));
    }
}

#[tokio::test]
async fn concurrent_requests_agree_on_one_replacement_for_an_ended_meeting() {
    for tokens in [Tokens::Remembered, Tokens::Ignored] {
        let world = World::start().await;
        let event = request(json!({}));
        let (first, ..) = world.invoke(&event, 0).await;
        assert!(world.chime.service.end_meeting(&first.meeting_id()));
        world.chime.service.set_tokens(tokens);

        let replies = join_all((0..8).map(|_| world.function.invoke(&event, at(150), 0))).await;

        assert_eq!(replies.iter().filter(|reply| !reply.is_replay()).count(), 1, "{replies:?}");
        assert_identical_responses(&replies);
        assert_eq!(replies[0].meeting_id(), world.stored().await);
    }
}

#[tokio::test]
async fn a_token_reused_after_its_expiry_gets_a_new_meeting() {
    for lifetime in [1, 30, 60, 3600] {
        let world = World::with(Duration::from_secs(lifetime)).await;
        // The service remembers every token forever.
        world.chime.service.set_tokens(Tokens::Remembered);
        let event = request(json!({}));
        let (first, ..) = world.invoke(&event, 0).await;

        let (next, dynamodb, chime) = world.invoke(&event, lifetime).await;

        assert_eq!((next.status, next.is_replay()), (201, false), "{lifetime}: {next:?}");
        assert_ne!(next.meeting_id(), first.meeting_id(), "{lifetime}");
        assert_eq!((dynamodb, chime), (vec![GET.into(), TRANSACT.into()], vec![CREATE]));
    }
}

fn assert_identical_responses(replies: &[Reply]) {
    for reply in replies {
        assert_eq!((reply.status, &reply.body), (201, &replies[0].body));
    }
}

#[tokio::test]
async fn concurrent_requests_all_get_the_stored_meeting() {
    for tokens in [Tokens::Remembered, Tokens::Compared, Tokens::Ignored] {
        let world = World::start().await;
        world.chime.service.set_tokens(tokens);

        let replies = world.invoke_64(&[request(json!({}))]).await;

        assert_identical_responses(&replies);
        assert_eq!(replies[0].meeting_id(), world.stored().await, "{tokens:?}");
        world.chime.assert_valid().await;
    }
}

#[tokio::test]
async fn racing_requests_agree_even_if_the_service_first_reports_conflicts() {
    let world = World::start().await;
    let conflict = Fault::before(Answer::Refusal(409, "ConflictException"));
    world.chime.service.set_faults(std::iter::repeat_n(conflict, 64));

    let replies = world.invoke_64(&[request(json!({}))]).await;

    assert_identical_responses(&replies);
    assert_eq!(replies[0].meeting_id(), world.stored().await);
}

#[tokio::test]
async fn when_different_requests_race_one_wins_and_the_others_conflict() {
    for tokens in [Tokens::Remembered, Tokens::Ignored] {
        let world = World::start().await;
        world.chime.service.set_tokens(tokens);
        let events = ["us-east-1", "eu-west-1", "eu-west-2", "ap-south-1"]
            .map(|region| request(json!({"MediaRegion": region})));

        let replies =
            join_all(events.iter().map(|event| world.function.invoke(event, at(0), 0))).await;

        let created: Vec<_> = replies.iter().filter(|reply| reply.status == 201).collect();
        let [created] = created[..] else { panic!("{replies:?}") };
        assert_eq!(created.meeting_id(), world.stored().await);
        assert_eq!(replies.iter().filter(|reply| reply.status == 400).count(), 3, "{replies:?}");
        // The meeting is in the Region that its client requested.
        let upstream = world.chime.service.meetings();
        let of_winner = upstream.iter().find(|it| it["MeetingId"] == created.meeting_id()).unwrap();
        assert_eq!(of_winner["MediaRegion"], created.json()["Meeting"]["MediaRegion"]);
    }
}

#[tokio::test]
async fn an_ended_meeting_is_recognized_without_the_errors_header() {
    for answer in
        [Answer::Raw(404, ""), Answer::Raw(404, r#"{"Code":"NotFound","Message":"ended"}"#)]
    {
        let world = World::start().await;
        let event = request(json!({}));
        let (first, ..) = world.invoke(&event, 0).await;
        world.chime.service.set_faults([Fault::before(answer)]);

        let (next, _, chime) = world.invoke(&event, 120).await;

        assert_eq!((next.status, next.is_replay(), chime), (201, false, vec![CHECK, CREATE]));
        assert_ne!(next.meeting_id(), first.meeting_id());
    }
}

#[tokio::test]
async fn a_retry_in_the_next_minute_creates_a_new_meeting_if_none_was_stored() {
    let world = World::start().await;
    let event = request(json!({}));
    world.dynamodb.set_faults(
        // The read succeeds, and the put keeps failing.
        [StoreFault::after(StoreAnswer::Slow)]
            .into_iter()
            .chain([StoreFault::before(StoreAnswer::Closed); 3]),
    );
    let (failed, ..) = world.invoke(&event, 59).await;
    assert_eq!(failed.status, 503);

    let (retry, dynamodb, chime) = world.invoke(&event, 60).await;

    assert_eq!((retry.status, retry.is_replay()), (201, false), "{retry:?}");
    assert_eq!((dynamodb, chime), (vec![GET.into(), TRANSACT.into()], vec![CREATE]));
    assert_eq!(world.stored().await, retry.meeting_id());
    assert_eq!(world.chime.service.meetings().len(), 2, "one was never returned");
}

#[tokio::test]
async fn meetings_of_another_control_region_count_as_ended() {
    let mut world = World::start().await;
    let event = request(json!({}));
    let (first, ..) = world.invoke(&event, 0).await;
    // The service in another Region knows none of the meetings.
    world.chime = Chime::start().await;
    world.function = InProcess::with_chime_sdk(
        &world.dynamodb.endpoint,
        Duration::from_hours(24),
        world.chime.service.endpoint(),
    );

    let (retry, _, chime) = world.invoke(&event, 119).await;
    assert_eq!((retry.is_replay(), retry.body, chime.len()), (true, first.body, 0));
    let (next, _, chime) = world.invoke(&event, 120).await;
    assert_eq!((next.status, next.is_replay(), chime), (201, false, vec![CHECK, CREATE]));
}

#[tokio::test]
async fn two_accounts_never_share_a_meeting() {
    let world = World::start().await;
    let own = request(json!({}));
    let account = "/requestContext/identity/accountId";
    let strangers = own.clone().set(account, json!("444455556666"));

    let (first, ..) = world.invoke(&own, 0).await;
    let (second, ..) = world.invoke(&strangers, 0).await;

    assert_eq!((first.status, second.status, second.is_replay()), (201, 201, false));
    assert_ne!(first.meeting_id(), second.meeting_id());
}

#[tokio::test]
async fn switching_the_media_plane_works_with_an_existing_table() {
    let world = World::start().await;
    let event = request(json!({}));
    let templates = InProcess::new(&world.dynamodb.endpoint, Duration::from_hours(24));
    let before = templates.invoke(&event, at(0), 0).await;
    world.dynamodb.take_operations();

    let (retry, ..) = world.invoke(&event, 30).await;
    assert_eq!((retry.is_replay(), retry.body), (true, before.body));

    // The service does not know the meeting.
    let (next, dynamodb, chime) = world.invoke(&event, 120).await;
    assert_eq!((next.status, next.is_replay()), (201, false));
    assert_eq!(
        (&*dynamodb, chime),
        (&[GET, UPDATE, UPDATE, TRANSACT].map(String::from)[..], vec![CHECK, CREATE])
    );

    // And back again.
    let after = templates.invoke(&event, at(121), 0).await;
    assert_eq!((after.is_replay(), after.body), (true, next.body));
}
