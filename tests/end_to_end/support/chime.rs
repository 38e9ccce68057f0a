//! The local Chime SDK behind the media plane `chime-sdk-meetings`.

use std::net::Ipv4Addr;
use std::process::Stdio;
use std::sync::Mutex;

use local::chime_sdk::{ChimeSdk, Request};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;
use tokio::time::timeout;

use super::{DynamoDb, Function, PATIENCE};

pub struct Chime {
    pub service: ChimeSdk,
    /// All requests taken so far.
    taken: Mutex<Vec<Request>>,
}

impl Chime {
    pub async fn start() -> Self {
        let secret = Some("secret".into());
        let service = ChimeSdk::start(Ipv4Addr::LOCALHOST, "us-east-1", secret).await.unwrap();
        Self { service, taken: Mutex::default() }
    }

    /// The function with this media plane and these additional settings.
    pub async fn function(&self, dynamodb: &DynamoDb, settings: &[(&str, &str)]) -> Function {
        let endpoint = self.service.endpoint();
        Function::start_with(dynamodb, &[&media_plane_settings(&endpoint), settings].concat()).await
    }

    /// Takes the operations of the requests since the last take.
    pub fn take(&self) -> Vec<&'static str> {
        self.take_requests().iter().map(Request::operation).collect()
    }

    /// Takes the requests since the last take.
    pub fn take_requests(&self) -> Vec<Request> {
        let requests = self.service.take_requests();
        self.taken.lock().unwrap().extend(requests.iter().cloned());
        requests
    }

    /// Waits until this many requests have arrived since the last take.
    pub async fn received(&self, requests: usize) {
        timeout(PATIENCE, self.service.received(requests)).await.expect("the requests");
    }

    /// Asserts that every request so far is valid by AWS's own model of the service.
    pub async fn assert_valid(&self) {
        self.take();
        let requests = std::mem::take(&mut *self.taken.lock().unwrap());
        assert_valid(requests).await;
    }
}

/// The settings of the media plane whose service is at `endpoint`.
pub fn media_plane_settings(endpoint: &str) -> [(&str, &str); 2] {
    [("MEDIA_PLANE", "chime-sdk-meetings"), ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", endpoint)]
}

/// Asserts that requests are valid by AWS's own model of the service.
pub async fn assert_valid(requests: Vec<Request>) {
    assert!(!requests.is_empty());
    let lines = requests.into_iter().map(|request| {
        let body = String::from_utf8(request.body.to_vec()).unwrap();
        let (method, path, query) = (request.method, request.path, request.query);
        json!({"method": method, "path": path, "query": query, "body": body}).to_string() + "\n"
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/end_to_end/validate_chime_requests.py");
    let mut validator = Command::new("python3")
        .arg(script)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut stdin = validator.stdin.take().unwrap();
    stdin.write_all(lines.collect::<String>().as_bytes()).await.unwrap();
    drop(stdin);
    let output = validator.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}
