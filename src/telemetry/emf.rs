//! A log entry as JSON in `CloudWatch`'s embedded metric format: one line that the log keeps and `CloudWatch` extracts
//! metrics from ("Specification: Embedded metric format" in its user guide).

use std::time::UNIX_EPOCH;

use aws_sdk_dynamodb::primitives::{DateTime, DateTimeFormat};
use serde_json::{Map, Value, json};
use tracing::Level;
use tracing::level_filters::LevelFilter;

use super::LogEntry;
use super::log_entry::Metric;

/// The namespace of the metrics. Their one dimension is the function's name.
const NAMESPACE: &str = "CreateMeeting";

/// The line of `entry`, with its properties if it has at least the level `minimum`.
///
/// # Errors
/// If it cannot be serialized.
pub fn line(
    entry: &LogEntry,
    function_name: &str,
    minimum: LevelFilter,
) -> serde_json::Result<Vec<u8>> {
    let metrics = entry.metrics();
    let definitions: Vec<_> = metrics
        .iter()
        .map(|Metric { name, unit, .. }| json!({"Name": name, "Unit": unit}))
        .collect();
    let since_1970 = entry.received_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let time = DateTime::from(entry.received_at).fmt(DateTimeFormat::DateTime);
    let is_logged = entry.level() <= minimum;
    let level = if is_logged { Some(entry.level()) } else { minimum.into_level() };
    let mut members = Map::from_iter([
        (
            "_aws".into(),
            json!({
                "Timestamp": u64::try_from(since_1970.as_millis()).unwrap_or_default(),
                "CloudWatchMetrics": [{
                    "Namespace": NAMESPACE,
                    "Dimensions": [["FunctionName"]],
                    "Metrics": definitions,
                }],
            }),
        ),
        ("FunctionName".into(), json!(function_name)),
        // By these two, Lambda decides whether to keep the line, so metrics alone have the lowest level it keeps.
        ("timestamp".into(), json!(time.ok())),
        ("level".into(), json!(level.as_ref().map_or("FATAL", Level::as_str))),
    ]);
    let member = |name: &str, value: Value| (name.to_owned(), value);
    members.extend(metrics.into_iter().map(|metric| member(metric.name, metric.value)));
    if is_logged {
        members.extend(entry.properties().into_iter().map(|(name, value)| member(name, value)));
    }
    let mut line = serde_json::to_vec(&members)?;
    line.push(b'\n');
    Ok(line)
}
