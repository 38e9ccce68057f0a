//! Fuzzes the function, from an event and the remote services' responses to the reply.
//!
//! An input is an event. Responses of the services may follow, one per line, with a status before
//! the body: `HTTP 400` for `DynamoDB`'s response to a write, `READ 200` for its response to a
//! read, `OWNER 200` for that to the read of a meeting's owner and to each query, and `CHIME 404` for
//! the Amazon Chime SDK's response to each call. Whatever they contain, nothing may panic, every reply
//! must be valid, and the Amazon Chime SDK must receive only valid requests.
#![no_main]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "panics are how it finds bugs")]

mod checks;
#[path = "../tests/end_to_end/support/exceptions.rs"]
mod exceptions;

use std::cell::RefCell;
use std::num::NonZeroU32;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use create_meeting::api::Api;
use create_meeting::caller::AllowedCallers;
use create_meeting::gateway::{self, ProxyResponse};
use create_meeting::settings::{
    ChimeSdkSettings, LogFormat, MediaPlaneSettings, Settings, TelemetrySettings,
};
use create_meeting::telemetry::Telemetry;
use lambda_runtime::{Context, LambdaEvent};
use libfuzzer_sys::fuzz_target;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use tracing::level_filters::LevelFilter;

/// Status and body.
type Answer = (u16, Vec<u8>);

/// The remote services' responses.
struct Answers {
    write: Answer,
    read: Answer,
    owner: Answer,
    /// If it is missing, each request gets its usual response.
    chime_sdk: Option<Answer>,
}

thread_local! {
    static ANSWERS: RefCell<Answers> = RefCell::new(split(b"").1);
    static APIS: [Api; 4] = [
        api(AllowedCallers::Anyone, None, templates()),
        api(one_account(), NonZeroU32::new(1), templates()),
        api(AllowedCallers::Anyone, None, chime_sdk()),
        api(one_account(), NonZeroU32::new(1), chime_sdk()),
    ];
    static TELEMETRY: Telemetry = Telemetry::new(TelemetrySettings {
        format: LogFormat::Json,
        level: LevelFilter::INFO,
        function_name: "fuzz".into(),
    });
    /// Its clock is paused, so timers do not really wait.
    static RUNTIME: Runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
}

fn one_account() -> AllowedCallers {
    AllowedCallers::OfAccounts(vec!["111122223333".into()])
}

fn templates() -> MediaPlaneSettings {
    MediaPlaneSettings::Templates { domain: "media.test".into() }
}

fn chime_sdk() -> MediaPlaneSettings {
    MediaPlaneSettings::ChimeSdkMeetings(ChimeSdkSettings {
        region: "us-east-1".into(),
        endpoint_url: "http://chime.test".into(),
        sends_notifications: true,
    })
}

fn api(
    allowed_callers: AllowedCallers,
    daily_limit: Option<NonZeroU32>,
    media_plane: MediaPlaneSettings,
) -> Api {
    let settings = Settings {
        table: "Meetings".into(),
        region: "us-east-1".into(),
        dynamodb_endpoint_url: Some("http://dynamodb.test".into()),
        use_fips: false,
        use_dual_stack: false,
        ca_bundle: None,
        meeting_lifetime: Duration::from_hours(24),
        allowed_callers,
        replays_reused_tokens: false,
        daily_limit,
        media_plane,
    };
    let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
    let credentials = SharedCredentialsProvider::new(credentials);
    Api::new(settings, SharedHttpConnector::new(Services), credentials)
}

/// `DynamoDB` and the Amazon Chime SDK.
#[derive(Debug)]
struct Services;

impl HttpConnector for Services {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let reads_owner = || {
            let body = request.body().bytes().unwrap_or_default();
            body.windows(7).any(|it| it == b"#owner#")
        };
        let answer = ANSWERS.with_borrow(|answers| match request.headers().get("x-amz-target") {
            Some(target) if target.ends_with(".GetItem") && reads_owner() => answers.owner.clone(),
            Some(target) if target.ends_with(".Query") => answers.owner.clone(),
            Some(target) if target.ends_with("GetItem") => answers.read.clone(),
            Some(_) => answers.write.clone(),
            None => {
                checks::chime_sdk_request(&request);
                let usual = || (200, default_response(&request));
                answers.chime_sdk.clone().unwrap_or_else(usual)
            }
        });
        let (status, body) = answer;
        let status = status.try_into().unwrap_or_else(|_| 200.try_into().unwrap());
        HttpConnectorFuture::ready(Ok(HttpResponse::new(status, body.into())))
    }
}

