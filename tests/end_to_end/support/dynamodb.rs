//! An embedded `DynamoDB` behind a proxy that counts requests and can get in their way.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::AttributeValue;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{Request, Response};
use local_dynamodb::Database;
use tokio::net::TcpListener;

/// What the proxy does instead of passing on a request and its answer.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Refuses the request with this status and error code.
    Refuse(u16, &'static str),
    /// Passes on the next request, and loses the answer to it.
    LoseNextAnswer,
}

pub struct DynamoDb {
    /// Where the function finds it.
    pub endpoint: String,
    /// Straight to the engine, past the proxy.
    pub client: aws_sdk_dynamodb::Client,
    proxy: Arc<Proxy>,
}

struct Proxy {
    engine: String,
    http: reqwest::Client,
    requests: Mutex<usize>,
    fault: Mutex<Option<Fault>>,
}

impl DynamoDb {
    /// A new one, in memory, with the meetings' table.
    pub async fn start() -> Self {
        let database = Database::memory().unwrap();
        local_dynamodb::create_table(&database, "Meetings").unwrap();
        let engine = format!("http://{}", local_dynamodb::serve(database).await.unwrap());
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("us-east-1"))
            .credentials_provider(Credentials::new("AKIDEXAMPLE", "secret", None, None, "test"))
            .endpoint_url(&engine)
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .build();
        let proxy = Arc::new(Proxy {
            engine,
            // Straight, whatever proxy this machine is told to use.
            http: reqwest::Client::builder().no_proxy().build().unwrap(),
            requests: Mutex::default(),
            fault: Mutex::default(),
        });
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let app = axum::Router::new().fallback(pass_on).with_state(proxy.clone());
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { endpoint, client: aws_sdk_dynamodb::Client::from_conf(config), proxy }
    }

    /// How many requests have come since this was last asked.
    pub fn take_requests(&self) -> usize {
        std::mem::take(&mut self.proxy.requests.lock().unwrap())
    }

    pub fn set_fault(&self, fault: Option<Fault>) {
        *self.proxy.fault.lock().unwrap() = fault;
    }

    /// Every item in the meetings' table.
    pub async fn items(&self) -> Vec<std::collections::HashMap<String, AttributeValue>> {
        self.client.scan().table_name("Meetings").send().await.unwrap().items.unwrap()
    }

    /// Lets the only meeting in the table have expired, a second ago.
    pub async fn expire(&self) {
        let [item] = &self.items().await[..] else { panic!("one meeting expected") };
        let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
        let mut expired = item.clone();
        expired.insert("ExpiresAt".into(), AttributeValue::N((now - 1).to_string()));
        let put = self.client.put_item().table_name("Meetings").set_item(Some(expired));
        put.send().await.unwrap();
    }
}

async fn pass_on(
    State(proxy): State<Arc<Proxy>>,
    request: Request<Body>,
) -> Response<reqwest::Body> {
    *proxy.requests.lock().unwrap() += 1;
    let fault = *proxy.fault.lock().unwrap();
    if let Some(Fault::Refuse(status, code)) = fault {
        return refusal(status, code);
    }
    let (mut parts, body) = request.into_parts();
    parts.uri = proxy.engine.parse().unwrap();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let request = Request::from_parts(parts, body).try_into().unwrap();
    let response = proxy.http.execute(request).await.unwrap();
    if let Some(Fault::LoseNextAnswer) = fault {
        *proxy.fault.lock().unwrap() = None;
        return refusal(500, "InternalServerError");
    }
    response.into()
}

fn refusal(status: u16, code: &str) -> Response<reqwest::Body> {
    let body = format!(
        r#"{{"__type":"com.amazonaws.dynamodb.v20120810#{code}","message":"{code} on purpose"}}"#
    );
    Response::builder()
        .status(status)
        .header("content-type", "application/x-amz-json-1.0")
        .body(body.into())
        .unwrap()
}
