//! A stand-in for API Gateway with callers, which cargo-lambda's emulator lacks.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Event, Function};

/// Stops when it is dropped.
pub struct Gateway {
    /// The endpoint for SDKs. It ends in a stage, like API Gateway's.
    pub endpoint: String,
    behind: Arc<Behind>,
    _server: JoinSet<()>,
}

struct Behind {
    function: Function,
    event: Event,
    last_headers: Mutex<HeaderMap>,
}

impl Gateway {
    /// Sends `event` to `function`, with the body of each request.
    pub async fn start(function: Function, event: Event) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}/Prod", listener.local_addr().unwrap());
        let behind = Arc::new(Behind { function, event, last_headers: Mutex::default() });
        let routes = Router::new().route("/Prod/meetings", post(respond));
        let routes = routes.with_state(behind.clone());
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { endpoint, behind, _server: server }
    }

    /// A header of the last request. Panics if it is missing.
    pub fn last_header(&self, name: &str) -> String {
        self.behind.last_headers.lock().unwrap()[name].to_str().unwrap().to_owned()
    }
}

async fn respond(
    State(behind): State<Arc<Behind>>,
    headers: HeaderMap,
    body: String,
) -> Response<Body> {
    *behind.last_headers.lock().unwrap() = headers;
    let reply = behind.function.invoke(&behind.event.clone().body(&body)).await;
    let mut response = Response::builder().status(u16::try_from(reply.status).unwrap());
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body.into()).unwrap()
}
