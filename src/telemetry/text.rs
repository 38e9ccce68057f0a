//! A record as text: in short for a person at a terminal, or all of it as `name=value`, as in logfmt.

use std::borrow::Cow;
use std::fmt::{Display, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use metrique_writer_core::{
    EntryConfig, EntryWriter, MetricFlags, Observation, Unit, ValidationError, Value, ValueWriter,
};

use super::record::{self, Record};
use crate::response::Outcome;

/// The record's line with what a person looks for first, as in `23:25:15 201 created 10 ms`. The time is UTC.
pub fn short_line(record: &Record) -> String {
    let seconds = record.received_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let details = match record.result {
        Ok(response) => {
            let meeting_id = response.meeting_id.as_deref().or(record.meeting_id);
            let meeting_id = meeting_id.unwrap_or_default();
            match response.outcome {
                Outcome::Created | Outcome::Replayed => meeting_id.into(),
                Outcome::Relayed => {
                    format!("{} {meeting_id}", record.operation.unwrap_or_default())
                }
            }
        }
        Err(error) => error.log_message().replace(char::is_control, " "),
    };
    format!(
        "{hour:02}:{minute:02}:{second:02} {} {} {} ms {}\n",
        record.status(),
        record.outcome().0,
        record.latency.as_millis(),
        record::beginning(&details),
    )
}

/// The record's line with all that is known.
pub fn line(record: &Record) -> String {
    let mut text = Text(format!("{:>5}", record.level().as_str()));
    record.write_properties(&mut text);
    record.write_metrics(&mut text);
    text.0.push('\n');
    text.0
}

/// A line, to which values are added.
struct Text(String);

impl<'a> EntryWriter<'a> for Text {
    fn timestamp(&mut self, _: SystemTime) {}

    fn value(&mut self, name: impl Into<Cow<'a, str>>, value: &(impl Value + ?Sized)) {
        value.write(Pair { line: &mut self.0, name: name.into() });
    }

    fn config(&mut self, _: &'a dyn EntryConfig) {}
}

/// A name that waits for its value.
struct Pair<'a> {
    line: &'a mut String,
    name: Cow<'a, str>,
}

impl Pair<'_> {
    fn with(self, value: impl Display) {
        // A string takes whatever is written.
        let _ = write!(self.line, " {}={value}", self.name);
    }
}

impl ValueWriter for Pair<'_> {
    fn string(self, value: &str) {
        if value.contains(|char: char| char.is_whitespace() || char.is_control()) {
            self.with(format_args!("{value:?}"));
        } else {
            self.with(value);
        }
    }

    fn metric<'a>(
        self,
        distribution: impl IntoIterator<Item = Observation>,
        _: Unit,
        _: impl IntoIterator<Item = (&'a str, &'a str)>,
        _: MetricFlags<'_>,
    ) {
        match distribution.into_iter().next() {
            Some(Observation::Unsigned(value)) => self.with(value),
            Some(Observation::Floating(value)) => self.with((value * 1000.0).round() / 1000.0),
            _ => {}
        }
    }

    fn error(self, error: ValidationError) {
        self.with(format_args!("{:?}", error.to_string()));
    }
}
