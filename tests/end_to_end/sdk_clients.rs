//! Unmodified SDK clients over HTTP, against the function under cargo-lambda, or behind a stand-in
//! for API Gateway if callers need an identity.

use std::process::Stdio;

use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_sdk_chime::config::retry::RetryConfig;
use aws_sdk_chime::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_chime::operation::create_meeting::CreateMeetingError;
use aws_sdk_chime::types::{MeetingNotificationConfiguration, Tag};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::support::{
    AWS_ENVIRONMENT, Answer, DynamoDb, Emulator, Event, Fault, Function, Gateway,
    wait_if_the_utc_day_could_end,
};

/// An SDK client without retries, because these tests look at the errors.
enum Client {
    Rust(aws_sdk_chime::Client),
    Boto3(Box<Boto3>),
}

/// A `boto3_client.py` process, which is killed when this is dropped.
struct Boto3 {
    stdin: ChildStdin,
    stdout: Lines<BufReader<ChildStdout>>,
    _process: Child,
}

/// The meeting, or the name, code and message of the SDK's typed exception.
type Outcome = Result<Value, (String, String, String)>;

#[tokio::test]
async fn rust() {
    let dynamodb = DynamoDb::start().await;
    let emulator = Emulator::start(&dynamodb).await;
    check(Client::rust(&emulator.endpoint), &dynamodb).await;
}

#[tokio::test]
async fn boto3() {
    let dynamodb = DynamoDb::start().await;
    let emulator = Emulator::start(&dynamodb).await;
    check(Client::boto3(&emulator.endpoint), &dynamodb).await;
}

#[tokio::test]
async fn rejected_callers_get_a_typed_exception() {
    wait_if_the_utc_day_could_end().await;
    let dynamodb = DynamoDb::start().await;
    for (setting, event, expected) in [
        (
            ("REQUIRE_IAM_CALLER", "true"),
            Event::rest().anonymous(),
            ("UnauthorizedClientException", "Unauthorized", "no IAM identity"),
        ),
        (
            ("ALLOWED_ACCOUNT_IDS", "000000000001"),
            Event::http(),
            ("ForbiddenException", "Forbidden", "111122223333 is not allowed"),
        ),
        (
            ("DAILY_MEETING_LIMIT", "1"),
            Event::url(),
            ("ResourceLimitExceededException", "ResourceLimitExceeded", "limit of meetings"),
        ),
    ] {
        let function = Function::start_with(&dynamodb, &[setting]).await;
        let gateway = Gateway::start(function, event).await;
        for mut client in [Client::rust(&gateway.endpoint), Client::boto3(&gateway.endpoint)] {
            // The first client uses up the limit; the other gets a replay.
            if expected.1 == "ResourceLimitExceeded" {
                let first = json!({"ClientRequestToken": "first"});
                client.create_meeting(&first).await.expect("a meeting");
            }
            let outcome = client.create_meeting(&json!({"ClientRequestToken": "token"})).await;
            let (name, code, message) = outcome.expect_err("an exception");
            assert_eq!((name.as_str(), code.as_str()), (expected.0, expected.1));
            assert!(message.contains(expected.2), "{message}");
        }
    }
}

#[tokio::test]
async fn rust_finds_the_endpoint_in_the_shared_configuration() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let gateway = Gateway::start(function, Event::rest()).await;
    let file = format!(
        "[default]\nservices = ours\n\n[services ours]\nchime =\n  endpoint_url = {}\n",
        gateway.endpoint
    );
    let files = EnvConfigFiles::builder().with_contents(EnvConfigFileKind::Config, file).build();
    let config = aws_config::defaults(BehaviorVersion::latest())
        .profile_files(files)
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .load()
        .await;
    let mut client = Client::Rust(aws_sdk_chime::Client::new(&config));
    client.create_meeting(&json!({"ClientRequestToken": "token"})).await.expect("a meeting");
}

async fn check(mut client: Client, dynamodb: &DynamoDb) {
    let request = json!({
        "ClientRequestToken": "token",
        "ExternalMeetingId": "café 📅",
        "MediaRegion": "eu-west-2",
        "MeetingHostId": "host",
        "NotificationsConfiguration": {
            "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:topic",
            "SqsQueueArn": "arn:aws:sqs:us-east-1:111122223333:queue",
        },
        "Tags": [{"Key": "team", "Value": "platform"}],
    });
    let with = |member: &str, value: Value| {
        let mut request = request.clone();
        request[member] = value;
        request
    };

    let created = client.create_meeting(&request).await.expect("a meeting");
    assert_eq!(
        (&created["ExternalMeetingId"], &created["MediaRegion"]),
        (&request["ExternalMeetingId"], &request["MediaRegion"])
    );
    let urls = created["MediaPlacement"].as_object().unwrap();
    assert_eq!(
        urls.values()
            .filter(|url| url.as_str().is_some_and(|url| url.contains("eu-west-2")))
            .count(),
        8
    );
    let replayed = client.create_meeting(&request).await.expect("the same meeting");
    assert_eq!(replayed, created);

    // Without a token, the SDK generates one.
    let own = client.create_meeting(&json!({})).await.expect("a meeting");
    assert_ne!(own["MeetingId"], created["MeetingId"]);

    let mismatch = client.create_meeting(&with("MediaRegion", json!("us-west-1"))).await;
    let (name, code, message) = mismatch.expect_err("another request");
    assert_eq!((name.as_str(), code.as_str()), ("BadRequestException", "BadRequest"));
    assert!(message.contains("different values for: MediaRegion."), "{message}");

    let invalid = client.create_meeting(&with("ClientRequestToken", json!("x".repeat(65)))).await;
    let (name, code, message) = invalid.expect_err("too long a token");
    assert_eq!((name.as_str(), code.as_str()), ("BadRequestException", "BadRequest"));
    assert!(message.contains("Member must have length less than or equal to 64"), "{message}");

    for (answer, exception, code) in [
        (Answer::Refusal(400, "ThrottlingException"), "ThrottledClientException", "Throttled"),
        (
            Answer::Refusal(400, "ResourceNotFoundException"),
            "ServiceFailureException",
            "ServiceFailure",
        ),
        (
            Answer::Refusal(500, "InternalServerError"),
            "ServiceUnavailableException",
            "ServiceUnavailable",
        ),
    ] {
        dynamodb.set_fault(Fault::before(answer));
        let (name, its_code, _) = client.create_meeting(&request).await.expect_err("a fault");
        assert_eq!((name.as_str(), its_code.as_str()), (exception, code));
    }
    dynamodb.set_faults([]);
    assert_eq!(client.create_meeting(&request).await.expect("the meeting"), created);
}

