//! A token maps to its meeting until the second in which the meeting expires, even if clocks differ.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;

use crate::support::{DynamoDb, Event, InProcess, Reply};

/// A function whose clock the test controls.
struct Function(InProcess);

impl Function {
    fn new(dynamodb: &DynamoDb, meeting_lifetime: Duration) -> Self {
        Self(InProcess::new(&dynamodb.endpoint, meeting_lifetime))
    }

    async fn invoke(&self, now: SystemTime) -> Reply {
        self.0.invoke(&Event::rest(), now, 0).await
    }
}

#[tokio::test]
async fn a_meeting_expires_less_than_a_second_after_its_lifetime() {
    let second = UNIX_EPOCH + Duration::from_secs(1_795_342_523);
    let lifetimes =
        [Duration::from_secs(1), Duration::from_hours(24), Duration::from_secs(u32::MAX.into())];
    // Items expire at whole seconds.
    let cases = [(0, 0), (1, 1), (999_999_999, 1)];
    for (lifetime, (nanoseconds, rounded_up)) in
        lifetimes.into_iter().flat_map(|lifetime| cases.map(|case| (lifetime, case)))
    {
        let dynamodb = DynamoDb::start().await;
        let function = Function::new(&dynamodb, lifetime);
        let created_at = second + Duration::from_nanos(nanoseconds);
        let expired_at = second + Duration::from_secs(rounded_up) + lifetime;
        assert!(expired_at >= created_at + lifetime);

        let first = function.invoke(created_at).await;
        let last = function.invoke(expired_at - Duration::from_millis(1)).await;
        let next = function.invoke(expired_at).await;

        assert_eq!((first.status, first.is_replay()), (201, false), "{first:?}");
        assert_eq!((last.is_replay(), last.body), (true, first.body.clone()), "{lifetime:?}");
        assert_eq!((next.status, next.is_replay()), (201, false), "{lifetime:?}: {next:?}");
        assert_ne!(next.meeting_id(), first.meeting_id());
        let [item] = &dynamodb.items().await[..] else { panic!("one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &next.meeting_id());
    }
}

#[tokio::test]
async fn an_item_stores_the_creation_time_in_milliseconds() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::new(&dynamodb, Duration::from_hours(1));

    function.invoke(UNIX_EPOCH + Duration::from_nanos(1_795_342_523_123_456_789)).await;

    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    assert_eq!(item["CreatedAt"].as_s().unwrap(), "2026-11-22T10:15:23.123Z");
}

#[tokio::test]
async fn functions_with_different_clocks_agree_on_one_new_meeting() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::new(&dynamodb, Duration::from_hours(1));
    let mut now = UNIX_EPOCH + Duration::from_secs(1_795_342_523);
    let mut live = function.invoke(now).await.meeting_id();
    for round in 0..20 {
        now += Duration::from_hours(1);
        // For every other clock, the meeting has not yet expired.
        let clocks = (0..64).map(|n| now - Duration::from_secs(n % 2));
        let replies = join_all(clocks.map(|now| function.invoke(now))).await;

        let created: Vec<_> = replies.iter().filter(|reply| !reply.is_replay()).collect();
        let [created] = created[..] else { panic!("round {round}: {created:?}") };
        let id = created.meeting_id();
        assert_ne!(id, live);
        for (n, reply) in replies.iter().enumerate() {
            let answered = reply.meeting_id();
            assert!(answered == id || (n % 2 == 1 && answered == live), "round {round}: {reply:?}");
        }
        live = id;
    }
}
