//! Faults between the function and `DynamoDB`: each results in a response of the API, and a client
//! that retries ends up with exactly one meeting.

use std::time::{Duration, SystemTime};

use crate::support::Answer::{Closed, Raw, Refusal, Slow, Stalled, Truncated};
use crate::support::{DynamoDb, Event, Fault, Function, InProcess};

const THROTTLED: Fault = Fault::before(Refusal(400, "ProvisionedThroughputExceededException"));

const GARBAGE: &str = r#"<p>{"__type"#;

/// Lambda's default timeout.
fn deadline() -> SystemTime {
    SystemTime::now() + Duration::from_secs(3)
}

#[tokio::test]
async fn one_fault_is_absorbed_within_the_invocation() {
    for fault in [
        Fault::before(Refusal(500, "InternalServerError")),
        Fault::before(Refusal(503, "ServiceUnavailable")),
        Fault::before(Refusal(400, "ThrottlingException")),
        Fault::before(Refusal(400, "RequestLimitExceeded")),
        THROTTLED,
        Fault::before(Closed),
        Fault::before(Raw(500, GARBAGE)),
        Fault::before(Stalled),
        Fault::before(Truncated),
        Fault::before(Slow),
        // The write was committed and its response lost: neither an error nor a replay.
        Fault::after(Refusal(500, "InternalServerError")),
        Fault::after(Closed),
        Fault::after(Raw(502, GARBAGE)),
        Fault::after(Stalled),
        Fault::after(Truncated),
        Fault::after(Slow),
    ] {
        let dynamodb = DynamoDb::start().await;
        let function = Function::start(&dynamodb).await;
        dynamodb.set_faults([fault]);

        let reply = function.invoke_by(deadline(), &Event::rest()).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{fault:?}: {reply:?}");
        let tries = if matches!(fault, Fault { committed: true, answer: Slow }) { 1 } else { 2 };
        assert_eq!(dynamodb.take_requests(), tries, "{fault:?}");
        let [item] = &dynamodb.items().await[..] else { panic!("{fault:?}: one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &reply.meeting_id());
        let retry = function.invoke(&Event::rest()).await;
        assert_eq!((retry.is_replay(), retry.body), (true, reply.body), "{fault:?}");
    }
}

#[tokio::test]
async fn a_persistent_fault_is_an_api_error_until_it_ends() {
    for (fault, status) in [
        (THROTTLED, 429),
        (Fault::before(Closed), 503),
        (Fault::before(Raw(200, GARBAGE)), 503),
        (Fault::before(Raw(400, GARBAGE)), 503),
        (Fault::before(Raw(500, GARBAGE)), 503),
        (Fault::before(Stalled), 503),
        (Fault::before(Truncated), 503),
        (Fault::after(Refusal(500, "InternalServerError")), 503),
        (Fault::after(Closed), 503),
        (Fault::after(Raw(200, GARBAGE)), 503),
        (Fault::after(Raw(400, GARBAGE)), 503),
        (Fault::after(Stalled), 503),
        (Fault::after(Truncated), 503),
    ] {
        let dynamodb = DynamoDb::start().await;
        let function = Function::start(&dynamodb).await;
        dynamodb.set_fault(fault);

        let reply = function.invoke_by(deadline(), &Event::rest()).await;

        reply.assert_modelled();
        assert_eq!(reply.status, status, "{fault:?}: {reply:?}");
        assert!(dynamodb.take_requests() <= 3, "{fault:?}");
        let committed: Vec<_> = dynamodb.items().await;
        assert_eq!(committed.len(), usize::from(fault.committed), "{fault:?}");

        dynamodb.set_faults([]);
        let retry = function.invoke_by(deadline(), &Event::rest()).await;
        assert_eq!((retry.status, retry.is_replay()), (201, fault.committed), "{fault:?}");
        let [item] = &dynamodb.items().await[..] else { panic!("{fault:?}: one item") };
        assert_eq!(item["MeetingId"].as_s().unwrap(), &retry.meeting_id());
        if let [first] = &committed[..] {
            assert_eq!(item, first, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn two_faults_in_a_row_are_absorbed_within_the_invocation() {
    for faults in [
        [THROTTLED, Fault::after(Closed)],
        [Fault::after(Closed), THROTTLED],
        [THROTTLED, THROTTLED],
        [Fault::before(Closed), Fault::before(Closed)],
        [Fault::before(Stalled), Fault::after(Stalled)],
        [Fault::after(Truncated), Fault::after(Truncated)],
        [Fault::after(Refusal(500, "InternalServerError")), Fault::before(Closed)],
    ] {
        let dynamodb = DynamoDb::start().await;
        let function = Function::start(&dynamodb).await;
        dynamodb.set_faults(faults);

        let reply = function.invoke_by(deadline(), &Event::rest()).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{faults:?}: {reply:?}");
        assert_eq!((dynamodb.take_requests(), dynamodb.items().await.len()), (3, 1), "{faults:?}");
    }
}

#[tokio::test]
async fn a_series_of_faults_does_not_exhaust_the_retries() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    dynamodb.set_fault(Fault::before(Closed));
    for _ in 0..30 {
        let reply = function.invoke(&Event::rest()).await;
        assert_eq!((reply.status, dynamodb.take_requests()), (503, 3), "{reply:?}");
    }
    dynamodb.set_faults([Fault::after(Closed), Fault::after(Closed)]);
    let reply = function.invoke(&Event::rest()).await;
    assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
}

#[tokio::test]
async fn an_unresponsive_dynamodb_is_reported_before_the_deadline() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    dynamodb.set_fault(Fault::before(Stalled));
    // The shortest timeout in a template is 1 s, which is too short on a busy machine.
    for seconds in [2, 3, 5] {
        dynamodb.take_requests();
        let deadline = SystemTime::now() + Duration::from_secs(seconds);

        let reply = function.invoke_by(deadline, &Event::rest()).await;

        reply.assert_modelled();
        assert_eq!((reply.status, dynamodb.take_requests()), (503, 3), "{reply:?}");
    }
}

/// Only timers advance the clock, so the measurement does not depend on the machine.
#[tokio::test(start_paused = true)]
async fn a_quarter_of_a_second_is_always_left_for_the_response() {
    // Accepts connections, but never responds.
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let function = InProcess::new(&endpoint, Duration::from_hours(24));
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_795_342_523);
    let spans = (0..60).map(|n| 255 + 5 * n).chain([1, 250, 1000, 3000, 10_000, 29_000, 900_000]);
    for span in spans {
        let started_at = tokio::time::Instant::now();
        let deadline = 1_795_342_523_000 + span;

        let reply = function.invoke(&Event::rest(), now, deadline).await;

        reply.assert_modelled();
        assert_eq!(reply.status, 503, "{reply:?}");
        let most = Duration::from_millis(span.saturating_sub(250)).min(Duration::from_secs(10));
        let took = started_at.elapsed();
        // tokio's timers tick in milliseconds.
        assert!(took <= most + Duration::from_millis(1), "{took:?} of {span} ms");
        // Three attempts have used a quarter each.
        assert!(span < 1000 || took > most / 4 * 5 / 2, "{took:?} of {span} ms");
    }
}

#[tokio::test]
async fn a_dynamodb_that_accepts_no_connections_is_reported_before_the_deadline() {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let listener = socket.listen(0).unwrap();
    let address = listener.local_addr().unwrap();
    // Fills the kernel's backlog, which is one connection.
    let _queued = tokio::net::TcpStream::connect(address).await.unwrap();
    let mut dynamodb = DynamoDb::start().await;
    dynamodb.endpoint = format!("http://{address}");
    let function = Function::start(&dynamodb).await;
    let deadline = SystemTime::now() + Duration::from_secs(20);

    let reply = function.invoke_by(deadline, &Event::rest()).await;

    reply.assert_modelled();
    assert_eq!(reply.status, 503, "{reply:?}");
    function.process.logged("HTTP connect timeout occurred after 1s").await;
}

#[tokio::test]
async fn a_deadline_in_the_past_is_ignored() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let emulators = SystemTime::UNIX_EPOCH + Duration::from_mins(10);
    let passed = SystemTime::now() - Duration::from_secs(1);
    for deadline in [SystemTime::UNIX_EPOCH, emulators, passed] {
        let reply = function.invoke_by(deadline, &Event::rest()).await;
        assert_eq!(reply.status, 201, "{deadline:?}: {reply:?}");
    }
}
