//! Events of API Gateway and of function URLs.
//!
//! REST APIs send payload format 1.0; HTTP APIs and function URLs send 2.0. Only what is needed is
//! read of either, and here instead of by `lambda_http`: its way from an event to an
//! `http::Request` fails or panics on hosts and header values that a client is free to send.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use lambda_runtime::Diagnostic;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;

use crate::caller::Caller;
use crate::chime_sdk::patterns;
use crate::error::Error;

/// How an event is written, and how its reply is to be.
#[derive(Clone, Copy, Debug)]
pub enum PayloadFormat {
    /// 1.0: REST APIs.
    V1,
    /// 2.0: HTTP APIs and function URLs.
    V2,
}

/// What an event says of the HTTP request behind it.
#[derive(Debug)]
pub struct HttpRequest {
    /// How the event was written.
    pub format: PayloadFormat,
    /// As in `POST`.
    pub method: String,
    /// The path within the API, as in `/meetings`. Where the event names a route, it is the route's, with the
    /// parameters filled in. Otherwise it is the path that the client sent, less the stage.
    pub path: String,
    /// The query parameters, decoded. If one was sent more than once, API Gateway decides what its value is.
    pub query: Parameters,
    content_type: Option<String>,
    body: Vec<u8>,
    is_base64_encoded: bool,
    /// Who calls, where that has been checked.
    pub caller: Caller,
    /// API Gateway's id of the request, if it is fit for a header. A client can choose it, by its own
    /// header `x-amzn-RequestId`.
    pub request_id: Option<String>,
    /// The id that a REST API gives a request beside it, which no client can choose.
    pub extended_request_id: Option<String>,
}

/// Why an event has no HTTP request behind it. It quotes nothing of the event.
#[derive(Debug, thiserror::Error)]
#[error("the event is neither one of API Gateway nor one of a function URL: {0}")]
pub struct NotHttp(String);

impl From<NotHttp> for Diagnostic {
    fn from(error: NotHttp) -> Self {
        Self { error_type: "NotAnHttpEvent".into(), error_message: error.to_string() }
    }
}

impl HttpRequest {
    /// The request behind an event of payload format 1.0 or 2.0.
    ///
    /// # Errors
    /// If no HTTP source sends such an event.
    pub fn from_event(event: &RawValue) -> Result<Self, NotHttp> {
        let event: Option<ProxyEvent> = parse(event)?;
        event.ok_or_else(missing)?.into_request()
    }

    /// The ID of the meeting in the path, if it looks like one.
    #[must_use]
    pub fn meeting_id(&self) -> Option<&str> {
        let id = self.path.strip_prefix("/meetings/")?.split('/').next();
        id.filter(|id| patterns::is_id(id))
    }

    /// Whether the content type is JSON, as the MIME Sniffing standard defines it, or none is given.
    fn has_json(&self) -> bool {
        let Some(content_type) = &self.content_type else { return true };
        let mut is_quoted = false;
        // HTTP APIs join repeated headers by commas. As among the headers of a REST API, the last counts.
        let joined = content_type.split(|char| {
            is_quoted ^= char == '"';
            char == ',' && !is_quoted
        });
        let last = joined.filter(|one| !one.trim().is_empty()).last().unwrap_or_default();
        let essence = last.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
    }

    /// The bytes of a JSON body.
    ///
    /// # Errors
    /// `BadRequest` if the content type is another, or the body is not the Base64 that the event says it is.
    pub fn json(&self) -> Result<Cow<'_, [u8]>, Error> {
        if !self.has_json() {
            return Err(Error::bad_request("The content type must be application/json."));
        }
        if !self.is_base64_encoded {
            return Ok(Cow::Borrowed(&self.body));
        }
        BASE64_STANDARD.decode(&self.body).map(Cow::Owned).map_err(|_| {
            Error::bad_request("The request body is not the Base64 that it is said to be.")
        })
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, NotHttp> {
    serde_json::from_str(json.get()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        NotHttp(format!("it is not of their form at line {line} column {column}"))
    })
}

fn missing() -> NotHttp {
    NotHttp(
        "it has neither requestContext.http.method and rawPath (payload format 2.0) \
         nor httpMethod and path (1.0)"
            .into(),
    )
}

/// A JSON string. Those that a client has a hand in may hold surrogates on their own, which are no
/// reason not to answer: only as bytes can they be read.
type Text = ByteBuf;

/// Parameters of a query or of a path, by name.
pub type Parameters = BTreeMap<String, String>;

