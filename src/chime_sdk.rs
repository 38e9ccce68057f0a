//! A client of AWS's service `chime-sdk-meetings`: signs requests, retries them, and maps its errors by name.
//!
//! Bodies are bytes. The SDK's typed client would add 0.5 to 0.9 MB to the function.

pub mod patterns;

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::attempts::{Completed, Failure, ResponseMetadata, Retry, Service, with_retries};
use crate::error::{Cause, Error, ErrorKind};

/// The service name in signatures ("signingName" in the service model).
const SIGNING_NAME: &str = "chime";

/// Maximum time that a client is told to wait, so that a mistaken value does not stop it for long.
const MAX_RETRY_AFTER: Duration = Duration::from_mins(1);

/// Credentials are refreshed this long before they expire: at least as long as a request may take.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(10);

/// A client of `chime-sdk-meetings`.
pub struct ChimeSdk {
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    cached: Mutex<Option<Credentials>>,
    region: String,
    endpoint: String,
}

/// Maximum size of a response body in bytes. A hundred attendees of 2.2 KB, the largest expected response, fit.
const MAX_RESPONSE: usize = 1024 * 1024;

/// A request to the service.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The operation, such as `CreateMeeting`.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path and query, encoded.
    pub path: &'a str,
    /// The JSON body, or nothing.
    pub body: &'a [u8],
}

impl ChimeSdk {
    /// A client for the control Region `region`, with the URL `endpoint`.
    #[must_use]
    pub fn new(
        connector: SharedHttpConnector,
        credentials: SharedCredentialsProvider,
        region: String,
        endpoint: &str,
    ) -> Self {
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        Self { connector, credentials, cached: Mutex::default(), region, endpoint }
    }

    /// The control Region.
    #[must_use]
    pub fn region(&self) -> &str {
        &self.region
    }

    /// Sends a request, in up to three attempts until `deadline`, and returns the body of the response.
    ///
    /// # Errors
    /// The service's error, such as `NotFound` for a meeting that has ended; `ServiceUnavailable`; or `ServiceFailure` for
    /// an error that the client cannot act on, and for a response that is too large.
    pub async fn call(&self, request: Request<'_>, deadline: Instant) -> Completed<Vec<u8>> {
        let call = (Service::ChimeSdkMeetings, request.operation);
        // Leaves time for two attempts that time out, or three that fail at once.
        let attempt_timeout = deadline.saturating_duration_since(Instant::now()) * 2 / 5;
        with_retries(call, deadline, attempt_timeout, || self.send(request)).await
    }

    async fn send(&self, request: Request<'_>) -> Result<(Vec<u8>, ResponseMetadata), Failure> {
        let signed = self.signed(request).await?;
        let response = self.connector.call(signed).await.map_err(Failure::transient)?;
        let request_id = header(&response, "x-amzn-requestid").and_then(if_safe_to_log);
        let status = response.status();
        let name = header(&response, "x-amzn-errortype").map(ToOwned::to_owned);
        let retry_after =
            header(&response, "retry-after").and_then(|wait| wait.parse::<u64>().ok());
        let retry_after =
            retry_after.map(|seconds| MAX_RETRY_AFTER.min(Duration::from_secs(seconds)));
        let body = read_body(response).await?;
        if status.is_success() {
            return Ok((body, ResponseMetadata { consumed_capacity: None, request_id }));
        }
        let rejection = Rejection {
            name: name
                .or_else(|| name_in(&body))
                .and_then(|name| if_safe_to_log(short_name(&name))),
            status: status.as_u16(),
            request_id: request_id.clone(),
        };
        let failure = rejection.into_failure(retry_after);
        Err(Failure { request_id, ..failure })
    }

    async fn signed(&self, request: Request<'_>) -> Result<HttpRequest, Failure> {
        let Request { method, path, body, .. } = request;
        let url = format!("{}{path}", self.endpoint);
        let credentials = self.credentials().await?.into();
        let params = v4::SigningParams::builder()
            .identity(&credentials)
            .region(&self.region)
            .name(SIGNING_NAME)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(Error::service_failure)?;
        let headers = [("content-type", "application/json")];
        let signable =
            SignableRequest::new(method, &url, headers.into_iter(), SignableBody::Bytes(body))
                .map_err(Error::service_failure)?;
        let (instructions, _) =
            sign(signable, &params.into()).map_err(Error::service_failure)?.into_parts();
        let mut request = HttpRequest::new(SdkBody::from(body));
        request.set_method(method).map_err(Error::service_failure)?;
        request.set_uri(url).map_err(Error::service_failure)?;
        for (name, value) in headers.into_iter().chain(instructions.headers()) {
            request.headers_mut().insert(name.to_owned(), value.to_owned());
        }
        Ok(request)
    }

