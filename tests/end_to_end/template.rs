//! `template.yaml`, compared with the function's behavior.

use std::collections::{BTreeMap, BTreeSet};

use create_meeting::error::{Error, ErrorKind};
use fancy_regex::Regex;
use serde_json::json;
use yaml_serde::Value as Yaml;
use yaml_serde::value::{Tag, TaggedValue};

use crate::support::{DynamoDb, Function, program, template};

/// All rejections by API Gateway itself: `GatewayResponseType` in its API reference.
const REFUSALS: [(&str, ErrorKind); 21] = [
    ("ACCESS_DENIED", ErrorKind::Forbidden),
    ("API_CONFIGURATION_ERROR", ErrorKind::ServiceFailure),
    ("AUTHORIZER_CONFIGURATION_ERROR", ErrorKind::ServiceFailure),
    ("AUTHORIZER_FAILURE", ErrorKind::ServiceFailure),
    ("BAD_REQUEST_BODY", ErrorKind::BadRequest),
    ("BAD_REQUEST_PARAMETERS", ErrorKind::BadRequest),
    ("DEFAULT_4XX", ErrorKind::BadRequest),
    ("DEFAULT_5XX", ErrorKind::ServiceFailure),
    ("EXPIRED_TOKEN", ErrorKind::UnauthorizedClient),
    ("INTEGRATION_FAILURE", ErrorKind::ServiceUnavailable),
    ("INTEGRATION_TIMEOUT", ErrorKind::ServiceUnavailable),
    ("INVALID_API_KEY", ErrorKind::UnauthorizedClient),
    ("INVALID_SIGNATURE", ErrorKind::UnauthorizedClient),
    ("MISSING_AUTHENTICATION_TOKEN", ErrorKind::UnauthorizedClient),
    ("QUOTA_EXCEEDED", ErrorKind::ResourceLimitExceeded),
    ("REQUEST_TOO_LARGE", ErrorKind::BadRequest),
    ("RESOURCE_NOT_FOUND", ErrorKind::BadRequest),
    ("THROTTLED", ErrorKind::ThrottledClient),
    ("UNAUTHORIZED", ErrorKind::UnauthorizedClient),
    ("UNSUPPORTED_MEDIA_TYPE", ErrorKind::BadRequest),
    ("WAF_FILTERED", ErrorKind::Forbidden),
];

#[test]
fn api_gateway_rejections_look_like_the_functions_own() {
    let template = template();
    let definition = &template["Resources"]["Api"]["Properties"]["DefinitionBody"];
    let responses = json!(definition["x-amazon-apigateway-gateway-responses"]);

    let mut expected = BTreeMap::new();
    for (refusal, kind) in REFUSALS {
        let wire = kind.exception();
        let mut headers = json!({
            "gatewayresponse.header.x-amzn-ErrorType": format!("'{}'", wire.name),
        });
        if let Some(wait) = Error::new(kind, "").retry_after() {
            headers["gatewayresponse.header.Retry-After"] = json!(format!("'{}'", wait.as_secs()));
            headers["gatewayresponse.header.x-amz-retry-after"] =
                json!(format!("'{}'", wait.as_millis()));
        }
        let template = &responses[refusal]["responseTemplates"]["application/json"];
        // The only variables that the response may contain.
        let body = template.as_str().unwrap().replace("$context.error.responseType", refusal);
        let body = body.replace("$context.requestId", "ID");
        assert!(!body.contains('$'), "{refusal}: {body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        let message = body["Message"].as_str().unwrap();
        let complete =
            json!({"Code": wire.code, "Message": message, "RequestId": "ID", "Resource": null});
        assert_eq!(body, complete, "{refusal}");
        assert!(!message.is_empty(), "{refusal}");
        let templates = json!({ "application/json": template });
        expected.insert(
            refusal,
            json!({
                "statusCode": wire.status,
                "responseParameters": headers,
                "responseTemplates": templates,
            }),
        );
    }

    assert_eq!(responses, json!(expected));
}

/// A parameter that sets an environment variable of the function.
struct Parameter {
    name: &'static str,
    variable: &'static str,
    accepted: &'static [&'static str],
    refused: &'static [&'static str],
}

const PARAMETERS: [Parameter; 6] = [
    Parameter {
        name: "AllowedAccountIds",
        variable: "ALLOWED_ACCOUNT_IDS",
        accepted: &["", "111122223333", "111122223333,000000000000"],
        refused: &["11112222333", "111122223333,", "111122223333, 000000000000", "anonymous"],
    },
    Parameter {
        name: "DailyMeetingLimit",
        variable: "DAILY_MEETING_LIMIT",
        accepted: &["", "1", "999999999"],
        refused: &["0", "-1", "1.5", "1e3", "1000000000"],
    },
    Parameter {
        name: "MeetingLifetimeSeconds",
        variable: "MEETING_LIFETIME_SECONDS",
        accepted: &["1", "86400", "999999999"],
        refused: &["", "0", "-1", "1.5", "1e3", "1000000000"],
    },
    Parameter {
        name: "ReusedToken",
        variable: "REUSED_TOKEN",
        accepted: &["reject", "replay"],
        refused: &["", "Reject", "true"],
    },
    Parameter {
        name: "MediaPlane",
        variable: "MEDIA_PLANE",
        accepted: &["templates", "chime-sdk-meetings"],
        refused: &["", "Templates", "chime"],
    },
    Parameter {
        name: "MediaDomain",
        variable: "MEDIA_DOMAIN",
        accepted: &["localhost", "media.example.com", "a-1.B-2"],
        refused: &[
            "",
            "media..test",
            "-media.test",
            "media-.test",
            "media.",
            "https://m.test",
            "_",
        ],
    },
];

