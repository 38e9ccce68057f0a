//! A log entry as a short line for a person at a terminal.

use std::time::UNIX_EPOCH;

use super::log_entry::{LogEntry, truncated};
use crate::meeting::Guid;
use crate::response::Outcome;

/// The line with what a person looks for first, such as `23:25:15 201 created 10 ms`. The time is UTC.
pub fn line(entry: &LogEntry) -> String {
    let seconds = entry.received_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let details = match entry.result {
        Ok(response) => {
            let meeting_id = response.meeting_id.as_ref().or(entry.meeting_id);
            let meeting_id = meeting_id.map_or("", Guid::as_str);
            match response.outcome {
                Outcome::Relayed => format!("{} {meeting_id}", entry.operation.unwrap_or_default()),
                Outcome::Listed => entry.operation.unwrap_or_default().into(),
                _ => meeting_id.into(),
            }
        }
        Err(error) => error.log_message(),
    };
    let mark_error = entry.mark_error.map(|error| format!(", and not stored: {error}"));
    let details = details + mark_error.as_deref().unwrap_or_default();
    let details = details.replace(char::is_control, " ");
    format!(
        "{hour:02}:{minute:02}:{second:02} {} {} {} ms {}\n",
        entry.status(),
        Outcome::of(entry.result).name(),
        entry.latency.as_millis(),
        truncated(&details),
    )
}
