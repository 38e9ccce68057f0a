//! A plain HTTP request, whichever source it came from.

use std::borrow::Cow;
use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use crate::caller::Caller;
use crate::error::Error;

/// Parameters of a query or of a path, by name.
pub type Parameters = BTreeMap<String, String>;

/// Maximum size of a bounded body in bytes. Room for 100 attendees with ten tags each.
const MAX_BODY: usize = 2 * 1024 * 1024;

/// An HTTP request.
#[derive(Debug)]
pub struct HttpRequest {
    /// The HTTP method, such as `POST`.
    pub method: String,
    /// The path within the API, such as `/meetings`.
    pub path: String,
    /// The query parameters, decoded. If one was sent repeatedly, API Gateway decides on its value.
    pub query: Parameters,
    /// The content type, if the client sent one.
    pub content_type: Option<String>,
    /// The body, encoded or not. [`Self::json_body`] decodes it.
    pub body: Vec<u8>,
    /// Whether the body is encoded as Base64.
    pub is_base64_encoded: bool,
    /// The caller, if the source verified its identity.
    pub caller: Caller,
}

impl HttpRequest {
    /// The body, decoded from Base64 if it is encoded.
    ///
    /// # Errors
    /// `BadRequest` if the content type is not JSON, or the Base64 is invalid.
    pub fn json_body(&self) -> Result<Cow<'_, [u8]>, Error> {
        if !self.content_type.as_deref().is_none_or(is_accepted) {
            return Err(Error::bad_request("The content type must be application/json."));
        }
        if !self.is_base64_encoded {
            return Ok(Cow::Borrowed(&self.body));
        }
        BASE64_STANDARD.decode(&self.body).map(Cow::Owned).map_err(|_| {
            Error::bad_request("The request body is marked as Base64 but is not valid Base64.")
        })
    }

    /// The body, decoded, of a request with attendees or a transcription.
    ///
    /// # Errors
    /// Those of [`Self::json_body`], and `BadRequest` if the body has more than 2 MiB.
    pub fn bounded_json_body(&self) -> Result<Cow<'_, [u8]>, Error> {
        let body = self.json_body()?;
        if body.len() > MAX_BODY {
            return Err(Error::bad_request(format!(
                "The request body must have at most {MAX_BODY} bytes, but has {}.",
                body.len()
            )));
        }
        Ok(body)
    }
}

/// Whether a content type is accepted: JSON as the MIME Sniffing standard defines it, what older AWS SDKs send for
/// JSON, or nothing.
fn is_accepted(content_type: &str) -> bool {
    let mut is_quoted = false;
    // HTTP APIs join repeated headers with commas. The last one counts, as it does with REST APIs.
    let joined = content_type.split(|char| {
        is_quoted ^= char == '"';
        char == ',' && !is_quoted
    });
    let last = joined.filter(|one| !one.trim().is_empty()).last().unwrap_or_default();
    let essence = last.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(
        essence.as_str(),
        "" | "application/json"
            | "application/x-amz-json-1.0"
            | "application/x-amz-json-1.1"
            | "text/json"
    ) || essence.ends_with("+json")
}
