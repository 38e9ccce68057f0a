//! `CreateMeeting` by hand: blocking, without an SDK, retries, logs, metrics or traces, and with
//! validation of the token only. This is the minimum cost of the work.

mod aws;
mod connection;

use std::env;
use std::error::Error;
use std::net::TcpStream;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use aws::Service;
use connection::Connection;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use uuid::Uuid;

/// The members read from API Gateway's event.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    body: String,
    request_context: RequestContext,
}

#[derive(Deserialize)]
struct RequestContext {
    identity: Identity,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    account_id: String,
}

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Result<()> {
    let at_once = env::var("AWS_LAMBDA_MAX_CONCURRENCY").map_or(Ok(1), |count| count.parse())?;
    thread::scope(|scope| {
        for _ in 1..at_once {
            scope.spawn(serve);
        }
        serve()
    })
}

fn serve() -> Result<()> {
    let mut dynamodb = Service::connect("dynamodb", "AWS_ENDPOINT_URL_DYNAMODB")?;
    let mut chime = if env::var("MEDIA_PLANE").is_ok_and(|plane| plane == "chime-sdk-meetings") {
        Some(Service::connect("chime", "AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS")?)
    } else {
        None
    };
    let address = env::var("AWS_LAMBDA_RUNTIME_API")?;
    let mut runtime_api = Connection::new(TcpStream::connect(&address)?)?;
    let mut call = |method: &str, path: &str, body: &[u8]| {
        let path = format!("/2018-06-01/runtime/invocation/{path}");
        runtime_api.call(method, &path, &[("host", &address)], body)
    };
    loop {
        let invocation = call("GET", "next", &[])?;
        let id = invocation.request_id.ok_or("the invocation has no ID")?;
        let event = serde_json::from_slice(&invocation.body)?;
        let (status, body) = create_meeting(event, &mut dynamodb, chime.as_mut())?;
        let headers = json!({"content-type": "application/json", "x-amzn-RequestId": id});
        let reply = json!({"statusCode": status, "headers": headers, "body": body.to_string()});
        call("POST", &format!("{id}/response"), reply.to_string().as_bytes())?;
    }
}

/// The status and the body of the response.
fn create_meeting(
    event: Event,
    dynamodb: &mut Service,
    chime: Option<&mut Service>,
) -> Result<(u16, Value)> {
    let mut item: Value = serde_json::from_str(&event.body)?;
    let token = item["ClientRequestToken"].as_str().unwrap_or_default();
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    if !(2..=64).contains(&token.len()) || !token.bytes().all(allowed) {
        return Ok((400, json!({"Code": "BadRequest", "Message": "ClientRequestToken"})));
    }
    if item["MediaRegion"].is_null() {
        item["MediaRegion"] = "us-east-1".into();
    }
    item["AccountId"] = event.request_context.identity.account_id.into();
    let mut proposed = match chime {
        None => place(&Uuid::new_v4(), item["MediaRegion"].as_str().unwrap_or_default()),
        Some(chime) => {
            if let Some(existing) = get(dynamodb, &item)? {
                return Ok((201, meeting(&existing)));
            }
            propose(chime, &item)?
        }
    };
    for member in ["MeetingId", "MediaPlacement"] {
        item[member] = proposed[member].take();
    }
    let existing = put(dynamodb, &mut item)?;
    Ok((201, meeting(existing.as_ref().unwrap_or(&item))))
}

/// The response for an item.
fn meeting(item: &Value) -> Value {
    let members = ["MeetingId", "ExternalMeetingId", "MediaRegion", "MediaPlacement"];
    let given = members.into_iter().filter_map(|name| Some((name.into(), item.get(name)?.clone())));
    json!({"Meeting": given.collect::<Map<_, _>>()})
}

/// The item with the same key, if there is one.
fn get(dynamodb: &mut Service, item: &Value) -> Result<Option<Value>> {
    let request = json!({
        "TableName": "Meetings",
        "Key": {
            "ClientRequestToken": aws::attribute(&item["ClientRequestToken"]),
            "AccountId": aws::attribute(&item["AccountId"]),
        },
        "ConsistentRead": true,
        "ReturnConsumedCapacity": "TOTAL",
    });
    let (_, found) = dynamodb.post("/", Some("DynamoDB_20120810.GetItem"), &request)?;
    Ok(found.get("Item").map(aws::plain))
}

/// Writes the item, or returns the unexpired one with its key.
fn put(dynamodb: &mut Service, item: &mut Value) -> Result<Option<Value>> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    item["CreatedAt"] = aws::Date::of(now).extended().into();
    item["ExpiresAt"] = (now + 24 * 60 * 60).into();
    let request = json!({
        "TableName": "Meetings",
        "Item": aws::attribute(item)["M"].take(),
        "ConditionExpression": "attribute_not_exists(ClientRequestToken) OR ExpiresAt <= :now",
        "ExpressionAttributeValues": {":now": aws::attribute(&now.into())},
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        "ReturnConsumedCapacity": "TOTAL",
    });
    match dynamodb.post("/", Some("DynamoDB_20120810.PutItem"), &request)? {
        (200, _) => Ok(None),
        (status, rejection) => match rejection.get("Item") {
            Some(existing) => Ok(Some(aws::plain(existing))),
            None => Err(format!("{status} {rejection}").into()),
        },
    }
}

/// A meeting of the Amazon Chime SDK.
fn propose(chime: &mut Service, item: &Value) -> Result<Value> {
    let request = json!({
        "ClientRequestToken": aws::sha256(item.to_string().as_bytes()),
        "ExternalMeetingId": item["ExternalMeetingId"],
        "MediaRegion": item["MediaRegion"],
    });
    match chime.post("/meetings", None, &request)? {
        (200, mut created) => Ok(created["Meeting"].take()),
        (status, rejection) => Err(format!("{status} {rejection}").into()),
    }
}

/// A meeting under the operator's domain.
fn place(id: &Uuid, region: &str) -> Value {
    let at = format!("m1.{region}.media.example.com");
    let screen = format!("wss://bitpw.{at}:443/v2/screen/{id}");
    let viewer = format!("passcode=null&viewer_uuid=null&X-BitHub-Call-Id={id}");
    let ingestion = format!("https://data.svc.{region}.ingest.media.example.com/v1/client-events");
    let turn = format!("https://ccp.cp.{region}.media.example.com/v2/turn_sessions");
    json!({
        "MeetingId": id,
        "MediaPlacement": {
            "AudioFallbackUrl": format!("wss://haxrp.{at}:443/calls/{id}"),
            "AudioHostUrl": format!("{}.k.{at}:3478", id.simple()),
            "EventIngestionUrl": ingestion,
            "ScreenDataUrl": screen,
            "ScreenSharingUrl": screen,
            "ScreenViewingUrl": format!("wss://bitpw.{at}:443/ws/connect?{viewer}"),
            "SignalingUrl": format!("wss://signal.{at}/control/{id}"),
            "TurnControlUrl": turn,
        },
    })
}
