use std::time::{SystemTime, UNIX_EPOCH};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnValuesOnConditionCheckFailure};
use lambda_http::request::RequestContext;
use lambda_http::{Body, Error, Request, RequestExt, Response};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct CreateMeetingRequest {
    client_request_token: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_meeting_id: Option<String>,
    #[serde(default = "default_region")]
    media_region: String,
}

fn default_region() -> String {
    "us-east-1".to_string()
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Item {
    account_id: String,
    #[serde(flatten)]
    request: CreateMeetingRequest,
    meeting_id: Uuid,
    media_placement: Value,
    created_at: u64,
    expires_at: u64,
}

pub(crate) async fn function_handler(
    client: &Client,
    event: Request,
) -> Result<Response<Body>, Error> {
    let request: CreateMeetingRequest = serde_json::from_slice(event.body())?;
    let token = &request.client_request_token;
    let allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !(2..=64).contains(&token.len()) || !token.chars().all(allowed) {
        return reply(400, json!({"Code": "BadRequest", "Message": "ClientRequestToken"}));
    }
    let account_id = match event.request_context() {
        RequestContext::ApiGatewayV1(context) => context.identity.account_id,
        _ => None,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let meeting_id = Uuid::new_v4();
    let item = Item {
        account_id: account_id.unwrap_or_else(|| "anonymous".to_string()),
        media_placement: media_placement(meeting_id, &request.media_region),
        request,
        meeting_id,
        created_at: now,
        expires_at: now + 24 * 60 * 60,
    };
    let written = client
        .put_item()
        .table_name("Meetings")
        .set_item(Some(serde_dynamo::to_item(&item)?))
        .condition_expression("attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now")
        .expression_attribute_values(":now", AttributeValue::N(now.to_string()))
        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
        .send()
        .await;
    let existing = match written.map_err(|error| error.into_service_error()) {
        Ok(_) => None,
        Err(PutItemError::ConditionalCheckFailedException(rejection)) => rejection.item,
        Err(error) => return Err(error.into()),
    };
    let item = match existing {
        Some(existing) => serde_dynamo::from_item(existing)?,
        None => item,
    };
    let meeting = json!({
        "MeetingId": item.meeting_id,
        "ExternalMeetingId": item.request.external_meeting_id,
        "MediaRegion": item.request.media_region,
        "MediaPlacement": item.media_placement,
    });
    reply(201, json!({ "Meeting": meeting }))
}

fn reply(status: u16, body: Value) -> Result<Response<Body>, Error> {
    let response = Response::builder().status(status).header("content-type", "application/json");
    Ok(response.body(body.to_string().into())?)
}

fn media_placement(id: Uuid, region: &str) -> Value {
    let at = format!("m1.{region}.media.example.com");
    let screen = format!("wss://bitpw.{at}:443/v2/screen/{id}");
    let viewer = format!("passcode=null&viewer_uuid=null&X-BitHub-Call-Id={id}");
    json!({
        "AudioFallbackUrl": format!("wss://haxrp.{at}:443/calls/{id}"),
        "AudioHostUrl": format!("{}.k.{at}:3478", id.simple()),
        "EventIngestionUrl":
            format!("https://data.svc.{region}.ingest.media.example.com/v1/client-events"),
        "ScreenDataUrl": screen,
        "ScreenSharingUrl": screen,
        "ScreenViewingUrl": format!("wss://bitpw.{at}:443/ws/connect?{viewer}"),
        "SignalingUrl": format!("wss://signal.{at}/control/{id}"),
        "TurnControlUrl": format!("https://ccp.cp.{region}.media.example.com/v2/turn_sessions"),
    })
}
