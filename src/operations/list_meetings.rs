//! The operation `ListMeetings`: the caller's meetings that have neither ended nor expired, page by page.
//!
//! They come from the table alone: the Amazon Chime SDK has no such operation, and to ask it about each meeting would
//! use up a quota that it shares with the operations that clients wait for.

use serde::Serialize;

use crate::caller::AuthorizedAccount;
use crate::error::Error;
use crate::invocation::Invocation;
use crate::meeting::Meeting;
use crate::operation::Route;
use crate::request::page::{MAX_RESULTS, Page};
use crate::request::validation::{Validator, validate};
use crate::response::{Outcome, Response};
use crate::store::{Place, Store};

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Body {
    meetings: Vec<Meeting>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_token: Option<String>,
}

/// Performs the operation.
///
/// # Errors
/// `BadRequest` for invalid parameters, `ThrottledClient`, `ServiceUnavailable`, or `ServiceFailure`.
pub async fn perform(
    store: &Store,
    account: AuthorizedAccount<'_>,
    route: &Route<'_>,
    invocation: Invocation<'_>,
) -> Result<Response, Error> {
    let (max_results, after) = validate(|validator| {
        let page = Page::from_query(&route.request.query, validator);
        let after = page.next_token.and_then(|token| place(token, account, validator));
        Ok((page.max_results.unwrap_or(MAX_RESULTS), after))
    })?;
    let page = store.lists().page(account.id(), after.as_ref(), max_results, invocation).await?;
    let body = Body {
        meetings: page.meetings.into_iter().map(Meeting::from).collect(),
        next_token: page.more_after.map(|place| token(account, &place)),
    };
    let body = serde_json::to_string(&body).map_err(Error::service_failure)?;
    Ok(Response::new(route.operation.status, Some(body), Outcome::Listed))
}

/// The page token for what follows a place in the account's list: both, without characters that a query has to encode.
/// It contains no token of a client.
fn token(account: AuthorizedAccount<'_>, place: &Place) -> String {
    format!("{}.{}", account.id(), place.as_str().replace('#', "."))
}

/// The place of a page token, or `None` if it is not one of the account's.
fn place(token: &str, account: AuthorizedAccount<'_>, validator: &mut Validator) -> Option<Place> {
    let place = token.strip_prefix(account.id()).and_then(|rest| rest.strip_prefix('.'));
    let place = place.and_then(|place| Place::parse(&place.replacen('.', "#", 1)));
    if place.is_none() {
        validator.violated("nextToken", "be the NextToken of a response to your account");
    }
    place
}
