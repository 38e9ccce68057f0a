//! Events of API Gateway and of function URLs, as plain requests.
//!
//! REST APIs send payload format 1.0; HTTP APIs and function URLs send 2.0. Only the needed members are parsed, and
//! here instead of by `lambda_http`: its conversion to an `http::Request` fails or panics on hosts and header values
//! that any client can send.

use std::collections::BTreeMap;
use std::fmt;

use lambda_runtime::Diagnostic;
use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_bytes::ByteBuf;
use serde_json::value::RawValue;

use crate::caller::Caller;
use crate::http_request::{HttpRequest, Parameters};

/// The payload format of an event and of its response.
#[derive(Clone, Copy, Debug)]
pub enum PayloadFormat {
    /// 1.0: REST APIs.
    V1,
    /// 2.0: HTTP APIs and function URLs.
    V2,
}

/// An event with an HTTP request.
#[derive(Debug)]
pub struct HttpEvent {
    /// The payload format.
    pub format: PayloadFormat,
    /// API Gateway's ID of the request, if it is a valid header value. Clients can choose it, with the header
    /// `x-amzn-RequestId`.
    pub request_id: Option<String>,
    /// The second ID that a REST API assigns, which no client can choose.
    pub extended_request_id: Option<String>,
    /// The request. If the event has a route, its path is the route's, with the parameters filled in. Otherwise it is
    /// the path that the client sent, without the stage.
    pub request: HttpRequest,
}

/// Why an event is not an HTTP request. The message quotes nothing from the event.
#[derive(Debug, thiserror::Error)]
#[error("the event comes neither from API Gateway nor from a function URL: {0}")]
pub struct NotHttp(String);

impl From<NotHttp> for Diagnostic {
    fn from(error: NotHttp) -> Self {
        Self { error_type: "NotAnHttpEvent".into(), error_message: error.to_string() }
    }
}

impl HttpEvent {
    /// Parses an event of payload format 1.0 or 2.0.
    ///
    /// # Errors
    /// If the event does not come from an HTTP source.
    pub fn parse(event: &RawValue) -> Result<Self, NotHttp> {
        let event: Option<ProxyEvent> = parse(event)?;
        let mut event = event.ok_or_else(missing)?;
        match (event.request_context.http.take(), event.http_method.take()) {
            (Some(line), _) => event.into_v2(line),
            (None, Some(method)) => event.into_v1(method),
            (None, None) => Err(missing()),
        }
    }
}

fn parse<'a, T: Deserialize<'a>>(json: &'a RawValue) -> Result<T, NotHttp> {
    serde_json::from_str(json.get()).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        NotHttp(format!("unexpected structure at line {line} column {column}"))
    })
}

fn missing() -> NotHttp {
    NotHttp(
        "it has neither requestContext.http.method and rawPath (payload format 2.0) \
         nor httpMethod and path (1.0)"
            .into(),
    )
}

/// A JSON string. Clients can send lone surrogates, which serde rejects in a `String`. They become replacement
/// characters, so that the request still gets a response.
#[derive(Eq, Ord, PartialEq, PartialOrd)]
struct Lossy(String);

impl<'de> Deserialize<'de> for Lossy {
    fn deserialize<D: Deserializer<'de>>(string: D) -> Result<Self, D::Error> {
        let bytes = ByteBuf::deserialize(string)?.into_vec();
        let lossy = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self(String::from_utf8(bytes).unwrap_or_else(|error| lossy(error.as_bytes()))))
    }
}

/// An event of either payload format, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent {
    http_method: Option<Lossy>,
    /// 1.0: the route's path.
    resource: Option<Lossy>,
    /// 2.0: the route's method and path, or `$default`.
    route_key: Option<Lossy>,
    path: Option<Lossy>,
    raw_path: Option<Lossy>,
    #[serde(default, deserialize_with = "parameters")]
    query_string_parameters: Parameters,
    #[serde(default, deserialize_with = "parameters")]
    path_parameters: Parameters,
    #[serde(default, rename = "headers", deserialize_with = "content_type")]
    content_type: Option<String>,
    #[serde(default, rename = "multiValueHeaders", deserialize_with = "content_type")]
    multi_value_content_type: Option<String>,
    /// As bytes, because a body that is not Unicode gets an error of its own.
    body: Option<ByteBuf>,
    is_base64_encoded: Option<bool>,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<Lossy>,
    extended_request_id: Option<Lossy>,
    stage: Option<Lossy>,
    /// 1.0: the caller.
    identity: Option<Identity>,
    /// 2.0: the method.
    http: Option<RequestLine>,
    /// 2.0: an [`Authorizer`]. In 1.0, the arbitrary output of a Lambda authorizer.
    authorizer: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: Lossy,
}

#[derive(Deserialize)]
struct Authorizer {
    iam: Option<Identity>,
}