/// A response to any request.
fn default_response(request: &HttpRequest) -> Vec<u8> {
    let body = request.body().bytes().unwrap_or_default();
    let wanted: Value = serde_json::from_slice(body).unwrap_or_default();
    let attendee = json!({"AttendeeId": "8d1f3c0e", "ExternalUserId": "anna", "JoinToken": "a"});
    let answer = json!({
        "Meeting": {
            "MeetingId": "1343fa41-6e0d-4862-9880-5d63982f39bc",
            "ExternalMeetingId": wanted["ExternalMeetingId"],
            "MediaRegion": wanted["MediaRegion"],
            "MediaPlacement": {"AudioHostUrl": "a", "SignalingUrl": "b"},
        },
        "Attendee": attendee,
        "Attendees": [attendee],
    });
    answer.to_string().into_bytes()
}

/// The owner of any meeting, as a `GetItem` and a `Query` return it. It has what a meeting has as well, for lists.
fn default_owner() -> Answer {
    let owner = json!({
        "ClientRequestToken": {"S": "#owner#"},
        "AccountId": {"S": "111122223333"},
        "MeetingToken": {"S": "token"},
        "CreatedAt": {"S": "2026-11-22T10:00:00Z"},
        "ExpiresAt": {"N": "4102444800"},
        "MediaRegion": {"S": "us-east-1"},
        "MeetingId": {"S": "1343fa41-6e0d-4862-9880-5d63982f39bc"},
        "Urls": {"M": {"AudioHostUrl": {"S": "{hex}"}, "SignalingUrl": {"S": "{id}"}}},
    });
    (200, json!({"Item": owner, "Items": [owner]}).to_string().into_bytes())
}

/// The event of an input, and the services' responses.
fn split(input: &[u8]) -> (&[u8], Answers) {
    let empty = || (200, b"{}".to_vec());
    let mut answers =
        Answers { write: empty(), read: empty(), owner: default_owner(), chime_sdk: None };
    let mut event = input;
    for name in ["\nHTTP ", "\nREAD ", "\nOWNER ", "\nCHIME "] {
        let (before, answer) = response_after(input, name.as_bytes());
        if before.len() < event.len() {
            event = before;
        }
        let Some(answer) = answer else { continue };
        match name {
            "\nHTTP " => answers.write = answer,
            "\nREAD " => answers.read = answer,
            "\nOWNER " => answers.owner = answer,
            _ => answers.chime_sdk = Some(answer),
        }
    }
    (event, answers)
}

/// The input before `mark`, and the response after it, which ends with the line.
fn response_after<'a>(input: &'a [u8], mark: &[u8]) -> (&'a [u8], Option<Answer>) {
    let found = input.windows(mark.len()).position(|window| window == mark);
    let Some(end) = found else { return (input, None) };
    let answer = &input[end + mark.len()..];
    let answer = answer.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let (status, body) = answer.split_at_checked(3).unwrap_or((answer, b""));
    let status = std::str::from_utf8(status).ok().and_then(|status| status.parse().ok());
    (&input[..end], Some((status.unwrap_or(200), body.to_vec())))
}

fuzz_target!(|input: &[u8]| {
    let (event, answers) = split(input);
    let Ok(event) = serde_json::from_slice::<Box<RawValue>>(event) else { return };
    ANSWERS.set(answers);
    APIS.with(|apis| apis.iter().for_each(|api| run(api, &event)));
});

fn run(api: &Api, event: &RawValue) {
    let now = UNIX_EPOCH + Duration::from_secs(1_795_342_523);
    let event = LambdaEvent::new(event.to_owned(), Context::default());
    let reply = TELEMETRY.with(|telemetry| {
        let reply = gateway::handle(api, telemetry, event, now);
        RUNTIME.with(|runtime| runtime.block_on(reply))
    });
    match reply {
        Ok(ProxyResponse::Nothing(())) => {}
        Ok(reply) => checks::reply(&serde_json::to_value(reply).unwrap()),
        Err(error) => assert_eq!(error.error_type, "NotAnHttpEvent"),
    }
}
