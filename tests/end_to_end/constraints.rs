//! Every constraint of the API reference, at and beyond its bounds, and bodies that are not
//! requests.

use serde_json::{Value, json};

use crate::support::{DynamoDb, Event, Function};

const AT_LEAST_1: &str = "have length greater than or equal to 1";
const AT_LEAST_2: &str = "have length greater than or equal to 2";
const AT_MOST_64: &str = "have length less than or equal to 64";
const TOKEN_PATTERN: &str = "satisfy regular expression pattern: [-_a-zA-Z0-9]*";
const ARN_PATTERN: &str = r"satisfy regular expression pattern: ^arn[\/\:\-\_\.a-zA-Z0-9]+$";
const TOPIC: &str = "be the ARN of an SNS topic: arn:partition:sns:region:account:name";
const QUEUE: &str = "be the ARN of an SQS queue: arn:partition:sqs:region:account:name";
const STRING: &str = "be a string";
const UNICODE: &str = "be Unicode text";
const NOT_NULL: &str = "not be null";

/// The media Regions of the API reference.
pub const REGIONS: [&str; 18] = [
    "af-south-1",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-south-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

/// A violated constraint: the path of the value, and what the value must satisfy.
type Violation<'a> = (&'a str, &'a str);

/// Asserts that each request violates exactly these constraints; without any, it creates a meeting.
async fn expect(cases: Vec<(Value, &[Violation<'_>])>) {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let valid = cases.iter().filter(|(_, violations)| violations.is_empty()).count();
    for (number, (mut request, violations)) in cases.into_iter().enumerate() {
        let members = request.as_object_mut().unwrap();
        members.entry("ClientRequestToken").or_insert(json!(format!("token-{number}")));

        let reply = function.invoke(&Event::create(&request)).await;

        if violations.is_empty() {
            assert_eq!((reply.status, reply.is_replay()), (201, false), "{request}: {reply:?}");
        } else {
            assert_eq!(reply.status, 400, "{request}");
            assert_eq!(reply.headers["x-amzn-errortype"], "BadRequestException");
            assert_eq!(reply.message(), message(violations), "{request}");
        }
    }
    assert_eq!(dynamodb.items().await.len(), valid, "rejected requests are not written");
}

fn message(violations: &[Violation]) -> String {
    let plural = if violations.len() == 1 { "" } else { "s" };
    let each: Vec<String> = violations
        .iter()
        .map(|(path, must)| {
            format!("Value at '{path}' failed to satisfy constraint: Member must {must}")
        })
        .collect();
    format!("{} validation error{plural} detected: {}", violations.len(), each.join("; "))
}

fn repeat(length: usize) -> String {
    "x".repeat(length)
}

#[tokio::test]
async fn client_request_token() {
    let at = "clientRequestToken";
    let token = |token: Value| json!({ "ClientRequestToken": token });
    expect(vec![
        (token(json!(repeat(2))), &[]),
        (token(json!(repeat(64))), &[]),
        (token(json!("-_azAZ09")), &[]),
        (token(json!("x")), &[(at, AT_LEAST_2)]),
        (token(json!("")), &[(at, AT_LEAST_2)]),
        (token(json!(repeat(65))), &[(at, AT_MOST_64)]),
        (token(json!("a b")), &[(at, TOKEN_PATTERN)]),
        (token(json!("ab\n")), &[(at, TOKEN_PATTERN)]),
        (token(json!("é")), &[(at, AT_LEAST_2), (at, TOKEN_PATTERN)]),
        (token(json!("é".repeat(64))), &[(at, TOKEN_PATTERN)]),
        (token(json!(null)), &[(at, NOT_NULL)]),
        (token(json!(12)), &[(at, STRING)]),
        (token(json!({"a": []})), &[(at, STRING)]),
    ])
    .await;
}

#[tokio::test]
async fn external_meeting_id_and_meeting_host_id() {
    for (member, at) in
        [("ExternalMeetingId", "externalMeetingId"), ("MeetingHostId", "meetingHostId")]
    {
        let id = |id: Value| json!({ member: id });
        expect(vec![
            (id(json!(null)), &[]),
            (id(json!(repeat(2))), &[]),
            (id(json!(repeat(64))), &[]),
            (id(json!("  ")), &[]),
            (id(json!("\u{0}\u{10ffff}")), &[]),
            // Lengths are in Unicode scalar values, not in bytes or grapheme clusters.
            (id(json!("📅".repeat(64))), &[]),
            (id(json!("e\u{301}")), &[]),
            (id(json!("x")), &[(at, AT_LEAST_2)]),
            (id(json!("📅")), &[(at, AT_LEAST_2)]),
            (id(json!("")), &[(at, AT_LEAST_2)]),
            (id(json!(repeat(65))), &[(at, AT_MOST_64)]),
            (id(json!("📅".repeat(65))), &[(at, AT_MOST_64)]),
            (id(json!(true)), &[(at, STRING)]),
            (id(json!(["ab"])), &[(at, STRING)]),
        ])
        .await;
    }
}

#[tokio::test]
async fn missing_members_and_invalid_unicode_are_reported() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for (body, violations) in [
        ("{}", &[("clientRequestToken", NOT_NULL)][..]),
        (
            r#"{"ClientRequestToken": "\ud800", "MeetingHostId": "host \udc00"}"#,
            &[("clientRequestToken", UNICODE), ("meetingHostId", UNICODE)],
        ),
    ] {
        let reply = function.invoke(&Event::create(&json!({})).body(body)).await;
        assert_eq!((reply.status, reply.message()), (400, message(violations)));
    }
}

#[tokio::test]
async fn media_region() {
    let at = "mediaRegion";
    let known = format!("satisfy enum value set: [{}]", REGIONS.join(", "));
    let (unknown, mistyped) = ([(at, known.as_str())], [(at, STRING)]);
    let region = |region: Value| json!({ "MediaRegion": region });
    let mut cases: Vec<(Value, &[Violation])> = Vec::new();
    cases.extend(REGIONS.map(|name| (region(json!(name)), &[][..])));
    for name in ["", "us-east-9", "US-EAST-1", " us-east-1"] {
        cases.push((region(json!(name)), &unknown));
    }
    cases.push((region(json!(1)), &mistyped));
    expect(cases).await;
}

#[tokio::test]
async fn notifications_configuration() {
    let at = "notificationsConfiguration";
    let configuration = |value: Value| json!({ "NotificationsConfiguration": value });
    expect(vec![
        (configuration(json!({})), &[]),
        (configuration(json!(null)), &[]),
        (configuration(json!({"SnsTopicArn": null, "Unknown": 1})), &[]),
        (configuration(json!([])), &[(at, "be an object")]),
        (configuration(json!("arn")), &[(at, "be an object")]),
    ])
    .await;

    for (member, at, service, form) in [
        ("SnsTopicArn", "notificationsConfiguration.snsTopicArn", "sns", TOPIC),
        ("SqsQueueArn", "notificationsConfiguration.sqsQueueArn", "sqs", QUEUE),
    ] {
        let other = if service == "sns" { "sqs" } else { "sns" };
        let base = format!("arn:aws:{service}:us-east-1:111122223333:");
        let longest = format!("{base}{}", repeat(1024 - base.len()));
        let arn = |arn: &str| configuration(json!({ member: arn }));
        let malformed: &[Violation] = &[(at, form)];
        expect(vec![
            (arn(&format!("{base}name")), &[]),
            (arn(&format!("{base}name.fifo")), &[]),
            (arn(&format!("arn:aws-cn:{service}:cn-north-1:111122223333:name")), &[]),
            (arn(&format!("arn:aws-us-gov:{service}:us-gov-west-1:111122223333:name")), &[]),
            (arn(&longest), &[]),
            (arn(&format!("{longest}x")), &[(at, "have length less than or equal to 1024")]),
            (arn(""), &[(at, AT_LEAST_1), (at, ARN_PATTERN)]),
            (arn("arn"), &[(at, ARN_PATTERN)]),
            (arn("https://queue.test/name"), &[(at, ARN_PATTERN)]),
            (arn(&format!("{base}na me")), &[(at, ARN_PATTERN)]),
            (arn(&format!(" {base}name")), &[(at, ARN_PATTERN)]),
            (arn("arn:"), malformed),
            (arn(&base), malformed),
            (arn(&format!("{base}name:subscription")), malformed),
            (arn(&format!("{base}name/child")), malformed),
            (arn(&format!("arn:aws:{other}:us-east-1:111122223333:name")), malformed),
            (arn(&format!("arn:aws:{service}:us-east-1:11112222333:name")), malformed),
            (arn(&format!("arn:aws:{service}::111122223333:name")), malformed),
            (arn(&format!("arn:other:{service}:us-east-1:111122223333:name")), malformed),
            (configuration(json!({ member: 1 })), &[(at, STRING)]),
        ])
        .await;
    }
}

#[tokio::test]
async fn tags() {
    let tags = |tags: Value| json!({ "Tags": tags });
    let one = |key: Value, value: Value| json!({"Tags": [{"Key": key, "Value": value}]});
    let many = |count: usize| -> Value {
        (0..count).map(|n| json!({"Key": format!("key-{n}"), "Value": "value"})).collect()
    };
    let last_without_key = |count: usize| {
        let mut tags = many(count);
        tags[count - 1]["Key"] = json!("");
        tags
    };
    let too_many = ("tags", "have length less than or equal to 50");
    let key = "tags.1.member.key";
    let value = "tags.1.member.value";
    expect(vec![
        (tags(json!(null)), &[]),
        (tags(many(1)), &[]),
        (tags(many(50)), &[]),
        (tags(many(51)), &[too_many]),
        (tags(last_without_key(50)), &[("tags.50.member.key", AT_LEAST_1)]),
        (
            tags(last_without_key(51)),
            &[too_many, ("tags.51.member.key", AT_LEAST_1)],
        ),
        (
            tags(last_without_key(1000)),
            &[too_many, ("tags.1000.member.key", AT_LEAST_1)],
        ),
        // No more than 1,000 tags are checked.
        (tags(last_without_key(1001)), &[too_many]),
        (tags(json!([])), &[("tags", AT_LEAST_1)]),
        (tags(json!({})), &[("tags", "be an array")]),
        (tags(json!("a")), &[("tags", "be an array")]),
        (tags(json!([null])), &[("tags.1.member", NOT_NULL)]),
        (tags(json!([["a", "b"]])), &[("tags.1.member", "be an object")]),
        (one(json!("k"), json!("v")), &[]),
        (one(json!("🔑".repeat(128)), json!("💰".repeat(256))), &[]),
        (one(json!(repeat(129)), json!("v")), &[(key, "have length less than or equal to 128")]),
        (one(json!("k"), json!(repeat(257))), &[(value, "have length less than or equal to 256")]),
        (one(json!(""), json!("")), &[(key, AT_LEAST_1), (value, AT_LEAST_1)]),
        (one(json!(null), json!(null)), &[(key, NOT_NULL), (value, NOT_NULL)]),
        (one(json!(1), json!(false)), &[(key, STRING), (value, STRING)]),
        (tags(json!([{}])), &[(key, NOT_NULL), (value, NOT_NULL)]),
        (one(json!("aws:"), json!("v")), &[(key, "not begin with \"aws:\" (case-insensitive)")]),
        (one(json!("AwS:x"), json!("v")), &[(key, "not begin with \"aws:\" (case-insensitive)")]),
        (one(json!("aws"), json!("v")), &[]),
        (one(json!("awé:"), json!("v")), &[]),
        (
            tags(json!([{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "1"}])),
            &[],
        ),
        (
            tags(json!([{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "1"}, {"Key": "a", "Value": "1"}])),
            &[("tags.3.member.key", "be unique")],
        ),
        (
            tags(json!([{"Value": "1"}, {"Value": "1"}])),
            &[("tags.1.member.key", NOT_NULL), ("tags.2.member.key", NOT_NULL)],
        ),
    ])
    .await;
}

#[tokio::test]
async fn one_response_names_every_violation_but_no_value() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let secret = "s3cr3t";
    let request = json!({
        "ClientRequestToken": format!("{secret} {}", repeat(64)),
        "ExternalMeetingId": secret.repeat(11),
        "MediaRegion": secret,
        "MeetingHostId": {"x": secret},
        "NotificationsConfiguration": {"SnsTopicArn": secret, "SqsQueueArn": format!("arn:{secret}")},
        "Tags": [{"Key": "ok", "Value": secret}, {"Key": format!("aws:{secret}"), "Value": secret.repeat(43)}],
    });

    let reply = function.invoke(&Event::create(&request)).await;

    let message = reply.message();
    assert!(message.starts_with("9 validation errors detected: "), "{message}");
    for path in [
        "clientRequestToken",
        "externalMeetingId",
        "mediaRegion",
        "meetingHostId",
        "notificationsConfiguration.snsTopicArn",
        "notificationsConfiguration.sqsQueueArn",
        "tags.2.member.key",
        "tags.2.member.value",
    ] {
        assert!(message.contains(&format!("Value at '{path}' failed")), "{path}: {message}");
    }
    let output = function.process.stop().await;
    assert!(!reply.body.contains(secret) && !output.contains(secret), "{reply:?}\n{output}");
}

#[tokio::test]
async fn a_body_that_is_not_a_json_object_is_rejected_with_the_position() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let create = Event::create(&json!({}));
    for (body, why) in [
        ("", "must be a JSON object, but is empty"),
        (" \n", "must be a JSON object, but is empty"),
        ("null", "must be a JSON object."),
        ("\"s3cr3t\"", "must be a JSON object."),
        (r#"["s3cr3t"]"#, "must be a JSON object."),
        ("\u{feff}{}", "must be a JSON object."),
        (r#"{"ClientRequestToken": "s3cr3t"#, "EOF while parsing a string at line 1 column 30"),
        ("{\"ClientRequestToken\":\n\"s3cr3t\",}", "trailing comma at line 2 column 10"),
        (r#"{"ClientRequestToken": "s3cr3t"} {}"#, "trailing characters at line 1 column 34"),
        (r#"{"ClientRequestToken": s3cr3t}"#, "expected value at line 1 column 24"),
        (
            r#"{"ClientRequestToken": "s3cr3t", "ClientRequestToken": "s3cr3t"}"#,
            "duplicate field `ClientRequestToken` at line 1 column 53",
        ),
    ] {
        let reply = function.invoke(&create.clone().body(body)).await;
        assert_eq!(reply.status, 400, "{body}");
        let message = reply.message();
        assert!(message.contains(why) && !message.contains("s3cr3t"), "{body}: {message}");
    }
    let base64 = |body: &str| create.clone().body(body).set("/isBase64Encoded", json!(true));
    let reply = function.invoke(&base64("/w==")).await;
    assert!(reply.message().contains("must be valid UTF-8"), "{reply:?}");
    let reply = function.invoke(&base64("{}")).await;
    assert!(reply.message().contains("not valid Base64"), "{reply:?}");
    let reply = function.invoke(&create.set("/body", json!(null))).await;
    assert!(reply.message().contains("but is empty"), "{reply:?}");
    assert_eq!(dynamodb.take_requests(), 0);
}

#[tokio::test]
async fn duplicate_members_are_rejected_if_they_are_known() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let create = Event::create(&json!({}));
    for (body, violation) in [
        (
            r#"{"ClientRequestToken": "token", "Tags": [{"Key": "a", "Key": "a", "Value": "b"}]}"#,
            "Value at 'tags.1.member' failed to satisfy constraint: Member must not contain \
             duplicate keys",
        ),
        (
            r#"{"ClientRequestToken": "token", "NotificationsConfiguration": {"SnsTopicArn": null, "SnsTopicArn": null}}"#,
            "Value at 'notificationsConfiguration' failed to satisfy constraint: Member must not \
             contain duplicate keys",
        ),
    ] {
        let reply = function.invoke(&create.clone().body(body)).await;
        assert_eq!(reply.status, 400, "{body}");
        assert!(reply.message().contains(violation), "{body}: {}", reply.message());
    }
    let body = r#"{"ClientRequestToken": "token", "TenantIds": [], "TenantIds": {"x": 1e999}}"#;
    assert_eq!(function.invoke(&create.body(body)).await.status, 201);
}
