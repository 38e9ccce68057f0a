//! What Lambda says about logs and traces ("Advanced logging controls" in its developer guide).

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

/// Logs and traces. Unlike [`Settings`](super::Settings), they have no invalid values: the reason why a start fails
/// must reach the log.
#[derive(Debug)]
pub struct TelemetrySettings {
    /// `AWS_LAMBDA_LOG_FORMAT`. Lambda always sets it; without it, a person reads the log, unless the level is
    /// `DEBUG`.
    pub format: LogFormat,
    /// `AWS_LAMBDA_LOG_LEVEL`: the minimum level of log entries, `INFO` by default.
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
