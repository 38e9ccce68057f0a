//! A client of the Amazon Chime SDK, AWS's service `chime-sdk-meetings`: signs requests and retries them.
//!
//! Bodies are bytes. The SDK's typed client would add 0.5 to 0.9 MB to the function.

mod rejection;

use std::fmt;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use aws_smithy_runtime_api::client::http::{HttpConnector, SharedHttpConnector};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use tokio::sync::Mutex;

use self::rejection::{Rejection, if_safe_to_log};
use crate::attempts::{Completed, Failure, ResponseMetadata, warm_up, with_retries};
use crate::error::Error;
use crate::invocation::{Invocation, Service};

/// The service name in signatures ("signingName" in the service model).
const SIGNING_NAME: &str = "chime";

/// Credentials are refreshed this long before they expire: at least as long as a request may take.
const REFRESH_BEFORE_EXPIRY: Duration = Duration::from_secs(10);

/// A client of the Amazon Chime SDK.
pub struct ChimeSdk {
    connector: SharedHttpConnector,
    credentials: SharedCredentialsProvider,
    cached: Mutex<Option<Credentials>>,
    region: String,
    endpoint: String,
}

/// Maximum size of a response body in bytes. A hundred attendees of 2.2 KB, the largest expected response, fit.
const MAX_RESPONSE: usize = 1024 * 1024;

/// A request to the Amazon Chime SDK.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The operation, such as `CreateMeeting`.
    pub operation: &'static str,
    /// The HTTP method.
    pub method: &'static str,
    /// The path and query, encoded.
    pub target: &'a str,
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

    /// Opens the connection ahead of the first request, with a request that the Amazon Chime SDK rejects, because it
    /// is not signed.
    pub async fn warm_up(&self) {
        let unsigned = async {
            let request = HttpRequest::get(format!("{}/", self.endpoint));
            let request = request.map_err(Error::service_failure)?;
            let mut response = self.connector.call(request).await.map_err(Failure::transient)?;
            // A connection of HTTP/1.1 is free for the next request once the body has been read.
            read_body(response.take_body()).await
        };
        // Logged.
        let _ = warm_up(Service::ChimeSdk, unsigned).await;
    }

    /// Sends a request, in up to three attempts, and completes with the body of the response.
    ///
    /// Its error is the service's, such as `NotFound` for a meeting that has ended; `ServiceUnavailable`; or
    /// `ServiceFailure` for an error that the client cannot act on, and for a response that is too large.
    pub async fn send<'a>(
        &self,
        request: Request<'_>,
        invocation: Invocation<'a>,
    ) -> Completed<'a, Vec<u8>> {
        // Leaves time for two attempts that time out, or three that fail at once.
        let attempt_timeout = invocation.left() * 2 / 5;
        let attempt = || self.attempt(request);
        with_retries(Service::ChimeSdk, request.operation, invocation, attempt_timeout, attempt)
            .await
    }

    async fn attempt(&self, request: Request<'_>) -> Result<(Vec<u8>, ResponseMetadata), Failure> {
        let signed = self.signed(request).await?;
        let mut response = self.connector.call(signed).await.map_err(Failure::transient)?;
        let body = read_body(response.take_body()).await?;
        let (status, headers) = (response.status(), response.headers());
        let request_id = headers.get("x-amzn-requestid").and_then(if_safe_to_log);
        if status.is_success() {
            return Ok((body, ResponseMetadata { consumed_capacity: None, request_id }));
        }
        let failure = Rejection::new(status.as_u16(), headers, &body).into_failure();
        Err(Failure { request_id, ..failure })
    }

    async fn signed(&self, request: Request<'_>) -> Result<HttpRequest, Failure> {
        let Request { method, target, body, .. } = request;
        let url = format!("{}{target}", self.endpoint);
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

/// Reads the body of a response.
async fn read_body(body: SdkBody) -> Result<Vec<u8>, Failure> {
    let mut chunks = ByteStream::new(body);
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
