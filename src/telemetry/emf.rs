//! A log entry as JSON in `CloudWatch`'s embedded metric format: one line that the log keeps and `CloudWatch` extracts
//! metrics from ("Specification: Embedded metric format" in its user guide).

use std::time::UNIX_EPOCH;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde::{Serialize, Serializer};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::log_entry::{LogEntry, Metric, Property};

/// The namespace of the metrics. Their one dimension is the function's name.
const NAMESPACE: &str = "CreateMeeting";

#[derive(Serialize)]
struct Line<'a> {
    #[serde(rename = "_aws")]
    metadata: Metadata<'a>,
    #[serde(rename = "FunctionName")]
    function_name: &'a str,
    // Lambda filters lines by these two. A line with metrics only has the configured level, so that Lambda keeps it.
    timestamp: Option<String>,
    level: &'static str,
    #[serde(flatten, serialize_with = "metric_values")]
    metrics: &'a [Metric],
    #[serde(flatten, serialize_with = "members")]
    properties: Vec<Property<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: u64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'static str,
    dimensions: [[&'static str; 1]; 1],
    metrics: &'a [Metric],
}

/// The line of `entry`, with its properties if its level is at least `minimum`.
///
/// # Errors
/// If it cannot be serialized.
pub fn line(
    entry: &LogEntry,
    function_name: &str,
    minimum: LevelFilter,
) -> serde_json::Result<Vec<u8>> {
    let metrics = &*entry.metrics();
    let since_1970 = entry.received_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let is_logged = entry.level() <= minimum;
    let level = if is_logged { Some(entry.level()) } else { minimum.into_level() };
    let line = Line {
        metadata: Metadata {
            timestamp: u64::try_from(since_1970.as_millis()).unwrap_or_default(),
            cloud_watch_metrics: [Directive {
                namespace: NAMESPACE,
                dimensions: [["FunctionName"]],
                metrics,
            }],
        },
        function_name,
        timestamp: DateTime::from(entry.received_at).fmt(DateTimeFormat::DateTime).ok(),
        level: level.as_ref().map_or("FATAL", Level::as_str),
        metrics,
        properties: if is_logged { entry.properties() } else { Vec::new() },
    };
    let mut written = Vec::with_capacity(2048);
    serde_json::to_writer(&mut written, &line)?;
    written.push(b'\n');
    Ok(written)
}

fn metric_values<S: Serializer>(metrics: &&[Metric], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(metrics.iter().map(|metric| (metric.name, &metric.value)))
}

fn members<S: Serializer>(properties: &[Property], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(properties.iter().map(|(name, value)| (name, value)))
}
