//! From an event, and what the store answers to the write, to the reply.
//!
//! An input is an event. What `DynamoDB` answers may follow behind a line `HTTP 400`, of whatever
//! status. Nothing panics, whatever either holds, and every reply is one that the API has.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is how it finds something")]

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region, SharedCredentialsProvider};
use aws_smithy_http_client::test_util::infallible_client_fn;
use create_meeting::caller::AllowedCallers;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::endpoint::Endpoint;
use create_meeting::gateway;
use create_meeting::media_plane::MediaPlane;
use create_meeting::media_plane::templates::Templates;
use create_meeting::store::Store;
use create_meeting::telemetry::Telemetry;
use lambda_runtime::{Context, LambdaEvent};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

/// What the store answers: status and body.
type StoreAnswer = (u16, Vec<u8>);

thread_local! {
    static STORE_ANSWER: RefCell<StoreAnswer> = const { RefCell::new((200, Vec::new())) };
    static ENDPOINTS: [Endpoint; 2] = [
        endpoint(AllowedCallers::Anyone, None),
        endpoint(AllowedCallers::OfAccounts(vec!["111122223333".into()]), NonZeroU32::new(1)),
    ];
    static TELEMETRY: Telemetry = Telemetry::new(LevelFilter::INFO, Some("fuzz".into()), None);
    /// Its clock is a test's: what waits need not.
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
}

fn endpoint(allowed_callers: AllowedCallers, daily_limit: Option<NonZeroU32>) -> Endpoint {
    let http_client = infallible_client_fn(|_| {
        let (status, body) = STORE_ANSWER.with_borrow(Clone::clone);
        http::Response::builder().status(status).body(body).unwrap_or_default()
    });
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "fuzz");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client)
        .build();
    let create_meeting = CreateMeeting {
        store: Store::new((&config).into(), "Meetings".into()),
        media_plane: MediaPlane::Templates(Box::new(Templates::new("media.test"))),
        meeting_lifetime: Duration::from_hours(24),
        daily_limit,
    };
    Endpoint { allowed_callers, create_meeting, relay: None }
}

fn split(input: &[u8]) -> (&[u8], StoreAnswer) {
    const MARK: &[u8] = b"\nHTTP ";
    let found = input.windows(MARK.len()).position(|window| window == MARK);
    let Some(end) = found else { return (input, (200, b"{}".to_vec())) };
    let (event, answer) = (&input[..end], &input[end + MARK.len()..]);
    let (status, body) = answer.split_at_checked(3).unwrap_or((answer, b""));
    let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
    (event, (status.unwrap_or(200), body.to_vec()))
}

fuzz_target!(|input: &[u8]| {
    let (event, store_answer) = split(input);
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(event) else { return };
    STORE_ANSWER.set(store_answer);
    ENDPOINTS.with(|endpoints| endpoints.iter().for_each(|endpoint| run(endpoint, &event)));
});

fn run(endpoint: &Endpoint, event: &RawValue) {
    let now = UNIX_EPOCH + Duration::from_secs(1_795_342_523);
    let event = LambdaEvent::new(event.to_owned(), Context::default());
    let reply = TELEMETRY.with(|telemetry| {
        let reply = gateway::handle(endpoint, telemetry, event, now);
        RUNTIME.with(|runtime| runtime.block_on(reply))
    });
    match reply {
        Ok(reply) => check(&serde_json::to_value(reply).unwrap()),
        Err(error) => assert_eq!(error.error_type, "NotAnHttpEvent"),
    }
}

fn check(reply: &Value) {
    let header = |name: &str| reply["headers"][name].as_str();
    assert_eq!(header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    let status = reply["statusCode"].as_u64().unwrap();
    if status == 201 {
        assert_eq!(body["Meeting"]["MediaPlacement"].as_object().unwrap().len(), 8);
        return;
    }
    let name = body["__type"].as_str().unwrap();
    let (code, its_status) = match name {
        "BadRequestException" => ("BadRequest", 400),
        "ResourceLimitExceededException" => ("ResourceLimitExceeded", 400),
        "UnauthorizedClientException" => ("Unauthorized", 401),
        "ForbiddenException" => ("Forbidden", 403),
        "NotFoundException" => ("NotFound", 404),
        "MethodNotAllowedException" => ("MethodNotAllowed", 405),
        "ThrottledClientException" => ("Throttled", 429),
        "ServiceFailureException" => ("ServiceFailure", 500),
        "ServiceUnavailableException" => ("ServiceUnavailable", 503),
        _ => panic!("{reply}"),
    };
    assert_eq!((status, header("x-amzn-errortype")), (its_status, Some(name)));
    assert_eq!(body["Code"], code);
    assert!(!body["Message"].as_str().unwrap().is_empty());
}