/// Invalid values should be rejected at deployment, not by a function that does not start.
#[tokio::test]
async fn the_function_accepts_every_value_that_the_template_accepts() {
    let template = template();
    let function = &template["Resources"]["CreateMeetingFunction"]["Properties"];
    let variables = &function["Environment"]["Variables"];
    let names = variables.as_mapping().unwrap().keys().map(|name| name.as_str().unwrap());
    // Most of these values come from the table, a condition or sam local. The parameter of the last
    // one has its own test.
    let others = [
        "MEETINGS_TABLE",
        "CHIME_SDK_NOTIFICATIONS",
        "AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "MEDIA_CONTROL_REGION",
    ];
    let known = PARAMETERS.iter().map(|parameter| parameter.variable).chain(others);
    assert_eq!(names.collect::<BTreeSet<_>>(), known.collect::<BTreeSet<_>>());

    let dynamodb = DynamoDb::start().await;
    for Parameter { name, variable, accepted, refused } in PARAMETERS {
        let (value, reference) = (&variables[variable], reference_to(name));
        let is_branch = |branch: usize| value.get(branch) == Some(&reference);
        assert!(*value == reference || is_branch(1) || is_branch(2), "{variable}: {value:?}");
        let is_accepted = |value: &str| accepts(&template["Parameters"][name], value);
        assert!(is_accepted(template["Parameters"][name]["Default"].as_str().unwrap()), "{name}");
        for value in accepted {
            assert!(is_accepted(value), "{name}: {value}");
            Function::start_with(&dynamodb, &[(variable, value)]).await;
        }
        for value in refused {
            assert!(!is_accepted(value), "{name}: {value}");
        }
    }
}

#[tokio::test]
async fn the_function_accepts_the_control_regions_of_the_template() {
    let template = template();
    let variables = &template["Resources"]["CreateMeetingFunction"]["Properties"]["Environment"];
    let name = "MediaControlRegion";
    assert_eq!(variables["Variables"]["MEDIA_CONTROL_REGION"], reference_to(name));
    let values = template["Parameters"][name]["AllowedValues"].as_sequence().unwrap().iter();
    let values: Vec<_> = values.map(|value| value.as_str().unwrap()).collect();
    let ["", regions @ ..] = &values[..] else { panic!("{values:?}") };

    let mut command = program::create_meeting().await;
    command.args(["--check"]).env("MEDIA_PLANE", "chime-sdk-meetings");
    let output = command.env("MEDIA_CONTROL_REGION", "none").output().await.unwrap();

    let output = String::from_utf8(output.stderr).unwrap();
    let accepted = format!(" must be one of {}; none ", regions.join(", "));
    assert!(output.contains(&accepted), "{output}");
}

/// Whether a parameter accepts a value. `CloudFormation` matches the whole value.
fn accepts(parameter: &Yaml, value: &str) -> bool {
    if let Some(values) = parameter["AllowedValues"].as_sequence() {
        return values.iter().any(|allowed| allowed == value);
    }
    let pattern = format!("^(?:{})$", parameter["AllowedPattern"].as_str().unwrap());
    Regex::new(&pattern).unwrap().is_match(value).unwrap()
}

#[test]
fn notification_targets_are_arns_of_topics_and_queues() {
    let parameter = &template()["Parameters"]["NotificationTargetArns"];
    for value in [
        "",
        "arn:aws:sqs:us-east-1:111122223333:meetings-*",
        "arn:aws-cn:sns:cn-north-1:111122223333:m.fifo,arn:*:sqs:*:*:*",
    ] {
        assert!(accepts(parameter, value), "{value}");
    }
    for value in [
        "*",
        "meetings",
        "arn:aws:s3:us-east-1:111122223333:bucket",
        "arn:aws:sqs:us-east-1:111122223333:a,",
        ",arn:aws:sqs:us-east-1:111122223333:a",
        "arn:aws:sqs:us-east-1:111122223333:a, arn:aws:sqs:us-east-1:111122223333:b",
        "arn:aws:sqs:us-east-1:111122223333:a arn:aws:sqs:us-east-1:111122223333:b",
        "arn:aws:sqs:us-east-1:111122223333",
    ] {
        assert!(!accepts(parameter, value), "{value}");
    }
}

fn reference_to(name: &str) -> Yaml {
    Yaml::Tagged(Box::new(TaggedValue { tag: Tag::new("Ref"), value: name.into() }))
}
