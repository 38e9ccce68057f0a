//! The settings of the media plane are checked before the first event.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use aws_sdk_dynamodb::primitives::DateTime;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{Chime, DynamoDb, Event, Function, program};

const PLANE: (&str, &str) = ("MEDIA_PLANE", "chime-sdk-meetings");

async fn check(settings: &[(&str, &str)]) -> Result<(), String> {
    let mut command = program::create_meeting().await;
    let output = command.arg("--check").envs(settings.iter().copied()).output().await.unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    if output.status.success() { Ok(()) } else { Err(error) }
}

#[tokio::test]
async fn startup_fails_on_settings_that_are_invalid_for_the_media_plane() {
    for (settings, why) in [
        (
            &[("MEDIA_PLANE", "chime")][..],
            r#"MEDIA_PLANE must be templates or chime-sdk-meetings, got "chime""#,
        ),
        (
            &[PLANE, ("MEDIA_DOMAIN", "media.test")],
            r#"MEDIA_DOMAIN must be unset when MEDIA_PLANE is chime-sdk-meetings, got "media.test""#,
        ),
        (
            &[PLANE, ("MEETING_LIFETIME_SECONDS", "69")],
            r#"MEETING_LIFETIME_SECONDS must be at least 70 when MEDIA_PLANE is chime-sdk-meetings, got "69""#,
        ),
        (
            &[PLANE, ("MEDIA_CONTROL_REGION", "us west")],
            "MEDIA_CONTROL_REGION must be an AWS Region",
        ),
        (
            &[PLANE, ("MEDIA_CONTROL_REGION", "eu-west-1")],
            "us-west-2; eu-west-1 has no such service",
        ),
        (
            &[PLANE, ("AWS_REGION", "eu-west-1")],
            "MEDIA_CONTROL_REGION (by default AWS_REGION) must",
        ),
        (
            &[PLANE, ("MEDIA_CONTROL_REGION", "af-south-1")],
            "us-west-2; af-south-1 cannot host meetings in all media Regions",
        ),
        (&[PLANE, ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", "x")], "must be an http or https URL"),
        (
            &[PLANE, ("CHIME_SDK_NOTIFICATIONS", "1")],
            "CHIME_SDK_NOTIFICATIONS must be true or false",
        ),
        (
            &[PLANE, ("AWS_USE_FIPS_ENDPOINT", "true"), ("MEDIA_CONTROL_REGION", "eu-central-1")],
            "only ca-central-1, us-east-1, us-west-2 have a FIPS endpoint",
        ),
        (
            &[
                PLANE,
                ("AWS_USE_FIPS_ENDPOINT", "true"),
                ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", "https://chime.test"),
            ],
            "AWS_USE_FIPS_ENDPOINT must be false or unset when the endpoint is https://chime.test",
        ),
    ] {
        let error = check(settings).await.unwrap_err();
        assert!(error.starts_with("startup failed: ") && error.contains(why), "{why}: {error}");
    }
}

#[tokio::test]
async fn valid_settings_are_accepted() {
    for settings in [
        &[PLANE][..],
        &[("MEDIA_PLANE", "templates"), ("MEDIA_CONTROL_REGION", "nowhere")],
        &[PLANE, ("MEDIA_DOMAIN", ""), ("MEDIA_CONTROL_REGION", "")],
        &[PLANE, ("AWS_REGION", "eu-west-1"), ("MEDIA_CONTROL_REGION", "eu-central-1")],
        &[PLANE, ("MEETING_LIFETIME_SECONDS", "70")],
        &[PLANE, ("ALLOWED_ACCOUNT_IDS", "111122223333,444455556666")],
        &[PLANE, ("REQUIRE_IAM_CALLER", "true")],
        &[PLANE, ("ALLOWED_ACCOUNT_IDS", "111122223333"), ("REQUIRE_IAM_CALLER", "true")],
        &[PLANE, ("REQUIRE_IAM_CALLER", "false")],
        &[PLANE, ("AWS_USE_FIPS_ENDPOINT", "true"), ("AWS_USE_DUALSTACK_ENDPOINT", "true")],
    ] {
        check(settings).await.unwrap();
    }
}

#[tokio::test]
async fn the_service_specific_endpoint_overrides_the_global_one() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let endpoint = chime.service.endpoint();
    for (of_chime, of_all, status) in [
        (&*endpoint, "http://127.0.0.1:9", 201),
        ("", &endpoint, 201),
        ("http://127.0.0.1:9", &endpoint, 503),
    ] {
        let settings = [
            PLANE,
            ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", of_chime),
            ("AWS_ENDPOINT_URL", of_all),
        ];
        let function = Function::start_with(&dynamodb, &settings).await;
        let reply = function.invoke(&Event::rest()).await;
        assert_eq!(reply.status, status, "{settings:?}: {reply:?}");
        dynamodb.expire().await;
    }
}

#[tokio::test]
async fn credentials_from_a_url_are_cached_until_they_expire() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let issued = Arc::new(AtomicUsize::new(0));
    let counted = issued.clone();
    let credentials = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        let expiration = DateTime::from(SystemTime::now() + Duration::from_hours(1));
        std::future::ready(Json(json!({
            "AccessKeyId": "AKIDEXAMPLE",
            "SecretAccessKey": "secret",
            "Token": "token",
            "Expiration": expiration.to_string(),
        })))
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url = format!("http://{}/credentials", listener.local_addr().unwrap());
    let router = Router::new().route("/credentials", get(credentials));
    tokio::spawn(async { axum::serve(listener, router).await });
    let endpoint = chime.service.endpoint();
    let mut command = program::create_meeting().await;
    command.env_remove("AWS_ACCESS_KEY_ID").env_remove("AWS_SECRET_ACCESS_KEY").envs([
        PLANE,
        ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", &*endpoint),
        ("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*url),
    ]);
    let function = Function::spawn(&mut command).await;

    for token in ["one", "two", "three"] {
        let event = Event::create(&json!({"ClientRequestToken": token}));
        assert_eq!(function.invoke(&event).await.status, 201);
    }

    // One for each of the two services.
    assert_eq!(issued.load(Ordering::Relaxed), 2);
    for request in chime.service.take_requests() {
        assert_eq!(request.headers["x-amz-security-token"], "token");
    }
}