/// The IAM identity that signed the request. Without IAM authorization, its members are null. (The member
/// `requestContext.accountId` is the owner of the API, not the caller.)
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    account_id: Option<String>,
    user_arn: Option<Lossy>,
}

impl From<Identity> for Caller {
    fn from(identity: Identity) -> Self {
        Self {
            account_id: identity.account_id.filter(|id| !id.is_empty()),
            arn: identity.user_arn.map(|arn| arn.0),
        }
    }
}

impl ProxyEvent {
    fn into_v1(mut self, Lossy(method): Lossy) -> Result<HttpEvent, NotHttp> {
        let path = self.path.take().ok_or_else(missing)?;
        let path = self.path_in_api(self.resource.as_ref(), path);
        let identity = self.request_context.identity.take();
        Ok(self.into_event(PayloadFormat::V1, method, path, identity))
    }

    fn into_v2(mut self, line: RequestLine) -> Result<HttpEvent, NotHttp> {
        let authorizer = self.request_context.authorizer.take();
        let authorizer: Option<Authorizer> = authorizer.as_deref().map(parse).transpose()?;
        let path = self.raw_path.take().ok_or_else(missing)?;
        let path = self.path_in_api(self.route_key.as_ref(), path);
        let identity = authorizer.and_then(|authorizer| authorizer.iam);
        Ok(self.into_event(PayloadFormat::V2, line.method.0, path, identity))
    }

    fn path_in_api(&self, route: Option<&Lossy>, Lossy(path): Lossy) -> String {
        path_of_route(route, &self.path_parameters)
            .unwrap_or_else(|| without_stage(path, self.request_context.stage.as_ref()))
    }

    fn into_event(
        self,
        format: PayloadFormat,
        method: String,
        path: String,
        identity: Option<Identity>,
    ) -> HttpEvent {
        let header_value =
            |id: Option<Lossy>| id.map(|id| id.0).filter(|id| is_valid_header_value(id));
        HttpEvent {
            format,
            request_id: header_value(self.request_context.request_id),
            extended_request_id: header_value(self.request_context.extended_request_id),
            request: HttpRequest {
                method,
                path,
                query: self.query_string_parameters,
                content_type: self.content_type.or(self.multi_value_content_type),
                body: self.body.unwrap_or_default().into_vec(),
                is_base64_encoded: self.is_base64_encoded.unwrap_or_default(),
                caller: identity.unwrap_or_default().into(),
            },
        }
    }
}

/// The route's path with its parameters filled in, or `None` for a route that matches any path: `$default`, or one
/// with `{proxy+}`.
///
/// With a custom domain's base path, only the route has the path within the API.
fn path_of_route(route: Option<&Lossy>, parameters: &Parameters) -> Option<String> {
    let Lossy(route) = route?;
    let path = &route[route.find('/')?..];
    let value = |segment: &str| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        // API Gateway has decoded the value, so a slash in it would change the path.
        parameters.get(name).filter(|value| !value.contains('/'))
    };
    let fill = |segment| value(segment).map_or(segment, |value| value.as_str());
    (!path.contains("+}")).then(|| path.split('/').map(fill).collect::<Vec<_>>().join("/"))
}

fn without_stage(path: String, stage: Option<&Lossy>) -> String {
    let stage = stage.map(|Lossy(stage)| format!("/{stage}"));
    match stage.and_then(|stage| path.strip_prefix(&stage)) {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

fn is_valid_header_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Parameters that are not strings are skipped, so that the request still gets a response.
fn parameters<'de, D: Deserializer<'de>>(parameters: D) -> Result<Parameters, D::Error> {
    let parameters = <&RawValue>::deserialize(parameters)?;
    let parameters: BTreeMap<Lossy, &RawValue> =
        serde_json::from_str(parameters.get()).unwrap_or_default();
    let text = |value: &RawValue| serde_json::from_str::<Lossy>(value.get()).ok();
    let strings = parameters.into_iter().filter_map(|(name, value)| Some((name.0, text(value)?.0)));
    Ok(strings.collect())
}

fn content_type<'de, D: Deserializer<'de>>(headers: D) -> Result<Option<String>, D::Error> {
    headers.deserialize_any(ContentType)
}

/// Extracts the content type from a map of headers, and skips all others, whatever their shape.
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
        while let Some(Lossy(name)) = map.next_key()? {
            if name.eq_ignore_ascii_case("content-type") {
                found = last_of(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// A header's value, or the last of several.
fn last_of(value: &RawValue) -> Option<String> {
    let json = value.get();
    let value = if json.starts_with('[') {
        serde_json::from_str(json).ok().and_then(|mut all: Vec<Lossy>| all.pop())
    } else {
        serde_json::from_str(json).ok()
    };
    value.map(|Lossy(value)| value)
}
