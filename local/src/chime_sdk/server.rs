//! The HTTP server around the service, which also injects faults.

use std::future::{pending, ready};
use std::io::{Error as IoError, ErrorKind};
use std::iter;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::{StreamExt, stream};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::Response;
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::dispatch;
use super::error::Error;
use super::faults::{Answer, Fault};
use super::meetings::Region;
use super::reply;
use super::request::Request;
use super::signature;
use super::validation::Validation;
use crate::result::Result;

type Body = BoxBody<Bytes, IoError>;
type Faults = Box<dyn Iterator<Item = Fault> + Send>;

pub struct State {
    /// The requests received since they were last taken.
    pub requests: watch::Sender<Vec<Request>>,
    secret: Option<String>,
    validation: Validation,
    region: Mutex<Region>,
    faults: Mutex<Faults>,
}

impl State {
    pub fn new(region: &str, secret: Option<String>) -> Result<Self> {
        Ok(Self {
            requests: watch::Sender::default(),
            secret,
            validation: Validation::load()?,
            region: Region::new(region).into(),
            faults: Mutex::new(Box::new(iter::empty())),
        })
    }

    pub fn region(&self) -> MutexGuard<'_, Region> {
        self.region.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The service's own response.
    fn perform(&self, request: &Request) -> Result<Response<Bytes>> {
        let mut region = self.region();
        let verified = signature::verify(request, &region.name, self.secret.as_deref());
        match verified.and_then(|()| dispatch::perform(&mut region, &self.validation, request)) {
            Ok(output) if request.method == "DELETE" => reply::output(204, &output),
            Ok(output) => reply::output(200, &output),
            Err(error) => reply::error(&error),
        }
    }
}

pub async fn serve(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let state = state.clone();
        connections.spawn(async move {
            let service = service_fn(|request| respond(&state, request));
            // Some faults end it with an error.
            let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

/// Responds to a request. An error closes the connection.
async fn respond(state: &State, request: hyper::Request<Incoming>) -> Result<Response<Body>> {
    let request = read(request).await?;
    // It only opens a connection.
    if !request.headers.contains_key(AUTHORIZATION) {
        return Ok(whole(state.perform(&request)?));
    }
    state.requests.send_modify(|requests| requests.push(request.clone()));
    let fault = state.faults().next().unwrap_or(Fault::NONE);
    let performed = fault.performed.then(|| state.perform(&request));
    let refusal = |status, name| {
        let (method, path) = (&request.method, &request.path);
        let body = String::from_utf8_lossy(&request.body);
        let message = format!("{name} on purpose, for {method} {path} {body}");
        Error::new(status, name, message)
    };
    let reply = match fault.answer {
        Answer::Unchanged => performed.unwrap_or_else(|| state.perform(&request))?,
        Answer::Refusal(status, name) => reply::error(&refusal(status, name))?,
        Answer::Unavailable(seconds) => {
            let mut reply = reply::error(&refusal(503, "ServiceUnavailableException"))?;
            reply.headers_mut().insert("retry-after", seconds.into());
            reply
        }
        Answer::Raw(status, body) => Response::builder().status(status).body(body.into())?,
        Answer::Closed => return Err(IoError::from(ErrorKind::ConnectionReset).into()),
        Answer::Stalled => pending().await,
        Answer::Truncated => {
            let refused = || reply::error(&refusal(500, "ServiceFailureException"));
            return Ok(truncated(performed.unwrap_or_else(refused)?));
        }
        Answer::Slow(delay) => {
            tokio::time::sleep(delay).await;
            performed.unwrap_or_else(|| state.perform(&request))?
        }
    };
    Ok(whole(reply))
}

fn whole(reply: Response<Bytes>) -> Response<Body> {
    reply.map(|body| Full::new(body).map_err(|never| match never {}).boxed())
}

async fn read(request: hyper::Request<Incoming>) -> Result<Request> {
    let (parts, body) = request.into_parts();
    Ok(Request {
        method: parts.method.to_string(),
        path: parts.uri.path().into(),
        query: parts.uri.query().unwrap_or_default().into(),
        headers: parts.headers,
        body: body.collect().await?.to_bytes(),
    })
}

/// The reply with half of its body, after which the connection is closed.
fn truncated(reply: Response<Bytes>) -> Response<Body> {
    let (mut parts, body) = reply.into_parts();
    parts.headers.insert(CONTENT_LENGTH, body.len().into());
    let half = Ok(Frame::data(body.slice(..body.len() / 2)));
    let closed = async {
        // An immediate error would keep the half from being sent.
        tokio::task::yield_now().await;
        Err(ErrorKind::ConnectionReset.into())
    };
    let body = stream::once(ready(half)).chain(stream::once(closed));
    Response::from_parts(parts, BodyExt::boxed(StreamBody::new(body)))
}
