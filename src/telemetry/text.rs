//! A log entry as text: a short line for a person at a terminal, or all of it as `name=value`.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use super::log_entry::{LogEntry, truncated};
use crate::response::Outcome;

/// The line with what a person looks for first, such as `23:25:15 201 created 10 ms`. The time is UTC.
pub fn short_line(entry: &LogEntry) -> String {
    let seconds = entry.received_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let details = match entry.result {
        Ok(response) => {
            let meeting_id = response.meeting_id.as_deref().or(entry.meeting_id);
            let meeting_id = meeting_id.unwrap_or_default();
            match response.outcome {
                Outcome::Created | Outcome::Replayed => meeting_id.into(),
                Outcome::Relayed => format!("{} {meeting_id}", entry.operation.unwrap_or_default()),
            }
        }
        Err(error) => error.log_message().replace(char::is_control, " "),
    };
    format!(
        "{hour:02}:{minute:02}:{second:02} {} {} {} ms {}\n",
        entry.status(),
        entry.outcome().0,
        entry.latency.as_millis(),
        truncated(&details),
    )
}

/// The line with all properties and metrics, in the format logfmt.
pub fn line(entry: &LogEntry) -> String {
    let mut line = format!("{:>5}", entry.level().as_str());
    let metrics = entry.metrics().into_iter().map(|metric| (metric.name, metric.value));
    for (name, value) in entry.properties().into_iter().chain(metrics) {
        // Writing to a string cannot fail.
        let _ = write!(line, " {name}={value}");
    }
    line.push('\n');
    line
}
