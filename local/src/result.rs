//! The result of what can fail here.

use std::error::Error;

/// Any failure: it ends the program or the test.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;
