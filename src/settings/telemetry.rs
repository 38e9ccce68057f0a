//! Settings of the log, which Lambda sets ("Advanced logging controls" in its developer guide).

use std::env;

use tracing::level_filters::LevelFilter;

/// How a log entry is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// JSON with metrics, in `CloudWatch`'s embedded metric format.
    Json,
    /// A short line for a person at a terminal.
    Text,
}

/// The settings of the log. Invalid values fall back to defaults, because the reason why a start fails must reach the
/// log.
#[derive(Debug)]
pub struct TelemetrySettings {
    /// `AWS_LAMBDA_LOG_FORMAT`. Anything but `JSON` means `Text`.
    pub format: LogFormat,
    /// `AWS_LAMBDA_LOG_LEVEL`: the minimum level of log entries. Unknown values mean `INFO`.
    pub level: LevelFilter,
    /// `AWS_LAMBDA_FUNCTION_NAME`: the dimension of the metrics.
    pub function_name: String,
}

impl TelemetrySettings {
    /// Reads the environment.
    #[must_use]
    pub fn from_env() -> Self {
        let variable = |name| env::var(name).unwrap_or_default();
        let level = match &*variable("AWS_LAMBDA_LOG_LEVEL") {
            "" => LevelFilter::INFO,
            // The function logs nothing at this level.
            "FATAL" => LevelFilter::OFF,
            level => level.parse().unwrap_or(LevelFilter::INFO),
        };
        let is_json = variable("AWS_LAMBDA_LOG_FORMAT").eq_ignore_ascii_case("json");
        let format = if is_json { LogFormat::Json } else { LogFormat::Text };
        Self { format, level, function_name: variable("AWS_LAMBDA_FUNCTION_NAME") }
    }
}
