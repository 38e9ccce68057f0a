//! The caller's identity, and which callers are allowed.

use crate::error::{Error, ErrorKind};

/// Account under which unauthenticated callers are recorded. It cannot be confused with an AWS account ID, which has
/// 12 digits.
const ANONYMOUS: &str = "anonymous";

/// Whether `id` has the form of an AWS account ID ("Account identifiers" in the AWS Account Management reference
/// guide).
#[must_use]
pub fn is_account_id(id: &str) -> bool {
    id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit())
}

/// The IAM identity that signed a request, as verified by API Gateway or the function URL. Without IAM
/// authorization, it is empty.
#[derive(Debug, Default)]
pub struct Caller {
    /// The identity's AWS account.
    pub account_id: Option<String>,
    /// The identity's Amazon Resource Name, such as `arn:aws:iam::111122223333:user/anna`.
    pub arn: Option<String>,
}

impl Caller {
    /// The caller's account. All callers without an identity share one.
    #[must_use]
    pub fn account(&self) -> &str {
        self.account_id.as_deref().unwrap_or(ANONYMOUS)
    }
}

/// The account of an authorized caller. Only [`AllowedCallers::authorize`] creates one, and every operation requires
/// one, so none can be performed without authorization.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizedAccount<'a>(&'a str);

impl<'a> AuthorizedAccount<'a> {
    /// The account's ID, or `anonymous`.
    #[must_use]
    pub const fn id(self) -> &'a str {
        self.0
    }
}

/// Which callers are allowed.
#[derive(Debug)]
pub enum AllowedCallers {
    /// Any caller, with or without an identity.
    Anyone,
    /// Any caller with an identity.
    Identified,
    /// Callers whose identity belongs to one of these AWS accounts.
    OfAccounts(Vec<String>),
}

impl AllowedCallers {
    /// Checks that `caller` may call, and returns its account.
    ///
    /// # Errors
    /// `UnauthorizedClient` if an identity is required and missing, `Forbidden` if its account is not allowed.
    pub fn authorize<'a>(&self, caller: &'a Caller) -> Result<AuthorizedAccount<'a>, Error> {
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
            _ => Ok(AuthorizedAccount(caller.account())),
        }
    }
}
