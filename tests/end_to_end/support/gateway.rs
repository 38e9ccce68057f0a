//! A stand-in for API Gateway, with callers that cargo-lambda's emulator does not have.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{Event, Function};

/// Stops when it is dropped.
pub struct Gateway {
    /// What an SDK takes for its endpoint.
    pub endpoint: String,
    _server: JoinSet<()>,
}

impl Gateway {
    /// Sends `event` to `function`, with the body of whatever is asked.
    pub async fn start(function: Function, event: Event) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let routes = Router::new().route("/meetings", post(answer));
        let routes = routes.with_state(Arc::new((function, event)));
        let mut server = JoinSet::new();
        server.spawn(async { axum::serve(listener, routes).await.unwrap() });
        Self { endpoint, _server: server }
    }
}

async fn answer(State(behind): State<Arc<(Function, Event)>>, body: String) -> Response<Body> {
    let (function, event) = &*behind;
    let reply = function.invoke(&event.clone().body(&body)).await;
    let mut response = Response::builder().status(u16::try_from(reply.status).unwrap());
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    response.body(reply.body.into()).unwrap()
}
