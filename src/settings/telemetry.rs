//! Settings of logs and traces, which Lambda sets ("Advanced logging controls" in its developer guide).

use std::env;

use tracing::level_filters::LevelFilter;

/// How a log entry is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum LogFormat {
    /// JSON with metrics, in `CloudWatch`'s embedded metric format.
    Json,
    /// All properties and metrics as `name=value`.
    Text,
    /// A short line for a person at a terminal.
    Terminal,
}

/// The settings of logs and traces. Invalid values fall back to defaults, because the reason why a start fails must
/// reach the log.
#[derive(Debug)]
pub struct TelemetrySettings {
    /// `AWS_LAMBDA_LOG_FORMAT`, which Lambda always sets. Without it, the format is `Terminal`, or `Text` at the level
    /// `DEBUG`. Unknown values mean `Text`.
    pub format: LogFormat,
    /// `AWS_LAMBDA_LOG_LEVEL`: the minimum level of log entries. Unknown values mean `INFO`.
    pub level: LevelFilter,
    /// `AWS_LAMBDA_FUNCTION_NAME`: the dimension of the metrics.
    pub function_name: String,
    /// `AWS_XRAY_DAEMON_ADDRESS`: where traces are sent, if they are.
    pub xray_daemon: Option<String>,
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
        let format = match &*variable("AWS_LAMBDA_LOG_FORMAT").to_ascii_lowercase() {
            "json" => LogFormat::Json,
            "" if level < LevelFilter::DEBUG => LogFormat::Terminal,
            _ => LogFormat::Text,
        };
        Self {
            format,
            level,
            function_name: variable("AWS_LAMBDA_FUNCTION_NAME"),
            xray_daemon: Some(variable("AWS_XRAY_DAEMON_ADDRESS")).filter(|it| !it.is_empty()),
        }
    }
}
