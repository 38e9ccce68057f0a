//! The path and query of a forwarded request, built from validated parts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Relayed;
use crate::chime_sdk::patterns;
use crate::gateway::{HttpRequest, Route};
use crate::request::validation::ValidationErrors;

/// All characters but RFC 3986's unreserved ones, as Signature Version 4 requires.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Maximum length of a page token in characters (`String` in the Amazon Chime SDK's model).
const MAX_TOKEN: usize = 4096;

/// The path and query of an operation, which are the same in both APIs. They are valid only if `errors` stays empty.
pub fn path_and_query(
    route: &Route<'_>,
    relayed: Relayed,
    request: &HttpRequest,
    errors: &mut ValidationErrors,
) -> String {
    let mut path = request.path.clone();
    let selector = route.operation.selector;
    for (member, id) in [("meetingId", route.meeting_id), ("attendeeId", route.attendee_id)] {
        if id.is_some_and(|id| !patterns::is_id(id)) {
            let constraint = format_args!("satisfy regular expression pattern: {}", patterns::ID);
            errors.add(&member, constraint);
        }
    }
    if relayed == Relayed::ListAttendees {
        path += &page(request, errors);
    } else if !selector.is_empty() {
        path += "?operation=";
        path += selector;
    }
    path
}

/// The query of `ListAttendees`. The legacy API allows 99 results on a page, one less than the Amazon Chime SDK.
fn page(request: &HttpRequest, errors: &mut ValidationErrors) -> String {
    let raw = |name| request.query.get(name).filter(|value| !value.is_empty());
    let mut parameters = Vec::new();
    if let Some(results) = raw("max-results") {
        match results.parse::<u32>() {
            Ok(results @ 1..=99) => parameters.push(format!("max-results={results}")),
            Ok(0) => errors.add(&"maxResults", "have value greater than or equal to 1"),
            Ok(_) => errors.add(&"maxResults", "have value less than or equal to 99"),
            Err(_) => errors.add(&"maxResults", "be a whole number between 1 and 99"),
        }
    }
    if let Some(token) = raw("next-token") {
        if token.chars().count() > MAX_TOKEN {
            let constraint = format_args!("have length less than or equal to {MAX_TOKEN}");
            errors.add(&"nextToken", constraint);
        }
        parameters.push(format!("next-token={}", utf8_percent_encode(token, RESERVED)));
    }
    if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) }
}
