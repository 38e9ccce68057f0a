//! What is wrong with a request: every member that breaks a constraint, in AWS's wording.
//!
//! No value is echoed: most are sensitive.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

/// A member as it stands in the body, not yet looked into, so that one of a wrong type is a
/// violation beside the others and not the end of reading.
pub type Given<'a> = Option<&'a RawValue>;

/// The members of a body. Unknown ones are ignored, and `null` is absent.
///
/// # Errors
/// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object.
pub fn parse_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    let bad_request = |message: String| Err(Error::bad_request(message));
    let body = match std::str::from_utf8(body) {
        Ok(body) => body,
        Err(error) => {
            return bad_request(format!("The request body must be UTF-8, but is not: {error}."));
        }
    };
    let trimmed = body.trim_ascii_start();
    // serde would also take an array, for the members in their order.
    if !trimmed.starts_with('{') {
        let what = if trimmed.is_empty() { "empty" } else { "something else" };
        return bad_request(format!("The request body must be a JSON object, but is {what}."));
    }
    serde_json::from_str(body)
        .or_else(|error| bad_request(format!("The request body cannot be read: {error}.")))
}

/// Where a member is, as in `tags.1.member.key`: written out only if something is wrong with it.
pub type Path<'a> = &'a dyn Display;

/// What a surrogate on its own is not, though JSON's grammar allows it.
const UNICODE: &str = "be Unicode text";

/// What is wrong with a request so far. Its methods read a member at a path, note what is wrong
/// with it, and return what there is of it.
#[derive(Default)]
pub struct Violations(Vec<String>);

impl Violations {
    pub fn note(&mut self, path: Path, constraint: impl Display) {
        self.0.push(format!(
            "Value at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// `valid` if nothing is wrong.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest) that names every violation.
    pub fn or<T>(self, valid: T) -> Result<T, Error> {
        Err(Error::bad_request(match self.0.len() {
            0 => return Ok(valid),
            1 => format!("1 validation error detected: {}", self.0[0]),
            n => format!("{n} validation errors detected: {}", self.0.join("; ")),
        }))
    }

    pub fn string(
        &mut self,
        path: Path,
        given: Given,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        let json = given?.get();
        if !json.starts_with('"') {
            self.note(path, "be a string");
            return None;
        }
        let Ok(string) = serde_json::from_str::<String>(json) else {
            self.note(path, UNICODE);
            return None;
        };
        self.check_length(path, string.chars().count(), length);
        Some(string)
    }

    pub fn required_string(
        &mut self,
        path: Path,
        given: Given,
        length: RangeInclusive<usize>,
    ) -> String {
        if given.is_none() {
            self.note(path, "not be null");
        }
        self.string(path, given, length).unwrap_or_default()
    }

    pub fn object<'a, T: Deserialize<'a>>(&mut self, path: Path, given: Given<'a>) -> Option<T> {
        let json = given?.get();
        if !json.starts_with('{') {
            self.note(path, "be an object");
            return None;
        }
        serde_json::from_str(json)
            .map_err(|error: serde_json::Error| {
                self.note(path, if error.is_data() { "not have a name twice" } else { UNICODE });
            })
            .ok()
    }

    pub fn required_object<'a, T: Deserialize<'a>>(
        &mut self,
        path: Path,
        given: Given<'a>,
    ) -> Option<T> {
        if given.is_none() {
            self.note(path, "not be null");
        }
        self.object(path, given)
    }

    fn check_length(&mut self, path: Path, length: usize, allowed: RangeInclusive<usize>) {
        if length < *allowed.start() {
            self.note(
                path,
                format_args!("have length greater than or equal to {}", allowed.start()),
            );
        }
        if length > *allowed.end() {
            self.note(path, format_args!("have length less than or equal to {}", allowed.end()));
        }
    }

    /// The items of an array, of which there may be so many.
    pub fn array<'a>(
        &mut self,
        path: Path,
        given: Given<'a>,
        length: RangeInclusive<usize>,
    ) -> impl Iterator<Item = (usize, Given<'a>)> + use<'a> {
        // A body may hold a million, whose violations no reply has room for.
        const LOOKED_INTO: usize = 1000;
        let items = given.map(|given| serde_json::from_str::<Vec<Given>>(given.get()));
        match &items {
            Some(Ok(items)) => self.check_length(path, items.len(), length),
            Some(Err(_)) => self.note(path, "be an array"),
            None => {}
        }
        (1..=LOOKED_INTO).zip(items.and_then(Result::ok).unwrap_or_default())
    }
}
