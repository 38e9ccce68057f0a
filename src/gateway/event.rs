//! Events of API Gateway and of function URLs.
//!
//! REST APIs send payload format 1.0; HTTP APIs and function URLs send 2.0. Only the needed members are parsed, and
//! here instead of by `lambda_http`: its conversion to an `http::Request` fails or panics on hosts and header values
//! that any client can send.

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
use crate::error::Error;

/// The payload format of an event and of its response.
#[derive(Clone, Copy, Debug)]
pub enum PayloadFormat {
    /// 1.0: REST APIs.
    V1,
    /// 2.0: HTTP APIs and function URLs.
    V2,
}

/// The HTTP request behind an event.
#[derive(Debug)]
pub struct HttpRequest {
    /// The payload format of the event.
    pub format: PayloadFormat,
    /// The HTTP method, such as `POST`.
    pub method: String,
    /// The path within the API, such as `/meetings`. If the event has a route, it is the route's path with the
    /// parameters filled in. Otherwise it is the path that the client sent, without the stage.
    pub path: String,
    /// The query parameters, decoded. If one was sent repeatedly, API Gateway decides on its value.
    pub query: Parameters,
    content_type: Option<String>,
    body: Vec<u8>,
    is_base64_encoded: bool,
    /// The caller, if the source verified its identity.
    pub caller: Caller,
    /// API Gateway's ID of the request, if it is a valid header value. Clients can choose it, with the header
    /// `x-amzn-RequestId`.
    pub request_id: Option<String>,
    /// The second ID that a REST API assigns, which no client can choose.
    pub extended_request_id: Option<String>,
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

impl HttpRequest {
    /// Parses an event of payload format 1.0 or 2.0.
    ///
    /// # Errors
    /// If the event does not come from an HTTP source.
    pub fn from_event(event: &RawValue) -> Result<Self, NotHttp> {
        let event: Option<ProxyEvent> = parse(event)?;
        event.ok_or_else(missing)?.into_request()
    }

    /// Whether the content type is missing or is JSON, as the MIME Sniffing standard defines it.
    fn accepts_content_type(&self) -> bool {
        let Some(content_type) = &self.content_type else { return true };
        let mut is_quoted = false;
        // HTTP APIs join repeated headers with commas. The last one counts, as it does with REST APIs.
        let joined = content_type.split(|char| {
            is_quoted ^= char == '"';
            char == ',' && !is_quoted
        });
        let last = joined.filter(|one| !one.trim().is_empty()).last().unwrap_or_default();
        let essence = last.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(essence.as_str(), "application/json" | "text/json") || essence.ends_with("+json")
    }

    /// The body, decoded from Base64 if it is encoded.
    ///
    /// # Errors
    /// `BadRequest` if the content type is not JSON, or the Base64 is invalid.
    pub fn json_body(&self) -> Result<Cow<'_, [u8]>, Error> {
        if !self.accepts_content_type() {
            return Err(Error::bad_request("The content type must be application/json."));
        }
        if !self.is_base64_encoded {
            return Ok(Cow::Borrowed(&self.body));
        }
        BASE64_STANDARD.decode(&self.body).map(Cow::Owned).map_err(|_| {
            Error::bad_request("The request body is marked as Base64 but is not valid Base64.")
        })
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

/// A JSON string as bytes. Client-controlled strings may contain lone surrogates, which serde rejects in a `String`.
/// Requests with such strings still get a response.
type JsonText = ByteBuf;

/// Parameters of a query or of a path, by name.
pub type Parameters = BTreeMap<String, String>;

fn lossy(text: &JsonText) -> String {
    String::from_utf8_lossy(text).into_owned()
}

/// An event of either payload format, as far as it is needed.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ProxyEvent {
    http_method: Option<JsonText>,
    /// 1.0: the route's path.
    resource: Option<JsonText>,
    /// 2.0: the route's method and path, or `$default`.
    route_key: Option<JsonText>,
    path: Option<JsonText>,
    raw_path: Option<JsonText>,
    #[serde(default, deserialize_with = "parameters")]
    query_string_parameters: Parameters,
    #[serde(default, deserialize_with = "parameters")]
    path_parameters: Parameters,
    #[serde(default, deserialize_with = "content_type")]
    headers: Option<String>,
    #[serde(default, deserialize_with = "content_type")]
    multi_value_headers: Option<String>,
    body: Option<JsonText>,
    is_base64_encoded: Option<bool>,
    #[serde(default)]
    request_context: RequestContext,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext {
    request_id: Option<JsonText>,
    extended_request_id: Option<JsonText>,
    stage: Option<JsonText>,
    /// 1.0: the caller.
    identity: Option<Identity>,
    /// 2.0: the method.
    http: Option<RequestLine>,
    /// 2.0: an [`Authorizer`]. In 1.0, the arbitrary output of a Lambda authorizer.
    authorizer: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RequestLine {
    method: JsonText,
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
    user_arn: Option<JsonText>,
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
            |id: Option<JsonText>| id.as_ref().map(lossy).filter(|id| is_valid_header_value(id));
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

/// The route's path with its parameters filled in, or `None` for a route that matches any path: `$default`, or one
/// with `{proxy+}`.
///
/// With a custom domain's base path, only the route has the path within the API.
fn path_of_route(route: Option<&JsonText>, parameters: &Parameters) -> Option<String> {
    let route = lossy(route?);
    let path = &route[route.find('/')?..];
    let value = |segment: &str| {
        let name = segment.strip_prefix('{')?.strip_suffix('}')?;
        // API Gateway has decoded the value, so a slash in it would change the path.
        parameters.get(name).filter(|value| !value.contains('/'))
    };
    let fill = |segment| value(segment).map_or(segment, |value| value.as_str());
    (!path.contains("+}")).then(|| path.split('/').map(fill).collect::<Vec<_>>().join("/"))
}

fn without_stage(path: String, stage: Option<&JsonText>) -> String {
    let stage = stage.map(|stage| format!("/{}", lossy(stage)));
    match stage.and_then(|stage| path.strip_prefix(&stage)) {
        Some(rest) if rest.starts_with('/') => rest.to_owned(),
        _ => path,
    }
}

fn is_valid_header_value(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_graphic())
}

fn content_type<'de, D: Deserializer<'de>>(headers: D) -> Result<Option<String>, D::Error> {
    headers.deserialize_any(ContentType)
}

/// Parameters that are not strings are skipped, so that the request still gets a response.
fn parameters<'de, D: Deserializer<'de>>(parameters: D) -> Result<Parameters, D::Error> {
    let parameters = <&RawValue>::deserialize(parameters)?;
    let parameters: BTreeMap<JsonText, &RawValue> =
        serde_json::from_str(parameters.get()).unwrap_or_default();
    let text = |value: &RawValue| serde_json::from_str(value.get()).ok().as_ref().map(lossy);
    Ok(parameters.iter().filter_map(|(name, value)| Some((lossy(name), text(value)?))).collect())
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
        while let Some(name) = map.next_key::<JsonText>()? {
            if name.eq_ignore_ascii_case(b"content-type") {
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
    let text = if json.starts_with('[') {
        serde_json::from_str(json).ok().and_then(|mut all: Vec<JsonText>| all.pop())
    } else {
        serde_json::from_str(json).ok()
    };
    text.as_ref().map(lossy)
}
