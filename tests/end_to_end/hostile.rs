//! Anything a client can send gets a reply. Events that no client can cause fail the invocation.

use serde_json::{Value, json};

use crate::support::{DynamoDb, Event, Function, Reply};

/// Contents of JSON strings: invalid hosts, non-ASCII headers, lone surrogates, and text that
/// breaks lines, paths and parsers.
const TEXTS: [&str; 20] = [
    "",
    " ",
    r"\u0000",
    r"\u007f",
    r"\ud800",
    r"\udc00\ud800",
    r"\u00e9",
    "é 📅",
    "a b",
    "a:99999",
    "a:b:c",
    "[::1",
    "https, http",
    r"a\r\nx-injected: b",
    "%",
    "%zz%00%ff",
    "../../etc/passwd",
    "://?#@",
    "//",
    r#"{\"a\": 1}"#,
];

const MARK: &str = "to be replaced";

/// The reply to the event with [`MARK`] replaced by the raw `text`.
async fn invoke(function: &Function, event: &Event, text: &str) -> Reply {
    let marked = event.0.to_string();
    assert!(marked.contains(MARK), "{marked}");
    let outcome = function.invoke_raw(marked.replace(MARK, text)).await;
    let reply = Reply::from(outcome.unwrap_or_else(|error| panic!("{text} got {error}")));
    reply.assert_modelled();
    reply
}

#[tokio::test]
async fn every_header_value_gets_a_response() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let long = "x".repeat(100_000);
    for text in TEXTS.into_iter().chain([long.as_str()]) {
        for mut event in Event::of_each_source() {
            let headers = event.0["headers"].as_object_mut().unwrap();
            let is_content_type = |name: &str| name.eq_ignore_ascii_case("content-type");
            for (_, value) in headers.iter_mut().filter(|(name, _)| !is_content_type(name)) {
                *value = json!(MARK);
            }
            for name in ["cookie", "origin", "x-amzn-requestid", "expect", MARK] {
                headers.insert(name.into(), json!(MARK));
            }
            event.0["multiValueHeaders"] = json!({"host": [MARK, MARK], MARK: []});

            let reply = invoke(&function, &event, text).await;

            assert_eq!(reply.status, 201, "{text}: {reply:?}");
        }
        let event = Event::rest().set("/headers/Content-Type", json!(MARK));
        let status = if text.trim().is_empty() { 201 } else { 400 };
        assert_eq!(invoke(&function, &event, text).await.status, status, "{text}");
    }
}

