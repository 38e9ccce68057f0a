//! Callers without permission are rejected before anything is sent.

use serde_json::json;

use super::World;
use crate::support::{CALLER, Call, Source, relayed_calls};

const SETTINGS: [(&str, &str); 2] =
    [("ALLOWED_ACCOUNT_IDS", CALLER), ("AWS_LAMBDA_LOG_FORMAT", "JSON")];

/// The path of the caller's account in an event.
fn account(source: Source) -> &'static str {
    match source {
        Source::RestRoute | Source::RestProxy => "/requestContext/identity/accountId",
        _ => "/requestContext/authorizer/iam/accountId",
    }
}

#[tokio::test]
async fn callers_are_authorized_before_the_request_is_validated() {
    let world = World::with(&SETTINGS).await;
    let attendee_id = world.create_attendee("anna").await;
    let with_attendees = Call::new("POST", "/meetings").query("operation", "create-attendees");
    let mut all = vec![("CreateMeetingWithAttendees", with_attendees.body("{}"))];
    all.extend(relayed_calls(&world.meeting_id, &attendee_id));
    let mut count = 2;
    for source in Source::ALL {
        for (nobody, status) in [(json!(null), 401), (json!("444455556666"), 403)] {
            for (operation, call) in &all {
                // Neither the body nor an ID is checked.
                let broken =
                    Call { path: call.path.replace(&world.meeting_id, "1"), ..call.clone() };
                for call in [call.clone(), broken.body("{")] {
                    let event = call.event(source).set(account(source), nobody.clone());
                    let reply = world.function.invoke(&event).await;
                    reply.assert_modelled();
                    assert_eq!(reply.status, status, "{operation}, {source:?}: {reply:?}");
                    count += 1;
                }
            }
        }
    }
    assert!(world.chime.take().is_empty());
    assert_eq!(world.dynamodb.take_requests(), 0);
    let turned_away = &world.function.process.records(count).await[2..];
    for (operation, _) in all {
        assert!(turned_away.iter().any(|record| record["operation"] == operation), "{operation}");
    }
    for record in turned_away {
        assert_eq!((&record["level"], &record["outcome"]), (&json!("WARN"), &json!("refused")));
        assert_eq!(record.get("upstreamAttempts"), None);
    }
    for source in Source::ALL {
        let get = Call::new("GET", world.path("")).event(source);
        assert_eq!(world.function.invoke(&get).await.status, 200, "{source:?}");
    }
}

#[tokio::test]
async fn rejected_callers_do_not_learn_which_operations_are_unsupported() {
    let world = World::with(&SETTINGS).await;
    let event = Call::new("GET", "/tags").query("arn", "a").event(Source::RestRoute);
    assert_eq!(world.function.invoke(&event).await.status, 400);
    let event = event.set(account(Source::RestRoute), json!("444455556666"));
    assert_eq!(world.function.invoke(&event).await.status, 403);
}