    /// Returns cached credentials. Where Lambda serves them at a URL, fetching them for each request would be too slow.
    async fn credentials(&self) -> Result<Credentials, Failure> {
        let mut cached = self.cached.lock().await;
        let now = SystemTime::now();
        if let Some(credentials) = &*cached
            && credentials.expiry().is_none_or(|expiry| expiry > now + REFRESH_BEFORE_EXPIRY)
        {
            return Ok(credentials.clone());
        }
        let fetched = self.credentials.provide_credentials().await;
        let credentials = fetched.map_err(Failure::transient)?;
        *cached = Some(credentials.clone());
        Ok(credentials)
    }
}

impl fmt::Debug for ChimeSdk {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.debug_struct("ChimeSdk").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// An error response of the service. Its message is dropped, because it may quote sensitive values.
#[derive(Debug, thiserror::Error)]
#[error(
    "chime-sdk-meetings responded with {} ({status}), request ID {}",
    name.as_deref().unwrap_or("an unnamed error"),
    request_id.as_deref().unwrap_or("unknown")
)]
struct Rejection {
    name: Option<String>,
    status: u16,
    request_id: Option<String>,
}

impl Rejection {
    /// Classifies the error by its name, or without one by its status ("Errors" of each operation in the API reference).
    fn into_failure(self, retry_after: Option<Duration>) -> Failure {
        let name = self.name.as_deref().unwrap_or_default();
        match (name, self.status) {
            // The service's front end responds with a SerializationException to a member of the wrong type, and with a
            // status to bodies and URLs that are too long.
            ("BadRequestException" | "ValidationException" | "SerializationException", _)
            | ("", 400)
            | (_, 413 | 414) => {
                rejected(ErrorKind::BadRequest, "The Amazon Chime SDK rejected the request.", self)
            }
            ("LimitExceededException", _) => rejected(
                ErrorKind::ResourceLimitExceeded,
                "The Amazon Chime SDK's quota of meetings or attendees is used up.",
                self,
            ),
            ("NotFoundException" | "ResourceNotFoundException", _) => {
                rejected(ErrorKind::NotFound, "The meeting has ended", self)
            }
            ("UnprocessableEntityException", _) | (_, 422) => rejected(
                ErrorKind::UnprocessableEntity,
                "The Amazon Chime SDK cannot process the request.",
                self,
            ),
            ("ConflictException", _) | ("", 409) => Failure {
                retry: Retry::Limited {
                    attempts: 3,
                    min_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_millis(200),
                },
                ..Failure::transient(self)
            },
            ("ThrottlingException" | "ThrottledClientException", _) | (_, 429) => Failure {
                retry: Retry::Limited {
                    attempts: 2,
                    min_backoff: Duration::from_millis(100),
                    max_backoff: Duration::from_millis(500),
                },
                ..Failure::throttled(self)
            },
            (_, 503) => unavailable(self, retry_after),
            (_, 500..) => Failure::transient(self),
            // The stack's role, Region or account is at fault.
            _ => Error::service_failure(self).into(),
        }
    }
}

fn rejected(kind: ErrorKind, message: &'static str, cause: impl Into<Cause>) -> Failure {
    Error::new(kind, message).caused_by(cause).into()
}

/// The service may say how long to wait. If there is no time for that, the client is told to wait.
fn unavailable(rejection: Rejection, retry_after: Option<Duration>) -> Failure {
    let Some(wait) = retry_after else { return Failure::transient(rejection) };
    let error = Error::service_unavailable(rejection).with_retry_after(wait);
    Failure {
        retry: Retry::Limited { attempts: 3, min_backoff: wait, max_backoff: wait },
        ..error.into()
    }
}

/// Reads the body of a response.
async fn read_body(response: HttpResponse) -> Result<Vec<u8>, Failure> {
    let mut chunks = ByteStream::new(response.into_body());
    let mut body = Vec::new();
    while let Some(chunk) = chunks.try_next().await.map_err(Failure::transient)? {
        if body.len() + chunk.len() > MAX_RESPONSE {
            return Err(
                Error::service_failure("chime-sdk-meetings returned more than 1 MiB").into()
            );
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn header<'a>(response: &'a HttpResponse, name: &str) -> Option<&'a str> {
    response.headers().get(name)
}

/// The error's name without a namespace before it or a URL after it, as AWS's clients parse it.
fn short_name(name: &str) -> &str {
    let name = name.split(':').next().unwrap_or(name);
    name.rsplit('#').next().unwrap_or(name)
}

fn name_in(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        kind: Option<String>,
        code: Option<String>,
    }
    let Body { kind, code } = serde_json::from_slice(body).ok()?;
    kind.or(code)
}

/// A name or an ID, if it is well-formed: it comes from outside and goes into the log.
fn if_safe_to_log(text: &str) -> Option<String> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte);
    ((1..=128).contains(&text.len()) && text.bytes().all(allowed)).then(|| text.to_owned())
}
