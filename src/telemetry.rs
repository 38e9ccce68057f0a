//! What operators see of a request: a line in the log, which has its metrics in it, and the calls
//! of remote services in its trace.

mod emf;
mod record;
mod text;
mod xray;

use std::cell::RefCell;
use std::io::{self, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::{env, panic};

use tracing::level_filters::LevelFilter;

pub use self::record::Record;
pub use self::xray::{Daemon, TraceHeader};

/// Where records go.
pub struct Telemetry {
    level: LevelFilter,
    /// As JSON, or else as text.
    json: Option<emf::Writer>,
    /// Whether text is short, for a person at a terminal.
    is_short: bool,
    daemon: Option<Daemon>,
    is_warm: AtomicBool,
}

thread_local! {
    static PANIC_PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where this thread has last panicked.
#[must_use]
pub fn panic_place() -> String {
    PANIC_PLACE.take()
}

/// Opens the log, in the format and at the level that `AWS_LAMBDA_LOG_FORMAT` and
/// `AWS_LAMBDA_LOG_LEVEL` say ("Advanced logging controls" in Lambda's developer guide).
///
/// Lambda always names a format. Without one, a person at a terminal reads the log.
///
/// Of a panic, only the place is logged, because the message may quote a sensitive value.
pub fn init() -> Telemetry {
    let format = env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let is_json = format.eq_ignore_ascii_case("json");
    let level = match env::var("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        Err(_) | Ok("") => LevelFilter::INFO,
        // Nothing that is told here is fatal.
        Ok("FATAL") => LevelFilter::OFF,
        Ok(level) => level.parse().unwrap_or(LevelFilter::INFO),
    };
    let log =
        tracing_subscriber::fmt().with_target(false).with_max_level(level).with_writer(io::stdout);
    // Not by init(), which would take in what libraries tell by the crate log.
    let opened = if is_json {
        let log = log.json().flatten_event(true).with_current_span(false);
        tracing::subscriber::set_global_default(log.finish())
    } else {
        tracing::subscriber::set_global_default(log.without_time().with_ansi(false).finish())
    };
    debug_assert!(opened.is_ok(), "there is one log");
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panic");
        PANIC_PLACE.set(place);
    }));
    let daemon = Daemon::from_env().unwrap_or_else(|error| {
        tracing::warn!(
            error = error.to_string(),
            "there is no tracing: AWS_XRAY_DAEMON_ADDRESS is not an address and a port, as in \
             127.0.0.1:2000, or not one to send to"
        );
        None
    });
    let function_name = env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    Telemetry {
        // At DEBUG there is nothing to leave out.
        is_short: format.is_empty() && level < LevelFilter::DEBUG,
        ..Telemetry::new(level, is_json.then_some(function_name), daemon)
    }
}

impl Telemetry {
    /// Tells records from `level` on: as JSON, with metrics of the function of this name, or else
    /// as text.
    #[must_use]
    pub fn new(level: LevelFilter, function_name: Option<String>, daemon: Option<Daemon>) -> Self {
        let json = function_name.map(emf::Writer::new);
        Self { level, json, is_short: false, daemon, is_warm: AtomicBool::new(false) }
    }

    /// Whether this is the first time that it is asked.
    pub fn is_cold_start(&self) -> bool {
        !self.is_warm.swap(true, Ordering::Relaxed)
    }

    /// Tells a record. As JSON, its metrics are told at any level.
    pub fn report(&self, record: &Record) {
        if let Some(daemon) = &self.daemon {
            daemon.send(record);
        }
        let line = match &self.json {
            Some(json) => json.line(record, self.level),
            None if record.level() > self.level => return,
            None if self.is_short => Ok(text::short_line(record).into_bytes()),
            None => Ok(text::line(record).into_bytes()),
        };
        match line {
            // Where this fails, there is nowhere to tell it.
            Ok(line) => drop(io::stdout().write_all(&line)),
            Err(error) => tracing::error!(error = error.to_string(), "a record was not written"),
        }
    }
}
