//! Runs the API within the process of a test, with the test's own clock, clients or telemetry. Also lists the API's
//! exceptions, with which tests compare responses.

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_dynamodb::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use create_meeting::api::Api;
use create_meeting::caller::AllowedCallers;
use create_meeting::chime_sdk::ChimeSdk;
use create_meeting::create_meeting::CreateMeeting;
use create_meeting::media_plane::MediaPlane;
use create_meeting::media_plane::chime_sdk_meetings::{ChimeSdkMeetings, TokenScope};
use create_meeting::media_plane::templates::Templates;
use create_meeting::relay::Relay;
use create_meeting::store::Store;

/// A media plane, and the operations that come with it.
pub type Media = (MediaPlane, Option<Relay>);

/// Credentials that every local service accepts.
#[must_use]
pub fn credentials() -> SharedCredentialsProvider {
    SharedCredentialsProvider::new(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
}

/// The API with this `DynamoDB` and this media plane. Anyone may call, and there is no daily limit.
#[must_use]
pub fn api(dynamodb: &SdkConfig, (media_plane, relay): Media) -> Api {
    let create_meeting = CreateMeeting {
        store: Store::new(dynamodb.into(), "Meetings".into()),
        media_plane,
        meeting_lifetime: Duration::from_hours(24),
        daily_limit: None,
    };
    Api { allowed_callers: AllowedCallers::Anyone, create_meeting, relay }
}

/// The media plane `templates`.
#[must_use]
pub fn templates() -> Media {
    (MediaPlane::Templates(Box::new(Templates::new("media.test"))), None)
}

/// The media plane `chime-sdk-meetings`, with this connection to the service at the URL `endpoint`.
#[must_use]
pub fn chime_sdk(
    connector: impl HttpConnector + 'static,
    endpoint: &str,
    token_window: Duration,
) -> Media {
    let region = "us-east-1".to_owned();
    let connector = SharedHttpConnector::new(connector);
    let client = Arc::new(ChimeSdk::new(connector, credentials(), region.clone(), endpoint));
    let relay = Relay::new(client.clone());
    let scope = TokenScope { region, table: "Meetings".into(), token_window };
    let media_plane = ChimeSdkMeetings::new(client, true, scope);
    (MediaPlane::ChimeSdkMeetings(Box::new(media_plane)), Some(relay))
}

/// The member `Code` and the status of the API's exception with this name, if there is one. They are listed here
/// independently, so that tests do not compare the API with itself.
#[must_use]
pub fn exception(name: &str) -> Option<(&'static str, u64)> {
    Some(match name {
        "BadRequestException" => ("BadRequest", 400),
        "ResourceLimitExceededException" => ("ResourceLimitExceeded", 400),
        "UnauthorizedClientException" => ("Unauthorized", 401),
        "ForbiddenException" => ("Forbidden", 403),
        "NotFoundException" => ("NotFound", 404),
        "MethodNotAllowedException" => ("MethodNotAllowed", 405),
        "UnprocessableEntityException" => ("Unprocessable", 422),
        "ThrottledClientException" => ("Throttled", 429),
        "ServiceFailureException" => ("ServiceFailure", 500),
        "ServiceUnavailableException" => ("ServiceUnavailable", 503),
        _ => return None,
    })
}
