//! One run of the function's code, from the event to the reply. Its remote calls stop at the HTTP connector.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use create_meeting::api::Api;
use create_meeting::gateway;
use create_meeting::settings::{LogFormat, Settings, TelemetrySettings};
use create_meeting::telemetry::Telemetry;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;
use tracing::level_filters::LevelFilter;

use crate::function::{Observation, Reply, Request, Start};
use crate::names::Names;

/// A running invocation, with a clock of its own. It only moves while nothing else can happen.
pub struct Run {
    runtime: Runtime,
    future: Pin<Box<dyn Future<Output = Value>>>,
    wire: Arc<Wire>,
    names: Names,
    /// Answers the request that the invocation waits for.
    held: Option<Answer>,
    /// Those of requests that timed out: dropping one would answer it.
    unanswered: Vec<Answer>,
}

impl Run {
    /// The invocation of a function with these settings, before its first step.
    pub fn new(settings: Settings, start: &Start) -> Self {
        let wire = Arc::new(Wire::default());
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let api = Api::new(
            settings,
            SharedHttpConnector::new(Connector(wire.clone())),
            SharedCredentialsProvider::new(credentials),
        );
        let mut context = Context::default();
        context.deadline = (start.now + 10) * 1000;
        let event = serde_json::from_str(&start.event).unwrap_or_default();
        let event = LambdaEvent::new(event, context);
        let now = UNIX_EPOCH + Duration::from_secs(start.now);
        let telemetry = Telemetry::new(TelemetrySettings {
            format: LogFormat::Text,
            level: LevelFilter::OFF,
            function_name: String::new(),
        });
        let future = async move {
            let reply = gateway::handle(&api, &telemetry, event, now).await;
            let reply = reply.map(|reply| serde_json::to_value(reply).unwrap_or_default());
            reply.unwrap_or_else(|error| json!({"error": error.error_message}))
        };
        let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
        Self {
            // Without threads and sockets, nothing can fail.
            runtime: runtime.unwrap_or_else(|error| panic!("no runtime: {error}")),
            future: Box::pin(future),
            wire,
            names: Names::new(start.number),
            held: None,
            unanswered: Vec::new(),
        }
    }

    /// Ends the current remote call.
    pub fn go_on(&mut self, observation: &Observation) -> Result<Request, Reply> {
        if let Some(answer) = self.held.take() {
            match observation {
                Observation::Response(status, body) => {
                    let body = SdkBody::from(self.names.own(body));
                    let status = (*status).try_into();
                    let response = status.map(|status| HttpResponse::new(status, body));
                    let _ =
                        answer.send(response.map_err(|error| ConnectorError::user(error.into())));
                }
                Observation::Closed => {
                    let closed = io::Error::from(io::ErrorKind::ConnectionReset);
                    let _ = answer.send(Err(ConnectorError::io(closed.into())));
                }
                Observation::TimedOut => self.unanswered.push(answer),
            }
        }
        self.until_next()
    }

    /// Runs the code until it sends a request or replies.
    pub fn until_next(&mut self) -> Result<Request, Reply> {
        // A backoff then depends only on what was observed.
        fastrand::seed(0);
        let Self { runtime, future, wire, .. } = self;
        let next = runtime.block_on(std::future::poll_fn(|context| {
            if let Poll::Ready(reply) = future.as_mut().poll(context) {
                return Poll::Ready(Err(reply));
            }
            wire.take().map_or(Poll::Pending, |held| Poll::Ready(Ok(held)))
        }));
        match next {
            Ok((request, answer)) => {
                self.held = Some(answer);
                Ok(self.names.shared_request(&request))
            }
            Err(reply) => Err(Reply {
                status: reply["statusCode"].as_u64().unwrap_or_default(),
                is_replay: reply["headers"]["idempotent-replayed"] == "true",
                body: self.names.shared(reply["body"].as_str().unwrap_or_default()),
            }),
        }
    }
}

type Answer = oneshot::Sender<Result<HttpResponse, ConnectorError>>;

/// Where requests wait for their answers.
#[derive(Debug, Default)]
struct Wire(Mutex<Option<(HttpRequest, Answer)>>);

impl Wire {
    fn take(&self) -> Option<(HttpRequest, Answer)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Debug)]
struct Connector(Arc<Wire>);

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (answer, response) = oneshot::channel();
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((request, answer));
        HttpConnectorFuture::new(async {
            response.await.unwrap_or_else(|error| Err(ConnectorError::io(error.into())))
        })
    }
}
