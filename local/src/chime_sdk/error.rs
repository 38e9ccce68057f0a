//! The service's errors.

/// An error as AWS's model names it.
#[derive(Debug)]
pub struct Error {
    pub status: u16,
    pub name: &'static str,
    pub message: String,
}

impl Error {
    pub fn new(status: u16, name: &'static str, message: impl Into<String>) -> Self {
        Self { status, name, message: message.into() }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequestException", message)
    }

    pub fn limit_exceeded(message: impl Into<String>) -> Self {
        Self::new(400, "LimitExceededException", message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "NotFoundException", message)
    }

    /// The name without its suffix, as in response bodies.
    pub fn code(&self) -> &'static str {
        self.name.trim_end_matches("Exception")
    }
}
