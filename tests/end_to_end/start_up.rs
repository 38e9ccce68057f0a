//! What the function does before the first event, and how it affects later ones.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::primitives::DateTime;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};

use crate::support::Answer::{Closed, Raw, Refusal, Stalled, Truncated};
use crate::support::{Chime, DynamoDb, Event, Fault, Function, InProcess, PATIENCE, program, tls};

/// Starts the function and resets the count of requests.
async fn start(dynamodb: &DynamoDb) -> Function {
    let mut command = program::create_meeting().await;
    // An empty level counts as unset.
    command.env("AWS_LAMBDA_LOG_LEVEL", "");
    Function::spawn(command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint)).await
}

#[tokio::test]
async fn the_first_meeting_reuses_the_connection_opened_at_startup() {
    let dynamodb = DynamoDb::start().await;
    let function = start(&dynamodb).await;
    assert_eq!((dynamodb.take_operations(), dynamodb.connections()), (vec!["PutItem".into()], 1));
    assert!(dynamodb.items().await.is_empty());

    for event in [Event::rest(), Event::rest().replay(), Event::rest().full()] {
        let reply = function.invoke(&event).await;
        assert_eq!((reply.status, dynamodb.take_requests()), (201, 1), "{reply:?}");
    }

    assert_eq!(function.invoke(&Event::rest().invalid()).await.status, 400);
    assert_eq!((dynamodb.take_requests(), dynamodb.connections()), (0, 1));
    assert!(!function.process.output().contains("WARN"), "{}", function.process.output());
    function.process.logged(concat!("starting version=\"", env!("CARGO_PKG_VERSION"))).await;
}

/// A proxy in front of a service, which counts connections. It may close the first one after a response.
struct Proxy {
    endpoint: String,
    connections: Arc<AtomicUsize>,
}

impl Proxy {
    async fn start(service: &str, closes_first: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (connections, service) =
            (Arc::<AtomicUsize>::default(), service.replace("http://", ""));
        let counter = connections.clone();
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut server = TcpStream::connect(&service).await.unwrap();
                let is_closed = closes_first && counter.load(Ordering::Relaxed) == 0;
                counter.fetch_add(1, Ordering::Relaxed);
                tokio::spawn(async move {
                    if is_closed {
                        relay_once(&mut client, &mut server).await;
                        relay_once(&mut server, &mut client).await;
                    } else {
                        let _ = copy_bidirectional(&mut client, &mut server).await;
                    }
                });
            }
        });
        Self { endpoint, connections }
    }
}

async fn relay_once(from: &mut TcpStream, to: &mut TcpStream) {
    let mut bytes = [0; 4096];
    let length = from.read(&mut bytes).await.unwrap();
    to.write_all(&bytes[..length]).await.unwrap();
}

#[tokio::test]
async fn the_first_meeting_of_the_chime_sdk_reuses_both_connections_opened_at_startup() {
    // Should AWS close the connection after it has rejected a request, the first call opens another one.
    for (closes_first, connections) in [(false, 1), (true, 2)] {
        let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
        let proxy = Proxy::start(&chime.service.endpoint(), closes_first).await;
        let endpoint = ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", &*proxy.endpoint);
        let function = chime.function(&dynamodb, &[endpoint]).await;
        // No signed call.
        assert_eq!((proxy.connections.load(Ordering::Relaxed), chime.take()), (1, vec![]));

        let reply = function.invoke(&Event::rest()).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{reply:?}");
        assert_eq!(chime.take(), ["CreateMeeting"]);
        assert_eq!(proxy.connections.load(Ordering::Relaxed), connections);
        assert_eq!(dynamodb.connections(), 1);
        assert!(!function.process.output().contains("WARN"), "{}", function.process.output());
    }
}

#[tokio::test]
async fn startup_continues_without_a_connection_to_the_chime_sdk() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    // Nothing listens there.
    let endpoint = ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", "http://127.0.0.1:9");
    let function = chime.function(&dynamodb, &[endpoint]).await;
    function.process.logged("could not pre-open a connection service=ChimeSdk").await;
    assert_eq!(function.invoke(&Event::rest()).await.status, 503);
}

#[tokio::test]
async fn startup_logs_a_failed_connection_and_continues() {
    for (fault, cause) in [
        (Fault::before(Closed), "dispatch failure"),
        (Fault::before(Stalled), "no response within 2s"),
        (Fault::before(Truncated), "connection closed before message completed"),
        (Fault::before(Raw(200, "{")), "failed to parse JSON"),
        (Fault::before(Refusal(500, "InternalServerError")), "InternalServerError"),
        (Fault::before(Refusal(400, "AccessDeniedException")), "AccessDeniedException"),
    ] {
        let dynamodb = DynamoDb::start().await;
        dynamodb.set_faults([fault]);
        let function = start(&dynamodb).await;
        assert_eq!(dynamodb.take_requests(), 1, "{fault:?}");
        function.process.logged("could not pre-open a connection service=DynamoDb").await;
        function.process.logged(cause).await;

        let reply = function.invoke(&Event::rest()).await;

        assert_eq!((reply.status, reply.is_replay()), (201, false), "{fault:?}: {reply:?}");
    }
}

/// Only timers advance the clock.
#[tokio::test(start_paused = true)]
async fn startup_waits_at_most_two_seconds_for_its_connections() {
    // Accepts connections, but never responds.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let lifetime = Duration::from_hours(24);
    for function in [
        InProcess::new(&endpoint, lifetime),
        InProcess::with_chime_sdk(&endpoint, lifetime, endpoint.clone()),
    ] {
        let started_at = tokio::time::Instant::now();

        tokio::time::timeout(PATIENCE, function.warm_up()).await.expect("the start should end");

        let took = started_at.elapsed();
        // tokio's timers tick in milliseconds.
        let (least, most) = (Duration::from_secs(2), Duration::from_millis(2001));
        assert!((least..=most).contains(&took), "{took:?}");
    }
}

