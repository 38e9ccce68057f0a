//! What the log tells.

use std::{env, io, panic};

use tracing::level_filters::LevelFilter;

/// Opens the log, in the format and at the level that `AWS_LAMBDA_LOG_FORMAT` and
/// `AWS_LAMBDA_LOG_LEVEL` say ("Advanced logging controls" in Lambda's developer guide).
///
/// Of a panic it tells the place alone, because the message may quote a sensitive value.
pub fn init() {
    let format = env::var("AWS_LAMBDA_LOG_FORMAT").unwrap_or_default();
    let level = match env::var("AWS_LAMBDA_LOG_LEVEL").as_deref() {
        Err(_) | Ok("") => LevelFilter::INFO,
        Ok("FATAL") => LevelFilter::ERROR,
        Ok(level) => level.parse().unwrap_or(LevelFilter::INFO),
    };
    let log = tracing_subscriber::fmt()
        .with_target(false)
        .without_time()
        .with_max_level(level)
        .with_writer(io::stdout);
    if format.eq_ignore_ascii_case("json") {
        log.json().init();
    } else {
        log.init();
    }
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
