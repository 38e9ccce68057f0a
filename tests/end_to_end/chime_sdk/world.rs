//! The function in this process, with both services around it.

use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::{Chime, DynamoDb, Event, InProcess, Reply};

/// The test controls its clock.
pub struct World {
    pub dynamodb: DynamoDb,
    pub chime: Chime,
    pub function: InProcess,
}

impl World {
    pub async fn with(lifetime: Duration) -> Self {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let endpoint = chime.service.endpoint();
        let function = InProcess::with_chime_sdk(&dynamodb.endpoint, lifetime, endpoint);
        Self { dynamodb, chime, function }
    }

    pub async fn start() -> Self {
        Self::with(Duration::from_hours(24)).await
    }

    /// The reply to `event` this long after the beginning of a minute, and the operations it used.
    pub async fn invoke(
        &self,
        event: &Event,
        seconds: u64,
    ) -> (Reply, Vec<String>, Vec<&'static str>) {
        let reply = self.function.invoke(event, at(seconds), 0).await;
        (reply, self.dynamodb.take_operations(), self.chime.take())
    }

    /// The replies to 64 concurrent clients that share out `events`. One must not be a replay.
    ///
    /// Like all SDKs, they retry while the service is unavailable, as it may be on a busy machine.
    /// Then all may be replays.
    pub async fn invoke_64(&self, events: &[Event]) -> Vec<Reply> {
        let retries = Cell::new(0);
        let client = async |number: usize| loop {
            let reply = self.function.invoke(&events[number % events.len()], at(0), 0).await;
            if reply.status != 503 {
                break reply;
            }
            retries.set(retries.get() + 1);
        };
        let replies = join_all((0..64).map(client)).await;
        let first = replies.iter().filter(|reply| !reply.is_replay()).count();
        assert!(first == 1 || (first == 0 && retries.get() > 0), "{first} are first: {replies:?}");
        replies
    }

    /// The ID of the one meeting in the table.
    pub async fn stored(&self) -> String {
        let [item] = &self.dynamodb.meetings().await[..] else { panic!("one item") };
        item["MeetingId"].as_s().unwrap().clone()
    }
}

/// This long after the beginning of a minute.
pub fn at(seconds: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_795_342_560 + seconds)
}

/// A request with these members and one and the same token.
pub fn request(mut members: Value) -> Event {
    members["ClientRequestToken"] = json!("token");
    Event::create(&members)
}