fn lossy(text: &Text) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// An event of payload format 1.0 or 2.0, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent {
    http_method: Option<Text>,
    /// 1.0: the path of the API's route.
    resource: Option<Text>,
    /// 2.0: the method and the path of the API's route, or `$default`.
    route_key: Option<Text>,
    path: Option<Text>,
    raw_path: Option<Text>,
    #[serde(default, deserialize_with = "parameters")]
    query_string_parameters: Parameters,
    #[serde(default, deserialize_with = "parameters")]
    path_parameters: Parameters,
    #[serde(default, deserialize_with = "content_type")]
    headers: Option<String>,
    #[serde(default, deserialize_with = "content_type")]
    multi_value_headers: Option<String>,
    body: Option<Text>,
    is_base64_encoded: Option<bool>,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<Text>,
    extended_request_id: Option<Text>,
    stage: Option<Text>,
    /// 1.0: who calls.
    identity: Option<Identity>,
    /// 2.0: the request line.
    http: Option<RequestLine>,
    /// 2.0: an [`Authorizer`]. In 1.0 it holds whatever a Lambda authorizer likes.
    authorizer: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: Text,
}

#[derive(Deserialize)]
struct Authorizer {
    iam: Option<Identity>,
}

/// The IAM identity that the request was signed with, if it was to be signed: else, its members are
/// null. `requestContext.accountId`, in contrast, is whose API it is.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    account_id: Option<String>,
    user_arn: Option<Text>,
}

impl From<Identity> for Caller {
    fn from(identity: Identity) -> Self {
        Self {
            account_id: identity.account_id.filter(|id| !id.is_empty()),
            arn: identity.user_arn.as_ref().map(lossy),
        }
    }
}

impl ProxyEvent {
    fn into_request(self) -> Result<HttpRequest, NotHttp> {
        let context = self.request_context;
        let (format, method, route, path, identity) = match (context.http, self.http_method) {
            (Some(line), _) => {
                let authorizer: Option<Authorizer> =
                    context.authorizer.as_deref().map(parse).transpose()?;
                let identity = authorizer.and_then(|authorizer| authorizer.iam);
                (PayloadFormat::V2, line.method, self.route_key, self.raw_path, identity)
            }
            (None, Some(method)) => {
                (PayloadFormat::V1, method, self.resource, self.path, context.identity)
            }
            (None, None) => return Err(missing()),
        };
        let path = lossy(&path.ok_or_else(missing)?);
        let header_value =
            |id: Option<Text>| id.as_ref().map(lossy).filter(|id| is_fit_for_a_header(id));
        Ok(HttpRequest {
            format,
            method: lossy(&method),
            path: path_of_route(route.as_ref(), &self.path_parameters)
                .unwrap_or_else(|| without_stage(path, context.stage.as_ref())),
            query: self.query_string_parameters,
            content_type: self.headers.or(self.multi_value_headers),
            body: self.body.unwrap_or_default().into_vec(),
            is_base64_encoded: self.is_base64_encoded.unwrap_or_default(),
            caller: identity.unwrap_or_default().into(),
            request_id: header_value(context.request_id),
            extended_request_id: header_value(context.extended_request_id),
        })
    }
}

/// The path of a route with its parameters filled in, unless the route takes any path: `$default`, or one with
/// a `{proxy+}`.
///
/// Behind the base path of a custom domain, only the route has the API's own path.
fn path_of_route(route: Option<&Text>, parameters: &Parameters) -> Option<String> {
    let route = lossy(route?);
    let path = &route[route.find('/')?..];
    let value = |segment: &str| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        // API Gateway has decoded it: with a slash it would become another path.
        parameters.get(name).filter(|value| !value.contains('/'))
    };
    let fill = |segment| value(segment).map_or(segment, |value| value.as_str());
    (!path.contains("+}")).then(|| path.split('/').map(fill).collect::<Vec<_>>().join("/"))
}

fn without_stage(path: String, stage: Option<&Text>) -> String {
    let stage = stage.map(|stage| format!("/{}", lossy(stage)));
    match stage.and_then(|stage| path.strip_prefix(&stage)) {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

fn is_fit_for_a_header(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn content_type<'de, D: Deserializer<'de>>(headers: D) -> Result<Option<String>, D::Error> {
    headers.deserialize_any(ContentType)
}

/// Parameters may be of any shape: a request is answered without those that are not text.
fn parameters<'de, D: Deserializer<'de>>(parameters: D) -> Result<Parameters, D::Error> {
    let parameters = <&RawValue>::deserialize(parameters)?;
    let parameters: BTreeMap<Text, &RawValue> =
        serde_json::from_str(parameters.get()).unwrap_or_default();
    let text = |value: &RawValue| serde_json::from_str(value.get()).ok().as_ref().map(lossy);
    Ok(parameters.iter().filter_map(|(name, value)| Some((lossy(name), text(value)?))).collect())
}

/// Extracts the content type from a map of headers. All others are skipped, whatever their shape.
struct ContentType;

impl<'de> Visitor<'de> for ContentType {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<Text>()? {
            if name.eq_ignore_ascii_case(b"content-type") {
                found = last_of(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A value, or the last of several.
fn last_of(value: &RawValue) -> Option<String> {
    let json = value.get();
    let text = if json.starts_with('[') {
        serde_json::from_str(json).ok().and_then(|mut all: Vec<Text>| all.pop())
    } else {
        serde_json::from_str(json).ok()
    };
    text.as_ref().map(lossy)
}
