//! The response and the item of a new meeting.

use aws_sdk_dynamodb::types::AttributeValue;
use local::chime_sdk::{Answer, Fault};
use serde_json::{Value, json};

use crate::support::{Chime, DynamoDb, Event, Function};

/// URLs in Amazon Chime's form, under `domain`.
fn placement(meeting_id: &str, region: &str, domain: &str) -> Value {
    let hex = meeting_id.replace('-', "");
    let screen = format!("wss://bitpw.m1.{region}.{domain}:443");
    json!({
        "AudioFallbackUrl": format!("wss://haxrp.m1.{region}.{domain}:443/calls/{meeting_id}"),
        "AudioHostUrl": format!("{hex}.k.m1.{region}.{domain}:3478"),
        "EventIngestionUrl": format!("https://data.svc.{region}.ingest.{domain}/v1/client-events"),
        "ScreenDataUrl": format!("{screen}/v2/screen/{meeting_id}"),
        "ScreenSharingUrl": format!("{screen}/v2/screen/{meeting_id}"),
        "ScreenViewingUrl": format!(
            "{screen}/ws/connect?passcode=null&viewer_uuid=null&X-BitHub-Call-Id={meeting_id}"
        ),
        "SignalingUrl": format!("wss://signal.m1.{region}.{domain}/control/{meeting_id}"),
        "TurnControlUrl": format!("https://ccp.cp.{region}.{domain}/v2/turn_sessions"),
    })
}

#[tokio::test]
async fn a_token_is_enough_to_create_a_meeting_in_us_east_1() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;

    let reply = function.invoke(&Event::create(&json!({"ClientRequestToken": "abc"}))).await;

    assert_eq!(reply.status, 201, "{reply:?}");
    let answer = reply.json();
    let id = answer["Meeting"]["MeetingId"].as_str().unwrap();
    let uuid = uuid::Uuid::parse_str(id).unwrap();
    assert_eq!((uuid.get_version_num(), uuid.hyphenated().to_string()), (4, id.to_owned()));
    let meeting = json!({
        "MeetingId": id,
        "MediaRegion": "us-east-1",
        "MediaPlacement": placement(id, "us-east-1", "media.example.com"),
    });
    assert_eq!(answer, json!({ "Meeting": meeting }));
    let headers: Vec<(&str, &str)> =
        reply.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let request_id = "5f3c1c3e-6a0b-4a55-9d0e-1f2a3b4c5d6e";
    assert_eq!(headers, [("content-type", "application/json"), ("x-amzn-requestid", request_id)]);
}

#[tokio::test]
async fn every_member_is_returned_or_stored() {
    let dynamodb = DynamoDb::start().await;
    let settings = [("MEDIA_DOMAIN", "chime.test"), ("MEETING_LIFETIME_SECONDS", "60")];
    let function = Function::start_with(&dynamodb, &settings).await;
    let before = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();

    let reply = function.invoke(&Event::rest().full()).await;

    let after = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();

    assert_eq!(reply.status, 201, "{reply:?}");
    let meeting = &reply.json()["Meeting"];
    let id = meeting["MeetingId"].as_str().unwrap();
    assert_eq!(meeting["ExternalMeetingId"], "all-hands-42");
    assert_eq!(meeting["MediaRegion"], "eu-central-1");
    assert_eq!(meeting["MediaPlacement"], placement(id, "eu-central-1", "chime.test"));
    assert_eq!(meeting.as_object().unwrap().len(), 4);

    let [item] = &dynamodb.items().await[..] else { panic!("one item") };
    let string = |value: &str| AttributeValue::S(value.into());
    let map = |members: &[(&str, &str)]| {
        let members = members.iter().map(|(name, value)| ((*name).into(), string(value)));
        AttributeValue::M(members.collect())
    };
    let mut item = item.clone();
    let AttributeValue::M(urls) = item.remove("Urls").unwrap() else { panic!("a map") };
    assert_eq!(
        urls["SignalingUrl"],
        string("wss://signal.m1.eu-central-1.chime.test/control/{id}")
    );
    assert_eq!(urls["AudioHostUrl"], string("{hex}.k.m1.eu-central-1.chime.test:3478"));
    for (member, url) in urls {
        let url = url.as_s().unwrap().replace("{id}", id).replace("{hex}", &id.replace('-', ""));
        assert_eq!(meeting["MediaPlacement"][member], url);
    }
    let AttributeValue::S(created_at) = item.remove("CreatedAt").unwrap() else { panic!("text") };
    assert!(created_at.starts_with("20") && created_at.ends_with('Z'), "{created_at}");
    let AttributeValue::N(expires_at) = item.remove("ExpiresAt").unwrap() else { panic!("number") };
    let created = expires_at.parse::<u64>().unwrap() - 60;
    // Rounded up, so that no meeting expires before its lifetime is over.
    assert!((before..=after + 1).contains(&created), "{before} <= {created} <= {after} + 1");
    let expected = [
        ("ClientRequestToken", string("rest-all-hands-2026-11-22")),
        ("AccountId", string("111122223333")),
        ("MeetingId", string(id)),
        ("MediaRegion", string("eu-central-1")),
        ("ExternalMeetingId", string("all-hands-42")),
        ("MeetingHostId", string("host-7")),
        (
            "NotificationsConfiguration",
            map(&[
                ("SnsTopicArn", "arn:aws:sns:eu-central-1:111122223333:meetings"),
                ("SqsQueueArn", "arn:aws:sqs:eu-central-1:111122223333:meetings"),
            ]),
        ),
        ("Tags", map(&[("team", "platform"), ("cost-center", "k-4711")])),
    ];
    assert_eq!(item, expected.into_iter().map(|(name, value)| (name.into(), value)).collect());
}

#[tokio::test]
async fn an_item_of_an_older_version_is_replayed_unchanged() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let event = Event::rest().full();
    let created = function.invoke(&event).await;
    let mut item = dynamodb.items().await.remove(0);
    item.remove("Urls").unwrap();
    let json = created.json();
    let urls = json["Meeting"]["MediaPlacement"].as_object().unwrap().iter();
    let urls =
        urls.map(|(name, url)| (name.clone(), AttributeValue::S(url.as_str().unwrap().into())));
    item.insert("MediaPlacement".into(), AttributeValue::M(urls.collect()));
    let put = dynamodb.client.put_item().table_name("Meetings").set_item(Some(item));
    put.send().await.unwrap();

    let replay = function.invoke(&event).await;

    assert!(replay.is_replay(), "{replay:?}");
    assert_eq!(replay.body, created.body);
}

#[tokio::test]
async fn a_url_that_contains_braces_is_stored_unchanged() {
    let (dynamodb, chime) = (DynamoDb::start().await, Chime::start().await);
    let function = chime.function(&dynamodb, &[]).await;
    let body = r#"{"Meeting": {"MeetingId": "1343fa41-6e0d-4862-9880-5d63982f39bc",
        "ExternalMeetingId": "standup", "MediaRegion": "us-east-1",
        "MediaPlacement": {"AudioHostUrl": "{hex}", "SignalingUrl": "wss://a/{id}"}}}"#;
    chime.service.set_faults([Fault::before(Answer::Raw(200, body))]);

    let created = function.invoke(&Event::rest()).await;
    let replay = function.invoke(&Event::rest()).await;

    assert_eq!(created.json()["Meeting"]["MediaPlacement"]["SignalingUrl"], "wss://a/{id}");
    assert_eq!((replay.is_replay(), replay.body), (true, created.body));
}
