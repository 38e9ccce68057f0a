//! A record as JSON in `CloudWatch`'s embedded metric format: what the log keeps as a line, and
//! what it takes metrics from.

use std::sync::{Mutex, PoisonError};

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use metrique_writer_core::format::Format;
use metrique_writer_core::{Entry, EntryWriter, IoStreamError};
use metrique_writer_format_emf::Emf;
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::Record;

/// The metrics' namespace. Their one dimension is the function's name.
const NAMESPACE: &str = "CreateMeeting";

/// Writes records of a function.
pub struct Writer {
    format: Mutex<Emf>,
    function_name: String,
}

impl Writer {
    pub fn new(function_name: String) -> Self {
        let format = Emf::builder(NAMESPACE.into(), vec![vec!["FunctionName".into()]]).build();
        Self { format: format.into(), function_name }
    }

    /// The record's line: all of it from its level on, else the metrics alone.
    pub fn line(&self, record: &Record, from: LevelFilter) -> Result<Vec<u8>, IoStreamError> {
        let line = Line { record, function_name: &self.function_name, from };
        let mut written = Vec::with_capacity(2048);
        let mut format = self.format.lock().unwrap_or_else(PoisonError::into_inner);
        format.format(&line, &mut written)?;
        Ok(written)
    }
}

struct Line<'a> {
    record: &'a Record<'a>,
    function_name: &'a str,
    from: LevelFilter,
}

impl Entry for Line<'_> {
    fn write<'a>(&'a self, writer: &mut impl EntryWriter<'a>) {
        let Self { record, function_name, from } = self;
        writer.timestamp(record.received_at);
        writer.value("FunctionName", *function_name);
        record.write_metrics(writer);
        // By these two, Lambda decides whether the line is to be kept.
        let received_at = DateTime::from(record.received_at).fmt(DateTimeFormat::DateTime);
        writer.value("timestamp", &received_at.ok());
        let level = record.level();
        if level <= *from {
            writer.value("level", level.as_str());
            record.write_properties(writer);
        } else {
            writer.value("level", from.into_level().as_ref().map_or("FATAL", Level::as_str));
        }
    }
}
