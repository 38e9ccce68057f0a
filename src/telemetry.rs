//! What the log tells.

use std::panic;

/// Opens the log, in the format and at the level that `AWS_LAMBDA_LOG_FORMAT` and
/// `AWS_LAMBDA_LOG_LEVEL` say.
///
/// Of a panic it tells the place alone, because the message may quote a sensitive value.
pub fn init() {
    lambda_runtime::tracing::init_default_subscriber();
    panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        tracing::error!(place, "panic");
    }));
}