#[tokio::test]
async fn a_private_endpoint_is_trusted_only_through_its_own_ca() {
    let dynamodb = DynamoDb::start().await;
    let (_, port) = dynamodb.endpoint.rsplit_once(':').unwrap();
    let tls = tls::serve(port.parse().unwrap()).await;
    let ca_bundle = NamedTempFile::new().unwrap();
    let path = ca_bundle.path().to_str().unwrap();
    let endpoint = ("AWS_ENDPOINT_URL_DYNAMODB", &*tls.endpoint);
    let create = Event::rest();

    std::fs::write(path, &tls.ca_certificate).unwrap();
    let function = Function::start_with(&dynamodb, &[endpoint, ("AWS_CA_BUNDLE", path)]).await;
    assert_eq!(function.invoke(&create).await.status, 201);
    assert_eq!(dynamodb.connections(), 1);

    let amazon = include_bytes!("../../src/amazon_trust_services.pem");
    std::fs::write(path, [tls.ca_certificate.as_bytes(), amazon].concat()).unwrap();
    let function = Function::start_with(&dynamodb, &[endpoint, ("AWS_CA_BUNDLE", path)]).await;
    assert_eq!(function.invoke(&create).await.status, 201);

    std::fs::write(path, amazon).unwrap();
    for settings in [&[endpoint][..], &[endpoint, ("AWS_CA_BUNDLE", path)]] {
        let function = Function::start_with(&dynamodb, settings).await;
        assert_eq!(function.invoke(&create).await.status, 503);
        function.process.logged("UnknownIssuer").await;
    }
}

#[tokio::test]
async fn an_unsupported_endpoint_variant_is_a_server_side_fault() {
    // In this Region, requests go to a local DynamoDB, which has no variants.
    let region = ("AWS_REGION", "local");
    for (variable, name) in
        [("AWS_USE_FIPS_ENDPOINT", "FIPS"), ("AWS_USE_DUALSTACK_ENDPOINT", "Dualstack")]
    {
        let mut command = program::create_meeting().await;
        let function = Function::spawn(command.envs([region, (variable, "True")])).await;

        let reply = function.invoke(&Event::rest()).await;

        assert_eq!(reply.status, 500, "{variable}: {reply:?}");
        function.process.logged(&format!("{name} and local endpoint are not supported")).await;
    }
}

#[tokio::test]
async fn a_disallowed_credentials_url_is_a_server_side_fault() {
    let dynamodb = DynamoDb::start().await;
    let mut command = program::create_meeting().await;
    command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint);
    command.env_remove("AWS_ACCESS_KEY_ID");
    // Credentials are accepted only from this machine, or over HTTPS.
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://192.0.2.1/credentials");
    let function = Function::spawn(&mut command).await;

    let reply = function.invoke(&Event::rest()).await;

    assert_eq!(reply.status, 500, "{reply:?}");
    function.process.logged("did not refer to an allowed IP address").await;
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn rotated_credentials_are_used() {
    let issued = Arc::new(AtomicUsize::new(0));
    // They expire so soon that none is used twice: the SDK renews them 10 s before they expire.
    let credentials = move |headers: HeaderMap| {
        assert_eq!(headers["authorization"], "for a container");
        let number = issued.fetch_add(1, Ordering::Relaxed);
        if number == 1 {
            return ready(StatusCode::INTERNAL_SERVER_ERROR.into_response());
        }
        let expiration = DateTime::from(SystemTime::now() + Duration::from_secs(1));
        let credentials = json!({
            "AccessKeyId": format!("AKID{number}"),
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": expiration.to_string(),
        });
        ready(Json(credentials).into_response())
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let router = Router::new().route("/credentials", get(credentials));
    tokio::spawn(async { axum::serve(listener, router).await });
    let dynamodb = DynamoDb::start().await;
    let mut command = program::create_meeting().await;
    command.env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint);
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY");
    command.env("AWS_CONTAINER_CREDENTIALS_FULL_URI", url);
    command.env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "for a container");
    let function = Function::spawn(&mut command).await;

    for _ in 0..2 {
        assert_eq!(function.invoke(&Event::rest()).await.status, 201);
    }

    let keys = dynamodb.take_seen().into_iter().map(|request| request.access_key);
    assert_eq!(keys.collect::<Vec<_>>(), ["AKID0", "AKID2", "AKID3"]);
}

#[tokio::test]
async fn as_many_events_are_handled_concurrently_as_lambda_sends() {
    const AT_ONCE: usize = 8;
    let dynamodb = DynamoDb::start().await;
    let concurrency = ("AWS_LAMBDA_MAX_CONCURRENCY", &*AT_ONCE.to_string());
    let function = Function::start_with(&dynamodb, &[concurrency]).await;
    dynamodb.set_fault(Fault::before(Stalled));
    let deadline = SystemTime::now() + Duration::from_secs(30);
    let events = (0..AT_ONCE)
        .map(|number| Event::create(&json!({"ClientRequestToken": format!("token-{number}")})));

    let outcomes: Vec<_> =
        events.map(|event| function.send(deadline, event.0.to_string().into())).collect();

    // Sequentially, the first would make three attempts before the second starts.
    dynamodb.seen(AT_ONCE).await;
    dynamodb.set_faults([]);
    for outcome in outcomes {
        assert_eq!(outcome.await.unwrap().unwrap()["statusCode"], 201);
    }
    assert_eq!(dynamodb.items().await.len(), AT_ONCE);
}
