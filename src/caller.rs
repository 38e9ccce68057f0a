//! Who calls, and who may.

use crate::error::{Error, ErrorKind};

/// The account of all callers whom nobody asks to identify. An AWS account has 12 digits instead.
const ANONYMOUS: &str = "anonymous";

/// The IAM identity that a request was signed with, as API Gateway or the function URL has found
/// it. Where nobody has looked for one, it is empty.
#[derive(Debug, Default)]
pub struct Caller {
    /// The identity's AWS account.
    pub account_id: Option<String>,
    /// The identity's Amazon Resource Name, as in `arn:aws:iam::111122223333:user/anna`.
    pub arn: Option<String>,
}

impl Caller {
    /// The identity's account, or that of all who have none.
    #[must_use]
    pub fn account(&self) -> &str {
        self.account_id.as_deref().unwrap_or(ANONYMOUS)
    }
}

/// Who may call.
#[derive(Debug)]
pub enum AllowedCallers {
    /// Anyone. Those without an identity share one account.
    Anyone,
    /// Anyone with an identity.
    Identified,
    /// Those whose identity is of one of these AWS accounts.
    OfAccounts(Vec<String>),
}

impl AllowedCallers {
    /// The account of `caller`, in which it creates meetings.
    ///
    /// # Errors
    /// `UnauthorizedClient` without an identity where one is required, `Forbidden` with one of an
    /// account that is not allowed.
    pub fn admit<'a>(&self, caller: &'a Caller) -> Result<&'a str, Error> {
        match (self, &caller.account_id) {
            (Self::Identified | Self::OfAccounts(_), None) => Err(Error::new(
                ErrorKind::UnauthorizedClient,
                "The request has no IAM identity, and one is required. \
                 Sign it with AWS Signature Version 4.",
            )),
            (Self::OfAccounts(allowed), Some(account)) if !allowed.contains(account) => {
                Err(Error::new(
                    ErrorKind::Forbidden,
                    format!("The account {account} is not allowed to call this endpoint."),
                ))
            }
            _ => Ok(caller.account()),
        }
    }
}
