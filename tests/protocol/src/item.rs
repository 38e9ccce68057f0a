//! What the items of the table say.

use serde_json::Value;

use crate::client::external_id;
use crate::names::Name;
use crate::scenario::Subject;
use crate::state::{State, Stored};

/// Notes which meetings were put.
pub fn note_puts(state: &mut State, before: &[Value], after: &[Value]) {
    for item in after {
        let is_same = |other: &Value| {
            ["MeetingId", "WriteId", "CreatedAt"].iter().all(|it| other[*it] == item[*it])
        };
        let Some(meeting_id) = meeting_id(item).filter(|_| !before.iter().any(is_same)) else {
            continue;
        };
        let expires_at = expires_at(item);
        if let Some(known) = state.stored.iter_mut().find(|it| it.meeting_id == meeting_id) {
            known.puts += 1;
            known.expires_at = expires_at;
            continue;
        }
        let is_x = text(item, "ExternalMeetingId") == external_id(Subject::X);
        let subject = if is_x { Subject::X } else { Subject::Y };
        let (puts, is_returned, creations) = (1, false, 0);
        let stored = Stored { meeting_id, subject, puts, expires_at, is_returned, creations };
        state.stored.push(stored);
    }
}

/// An attribute that is a string, or nothing.
fn text<'a>(item: &'a Value, attribute: &str) -> &'a str {
    item[attribute]["S"].as_str().unwrap_or_default()
}

/// The meeting of a token's item.
#[must_use]
pub fn meeting_id(item: &Value) -> Option<Name> {
    Name::read(text(item, "MeetingId"))
}

/// An attribute that is a number.
#[must_use]
pub fn integer(item: &Value, attribute: &str) -> Option<u64> {
    item[attribute]["N"].as_str().and_then(|it| it.parse().ok())
}

/// When an item expires, in seconds since 1970.
#[must_use]
pub fn expires_at(item: &Value) -> u64 {
    integer(item, "ExpiresAt").unwrap_or(u64::MAX)
}

/// The meeting whose owner an item is.
#[must_use]
pub fn owned(item: &Value) -> Option<Name> {
    Name::read(text(item, "ClientRequestToken").strip_prefix("#owner#")?)
}
