//! Where a relayed request goes: path and query, of checked parts.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Relayed;
use crate::chime_sdk::patterns;
use crate::gateway::HttpRequest;
use crate::request::violations::Violations;

/// All but what RFC 3986 calls unreserved, as Signature Version 4 wants it.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The longest token of a page, in characters (`String` in the Amazon Chime SDK's model).
const LONGEST_TOKEN: usize = 4096;

/// The path and query of an operation, which are the same in both APIs. They are valid only if `violations`
/// stays empty.
pub fn path(
    operation: Relayed,
    selector: &str,
    request: &HttpRequest,
    violations: &mut Violations,
) -> String {
    let mut path = request.path.clone();
    let segments: Vec<_> = path.split('/').collect();
    for (member, segment) in [("meetingId", 2), ("attendeeId", 4)] {
        if segments.get(segment).is_some_and(|id| !patterns::is_id(id)) {
            let constraint = format_args!("satisfy regular expression pattern: {}", patterns::ID);
            violations.note(&member, constraint);
        }
    }
    if operation == Relayed::ListAttendees {
        path += &page(request, violations);
    } else if !selector.is_empty() {
        path += "?operation=";
        path += selector;
    }
    path
}

/// The query of a page. The legacy API allows one attendee less on it than the Amazon Chime SDK.
fn page(request: &HttpRequest, violations: &mut Violations) -> String {
    let given = |name| request.query.get(name).filter(|value| !value.is_empty());
    let mut parameters = Vec::new();
    if let Some(results) = given("max-results") {
        match results.parse::<u32>() {
            Ok(results @ 1..=99) => parameters.push(format!("max-results={results}")),
            Ok(0) => violations.note(&"maxResults", "have value greater than or equal to 1"),
            Ok(_) => violations.note(&"maxResults", "have value less than or equal to 99"),
            Err(_) => violations.note(&"maxResults", "be a whole number between 1 and 99"),
        }
    }
    if let Some(token) = given("next-token") {
        if token.chars().count() > LONGEST_TOKEN {
            let constraint = format_args!("have length less than or equal to {LONGEST_TOKEN}");
            violations.note(&"nextToken", constraint);
        }
        parameters.push(format!("next-token={}", utf8_percent_encode(token, RESERVED)));
    }
    if parameters.is_empty() { String::new() } else { format!("?{}", parameters.join("&")) }
}
