//! The page of a list that a request asks for.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::validation::Validator;
use crate::http_request::Parameters;

/// All characters but RFC 3986's unreserved ones, as Signature Version 4 requires.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Maximum length of a page token in characters (`String` in the Amazon Chime SDK's model).
const MAX_TOKEN: usize = 4096;

/// The query of `ListAttendees` for the Amazon Chime SDK, encoded. The legacy API allows 99 results on a page, one less
/// than the Amazon Chime SDK.
pub fn encoded(query: &Parameters, validator: &mut Validator) -> String {
    let raw = |name| query.get(name).filter(|value| !value.is_empty());
    let mut parameters = Vec::new();
    if let Some(results) = raw("max-results") {
        match results.parse::<u32>() {
            Ok(results @ 1..=99) => parameters.push(format!("max-results={results}")),
            Ok(0) => validator.violated("maxResults", "have value greater than or equal to 1"),
            Ok(_) => validator.violated("maxResults", "have value less than or equal to 99"),
            Err(_) => validator.violated("maxResults", "be a whole number between 1 and 99"),
        }
    }
    if let Some(token) = raw("next-token") {
        if token.chars().count() > MAX_TOKEN {
            let constraint = format_args!("have length less than or equal to {MAX_TOKEN}");
            validator.violated("nextToken", constraint);
        }
        parameters.push(format!("next-token={}", utf8_percent_encode(token, RESERVED)));
    }
    parameters.join("&")
}