#[tokio::test]
async fn headers_may_have_any_shape() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for headers in [
        json!(null),
        json!({}),
        json!({"Host": null, "Content-Type": null}),
        json!({"Host": ["a"], "Content-Type": ["text/plain", "application/json"]}),
        json!({"Content-Type": []}),
        json!({"Content-Type": {"a": 1}, "Host": 1, "": true}),
    ] {
        for member in ["headers", "multiValueHeaders"] {
            let mut event = Event::rest();
            event.0["headers"] = json!(null);
            event.0["multiValueHeaders"] = json!(null);
            event.0[member] = headers.clone();
            let reply = function.invoke(&event).await;
            assert_eq!(reply.status, 201, "{headers}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn every_path_method_and_query_gets_a_response() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for text in TEXTS {
        for (event, pointer, status) in [
            (Event::rest(), "/path", 201),
            (Event::rest(), "/requestContext/extendedRequestId", 201),
            (Event::rest(), "/httpMethod", 405),
            (Event::rest(), "/queryStringParameters", 201),
            (Event::rest(), "/requestContext/identity/userAgent", 201),
            (Event::rest(), "/requestContext/protocol", 201),
            (Event::rest(), "/requestContext/path", 201),
            (Event::rest(), "/requestContext/requestId", 201),
            (Event::http(), "/rawPath", 201),
            (Event::http(), "/rawQueryString", 201),
            (Event::http(), "/requestContext/http/method", 405),
            (Event::http(), "/requestContext/http/path", 201),
            (Event::http(), "/requestContext/http/protocol", 201),
            (Event::url(), "/rawPath", 404),
            (Event::url(), "/rawQueryString", 201),
            (Event::url(), "/requestContext/http/method", 405),
            (Event::url(), "/requestContext/http/userAgent", 201),
            (Event::url(), "/requestContext/requestId", 201),
        ] {
            let event = event.set(pointer, json!(MARK));
            let reply = invoke(&function, &event, text).await;
            assert_eq!(reply.status, status, "{pointer}: {text}: {reply:?}");
        }
        let mut event = Event::http();
        event.0["cookies"] = json!([MARK, MARK]);
        event.0["queryStringParameters"] = json!({MARK: MARK});
        event.0["pathParameters"] = json!({MARK: MARK});
        assert_eq!(invoke(&function, &event, text).await.status, 201, "{text}");
    }
}

#[tokio::test]
async fn every_body_gets_a_response() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for text in TEXTS {
        let bare = Event::create(&json!({})).body(MARK);
        assert_eq!(invoke(&function, &bare, text).await.status, 400, "{text}");
        let base64 = bare.set("/isBase64Encoded", json!(true));
        assert_eq!(invoke(&function, &base64, text).await.status, 400, "{text}");
    }
    let open = |bracket: &str| bracket.repeat(100_000);
    let token = r#""ClientRequestToken": "token""#;
    for (body, why) in [
        // Nesting: ignored in unknown members, rejected where the type is wrong.
        (format!(r#"{{{token}, "Unknown": {}{}}}"#, open("["), open("]")), None),
        (format!(r#"{{{token}, "Tags": [{}1{}]}}"#, open("["), open("]")), Some("be an object")),
        (
            format!(r#"{{{token}, "MediaRegion": {}1{}}}"#, open(r#"{"a":"#), open("}")),
            Some("be a string"),
        ),
        (open("["), Some("must be a JSON object")),
        (open(r#"{"a":"#), Some("EOF while parsing")),
        // Lone surrogates, which are valid JSON but not Unicode.
        (r#"{"ClientRequestToken": "\ud800"}"#.into(), Some("be Unicode text")),
        (r#"{"ClientRequestToken": "token", "\ud800": 1}"#.into(), Some("cannot be parsed")),
        (r#"{"ClientRequestToken": "token", "Unknown": "\ud800"}"#.into(), None),
        // Characters that are allowed in text.
        (r#"{"ClientRequestToken": "nul", "ExternalMeetingId": "\u0000\u0000"}"#.into(), None),
        (r#"{"ClientRequestToken": "bom", "ExternalMeetingId": "\ufeff\u2028"}"#.into(), None),
        (format!("\u{feff}{{{token}}}"), Some("must be a JSON object")),
        // Numbers beyond any type.
        (format!(r#"{{{token}, "Unknown": 1e999, "Other": -{}}}"#, "9".repeat(400)), None),
        (r#"{"ClientRequestToken": 1e999}"#.into(), Some("be a string")),
        (format!(r#"{{{token}, "Unknown": 1e}}"#), Some("invalid number")),
        // Duplicate members, even if escaped differently.
        (format!("{{{token}, {token}}}"), Some("duplicate field `ClientRequestToken`")),
        (
            format!(r#"{{{token}, "ClientRequest\u0054oken": null}}"#),
            Some("duplicate field `ClientRequestToken`"),
        ),
        // At and beyond Lambda's limit: "Lambda quotas" in its developer guide.
        (format!(r#"{{{token}, "Unknown": "{}"}}"#, "x".repeat(6 << 20)), None),
        (format!(r#"{{{token}, "Unknown": "{}"}}"#, "x".repeat(20 << 20)), None),
        (
            format!(r#"{{"ClientRequestToken": "{}"}}"#, "x".repeat(6 << 20)),
            Some("have length less than or equal to 64"),
        ),
        (
            format!(r#"{{{token}, "Tags": [{}1]}}"#, "{},".repeat(2 << 20)),
            Some("have length less than or equal to 50"),
        ),
        (format!("{{{}}}", r#""a":1,"#.repeat(1 << 20)), Some("cannot be parsed")),
    ] {
        let reply = function.invoke(&Event::create(&json!({})).body(&body)).await;
        reply.assert_modelled();
        let start: String = body.chars().take(100).collect();
        if let Some(why) = why {
            assert!(reply.message().contains(why), "{start}: {reply:?}");
            assert!(reply.body.len() < 1 << 20, "{start}: Lambda rejects replies over 6 MB");
        } else {
            assert_eq!(reply.status, 201, "{start}: {reply:?}");
        }
    }
    // A lone surrogate in the event itself, where it represents a broken character.
    let event = Event::create(&json!({"ClientRequestToken": "token", "Unknown": MARK}));
    assert!(invoke(&function, &event, r"\ud800").await.message().contains("must be valid UTF-8"));
}

#[tokio::test]
async fn text_is_returned_exactly_as_sent() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    for (number, text) in
        ["\0\0", "\u{7f}\u{1}", "\u{feff}\u{2028}", "  ", "\"\\", "é📅", "<&>", "\r\n"]
            .iter()
            .enumerate()
    {
        let token = format!("token-{number}");
        let request = json!({"ClientRequestToken": token, "ExternalMeetingId": text});
        for _ in ["creation", "replay"] {
            let reply = function.invoke(&Event::create(&request)).await;
            assert_eq!(reply.json()["Meeting"]["ExternalMeetingId"], *text, "{reply:?}");
        }
    }
}

#[tokio::test]
async fn a_non_http_event_fails_the_invocation_with_a_reason() {
    let dynamodb = DynamoDb::start().await;
    let function = Function::start(&dynamodb).await;
    let missing = "it has neither requestContext.http.method and rawPath (payload format 2.0) \
                   nor httpMethod and path (1.0)";
    let mistyped = "unexpected structure at line 1 column ";
    let rest = |pointer: &str, value: Value| Event::rest().set(pointer, value).0;
    let http = |pointer: &str, value: Value| Event::http().set(pointer, value).0;
    let record = json!({"eventSource": "aws:sqs", "messageId": "1", "body": "{}"});
    let schedule =
        json!({"version": "0", "source": "aws.events", "detail-type": "Scheduled Event"});
    for (event, why) in [
        (json!({"Records": [record]}), missing),
        (json!({"Records": [{"eventSource": "aws:s3", "s3": {"object": {"key": "a"}}}]}), missing),
        (json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "{}"}}]}), missing),
        (schedule, missing),
        (json!({"requestContext": {"routeKey": "$connect", "connectionId": "a"}}), missing),
        (json!({"requestContext": {"http": {"method": "POST"}}}), missing),
        (json!({"requestContext": {}, "rawPath": "/meetings"}), missing),
        (json!({"httpMethod": "POST"}), missing),
        (json!({"path": "/meetings", "body": "{}"}), missing),
        (json!({}), missing),
        (json!(null), missing),
        (json!(true), mistyped),
        (json!("s3cr3t"), mistyped),
        (json!(17), mistyped),
        (json!(["s3cr3t"]), mistyped),
        (rest("/body", json!({"ClientRequestToken": "s3cr3t"})), mistyped),
        (rest("/isBase64Encoded", json!("s3cr3t")), mistyped),
        (rest("/headers", json!("s3cr3t")), mistyped),
        (rest("/requestContext", json!("s3cr3t")), mistyped),
        (rest("/requestContext/identity/accountId", json!({"s3cr3t": 1})), mistyped),
        (rest("/path", json!(null)), missing),
        (rest("/httpMethod", json!(null)), missing),
        (http("/rawPath", json!(null)), missing),
        (http("/requestContext/http/method", json!(17)), mistyped),
        (Event::url().set("/requestContext/authorizer/iam", json!("s3cr3t")).0, mistyped),
    ] {
        let error = function.invoke_raw(event.to_string()).await.unwrap_err();

        assert_eq!(error["errorType"], "NotAnHttpEvent", "{event}: {error}");
        let message = error["errorMessage"].as_str().unwrap();
        let why =
            format!("the event comes neither from API Gateway nor from a function URL: {why}");
        assert!(message.starts_with(&why), "{event}: {message}");
    }
    for broken in ["", "{", r#"{"httpMethod": "POST", "path": "#, "\u{0}", "[s3cr3t"] {
        let error = function.invoke_raw(broken).await.unwrap_err();
        assert!(error["errorType"].as_str().unwrap().contains("DeserializeError"), "{error}");
        assert!(error["errorMessage"].as_str().unwrap().contains("failed to deserialize"));
    }
    let reply = function.invoke(&Event::rest()).await;
    assert_eq!(reply.status, 201, "the function survived");
    assert!(!function.process.stop().await.contains("s3cr3t"), "events are not quoted");
}
