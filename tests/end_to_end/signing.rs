//! The clients in `docs/clients.md`, against a stand-in for API Gateway.

use aws_sdk_chime::config::{BehaviorVersion, Credentials, Region};
use tokio::process::Command;

use self::iam::SignForApiGateway;
use crate::support::{AWS_ENVIRONMENT, DynamoDb, Event, Function, Gateway};

#[path = "../clients/iam.rs"]
mod iam;

const IAM_PY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/iam.py");
const IAM_MJS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/iam.mjs");
const API_KEY_PY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/api_key.py");

async fn gateway(dynamodb: &DynamoDb) -> Gateway {
    let function = Function::start(dynamodb).await;
    Gateway::start(function, Event::rest()).await
}

/// Runs a client that creates a meeting and prints its ID.
async fn run(interpreter: &str, program: &str, gateway: &Gateway) {
    let output = Command::new(interpreter)
        .arg(program)
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .envs(AWS_ENVIRONMENT)
        .env("AWS_ENDPOINT_URL_CHIME", &gateway.endpoint)
        .env("API_KEY", "the-key")
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{program}: {}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    uuid::Uuid::parse_str(printed.trim()).unwrap();
}

fn assert_signed_for_api_gateway(gateway: &Gateway) {
    let authorization = gateway.last_header("authorization");
    let scope = authorization.split("Credential=").nth(1).unwrap().split(',').next().unwrap();
    let scope: Vec<&str> = scope.split('/').collect();
    assert_eq!(scope[2..], ["us-east-1", "execute-api", "aws4_request"], "{authorization}");
}

#[tokio::test]
async fn boto3_signs_for_api_gateway() {
    let dynamodb = DynamoDb::start().await;
    let gateway = gateway(&dynamodb).await;
    run("python3", IAM_PY, &gateway).await;
    assert_signed_for_api_gateway(&gateway);
}

#[tokio::test]
async fn javascript_signs_for_api_gateway() {
    let dynamodb = DynamoDb::start().await;
    let gateway = gateway(&dynamodb).await;
    run("node", IAM_MJS, &gateway).await;
    assert_signed_for_api_gateway(&gateway);
}

#[tokio::test]
async fn rust_signs_for_api_gateway() {
    let dynamodb = DynamoDb::start().await;
    let gateway = gateway(&dynamodb).await;
    let config = aws_sdk_chime::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
        .endpoint_url(&gateway.endpoint)
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .interceptor(SignForApiGateway)
        .build();
    #[allow(deprecated, reason = "its deprecation is why this project exists")]
    aws_sdk_chime::Client::from_conf(config).create_meeting().send().await.unwrap();
    assert_signed_for_api_gateway(&gateway);
}

#[tokio::test]
async fn boto3_sends_an_api_key() {
    let dynamodb = DynamoDb::start().await;
    let gateway = gateway(&dynamodb).await;
    run("python3", API_KEY_PY, &gateway).await;
    assert_eq!(gateway.last_header("x-api-key"), "the-key");
}

#[test]
fn the_documentation_shows_these_clients() {
    let documentation = include_str!("../../docs/clients.md");
    for client in [
        include_str!("../clients/iam.py"),
        include_str!("../clients/iam.mjs"),
        include_str!("../clients/iam.rs"),
        include_str!("../clients/api_key.py"),
    ] {
        assert!(documentation.contains(client), "{client}");
    }
}
