//! What operators see of a request: a log entry with metrics in it.

mod emf;
mod log_entry;
mod text;

use std::cell::RefCell;
use std::io::{self, Write};
use std::panic;
use std::sync::atomic::{AtomicBool, Ordering};

pub use self::log_entry::LogEntry;
use crate::settings::{LogFormat, TelemetrySettings};

/// Writes log entries and metrics.
#[derive(Debug)]
pub struct Telemetry {
    settings: TelemetrySettings,
    is_warm: AtomicBool,
}

thread_local! {
    static PANIC_LOCATION: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Takes the place in the source where this thread last panicked.
#[must_use]
pub fn take_panic_location() -> String {
    PANIC_LOCATION.take()
}

/// Sets up the log of this process, including that of libraries.
///
/// Only a panic's location is logged, because its message may quote a sensitive value. Called once per process.
#[must_use]
pub fn init(settings: TelemetrySettings) -> Telemetry {
    let log = tracing_subscriber::fmt()
        .with_target(false)
        .with_max_level(settings.level)
        .with_writer(io::stdout);
    // init() would also collect the entries that libraries write with the crate log.
    let opened = if settings.format == LogFormat::Json {
        let log = log.json().flatten_event(true).with_current_span(false);
        tracing::subscriber::set_global_default(log.finish())
    } else {
        tracing::subscriber::set_global_default(log.without_time().with_ansi(false).finish())
    };
    debug_assert!(opened.is_ok(), "the log is set up once");
    panic::set_hook(Box::new(|panic| {
        let location = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(location, "panic");
        PANIC_LOCATION.set(location);
    }));
    Telemetry::new(settings)
}

impl Telemetry {
    /// Telemetry with these settings, in a process whose log is set up or not needed.
    #[must_use]
    pub const fn new(settings: TelemetrySettings) -> Self {
        Self { settings, is_warm: AtomicBool::new(false) }
    }

    /// Whether this is the process's first request: true for the first call only.
    pub fn take_cold_start(&self) -> bool {
        !self.is_warm.swap(true, Ordering::Relaxed)
    }

    /// Reports a request. Entries below the log level are left out, but metrics in JSON are emitted at any level.
    pub fn report(&self, entry: &LogEntry) {
        let TelemetrySettings { format, level, function_name } = &self.settings;
        let line = match format {
            LogFormat::Json => emf::line(entry, function_name, *level),
            _ if entry.level() > *level => return,
            LogFormat::Text => Ok(text::line(entry).into_bytes()),
        };
        match line {
            // If standard output fails, there is nowhere left to report it.
            Ok(line) => drop(io::stdout().write_all(&line)),
            Err(error) => {
                tracing::error!(error = error.to_string(), "could not serialize a log entry");
            }
        }
    }
}