impl Client {
    fn rust(endpoint: &str) -> Self {
        let config = aws_sdk_chime::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .endpoint_url(endpoint)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .build();
        Self::Rust(aws_sdk_chime::Client::from_conf(config))
    }

    fn boto3(endpoint: &str) -> Self {
        let mut process = Command::new("python3")
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/boto3_client.py"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .envs(AWS_ENVIRONMENT)
            .env("AWS_ENDPOINT_URL_CHIME", endpoint)
            .env("AWS_MAX_ATTEMPTS", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 with boto3");
        let stdin = process.stdin.take().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap()).lines();
        Self::Boto3(Box::new(Boto3 { stdin, stdout, _process: process }))
    }

    async fn create_meeting(&mut self, members: &Value) -> Outcome {
        match self {
            Self::Rust(client) => create_with_rust(client, members).await,
            Self::Boto3(boto3) => {
                boto3.stdin.write_all(format!("{members}\n").as_bytes()).await.unwrap();
                let line =
                    boto3.stdout.next_line().await.unwrap().expect("a response of boto3_client.py");
                let answer: Value = serde_json::from_str(&line).unwrap();
                let string = |name: &str| answer[name].as_str().map(str::to_owned);
                match string("Exception") {
                    None => Ok(answer),
                    Some(name) => Err((name, string("Code").unwrap(), string("Message").unwrap())),
                }
            }
        }
    }
}

#[allow(deprecated, reason = "its deprecation is why this project exists")]
async fn create_with_rust(client: &aws_sdk_chime::Client, members: &Value) -> Outcome {
    let string = |pointer: &str| members.pointer(pointer)?.as_str().map(str::to_owned);
    let notifications = MeetingNotificationConfiguration::builder()
        .set_sns_topic_arn(string("/NotificationsConfiguration/SnsTopicArn"))
        .set_sqs_queue_arn(string("/NotificationsConfiguration/SqsQueueArn"))
        .build();
    let tags = members["Tags"].as_array().map(|tags| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let tag = |tag: &Value| Tag::builder().key(text(&tag["Key"])).value(text(&tag["Value"]));
        tags.iter().map(|each| tag(each).build().unwrap()).collect()
    });
    let answer = client
        .create_meeting()
        .set_client_request_token(string("/ClientRequestToken"))
        .set_external_meeting_id(string("/ExternalMeetingId"))
        .set_media_region(string("/MediaRegion"))
        .set_meeting_host_id(string("/MeetingHostId"))
        .notifications_configuration(notifications)
        .set_tags(tags)
        .send()
        .await;
    let error = match answer {
        Ok(answer) => {
            let meeting = answer.meeting.unwrap();
            let placement = meeting.media_placement.unwrap();
            return Ok(json!({
                "MeetingId": meeting.meeting_id,
                "ExternalMeetingId": meeting.external_meeting_id,
                "MediaRegion": meeting.media_region,
                "MediaPlacement": {
                    "AudioFallbackUrl": placement.audio_fallback_url,
                    "AudioHostUrl": placement.audio_host_url,
                    "EventIngestionUrl": placement.event_ingestion_url,
                    "ScreenDataUrl": placement.screen_data_url,
                    "ScreenSharingUrl": placement.screen_sharing_url,
                    "ScreenViewingUrl": placement.screen_viewing_url,
                    "SignalingUrl": placement.signaling_url,
                    "TurnControlUrl": placement.turn_control_url,
                },
            }));
        }
        Err(error) => error.into_service_error(),
    };
    let (name, code, message) = match error {
        CreateMeetingError::BadRequestException(e) => ("BadRequestException", e.code, e.message),
        CreateMeetingError::ResourceLimitExceededException(e) => {
            ("ResourceLimitExceededException", e.code, e.message)
        }
        CreateMeetingError::UnauthorizedClientException(e) => {
            ("UnauthorizedClientException", e.code, e.message)
        }
        CreateMeetingError::ForbiddenException(e) => ("ForbiddenException", e.code, e.message),
        CreateMeetingError::ThrottledClientException(e) => {
            ("ThrottledClientException", e.code, e.message)
        }
        CreateMeetingError::ServiceFailureException(e) => {
            ("ServiceFailureException", e.code, e.message)
        }
        CreateMeetingError::ServiceUnavailableException(e) => {
            ("ServiceUnavailableException", e.code, e.message)
        }
        other => panic!("{other:?}"),
    };
    Err((name.into(), code.unwrap().as_str().into(), message.unwrap()))
}
