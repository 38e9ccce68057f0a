//! The token that the Amazon Chime SDK gets.

use std::fmt::Write;
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::meeting::Guid;
use crate::request::create_meeting::CreateMeetingRequest;

/// What a token contains besides the account, the request and the time.
#[derive(Debug)]
pub struct TokenScope {
    /// The stack's Region.
    pub region: String,
    /// The stack's table.
    pub table: String,
    /// The time bucket: how long repeated requests have the same token.
    pub token_window: Duration,
}

impl TokenScope {
    /// The token by which the Amazon Chime SDK recognizes a repeated request.
    ///
    /// It is not the client's token, because another stack, another account, or a different request with the same
    /// token must not get the same meeting. It contains the time bucket, so that a token that is reused after its
    /// expiry does not get the old meeting. It contains the meeting that the new one replaces, so that a token that is
    /// reused after its meeting has ended does not get that one again.
    ///
    /// # Errors
    /// `ServiceFailure` if the request cannot be serialized.
    pub fn token(
        &self,
        account_id: &str,
        request: &CreateMeetingRequest,
        replaced: Option<&Guid>,
        now: u64,
    ) -> Result<String, Error> {
        let canonical = serde_json::to_vec(request).map_err(Error::service_failure)?;
        let seconds = self.token_window.as_secs();
        let (window, length) = ((now / seconds).to_be_bytes(), seconds.to_be_bytes());
        let mut hash = Sha256::new();
        let parts: [&[u8]; 8] = [
            b"create-meeting/2",
            self.region.as_bytes(),
            self.table.as_bytes(),
            account_id.as_bytes(),
            &canonical,
            replaced.map_or("", Guid::as_str).as_bytes(),
            &window,
            &length,
        ];
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        let mut token = String::with_capacity(64);
        for byte in hash.finalize() {
            // Writing to a string cannot fail.
            let _ = write!(token, "{byte:02x}");
        }
        Ok(token)
    }
}
