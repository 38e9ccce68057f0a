//! Validates the parameters of a request: one error names every violated constraint, in AWS's wording.
//!
//! The messages quote no values, because most are sensitive.

use std::fmt::Display;
use std::iter::Zip;
use std::ops::RangeInclusive;
use std::vec::IntoIter;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;
use crate::meeting::Guid;

/// A member of the body that is not parsed yet. So a wrong type is one validation error among others, and does not end
/// the validation.
pub type Raw<'a> = Option<&'a RawValue>;

/// Parses a body. Unknown members are ignored, and `null` counts as absent.
///
/// # Errors
/// [`BadRequest`](crate::error::ErrorKind::BadRequest): why the body is not a JSON object.
pub fn parse_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    let bad_request = |message: String| Err(Error::bad_request(message));
    let body = match std::str::from_utf8(body) {
        Ok(body) => body,
        Err(error) => {
            return bad_request(format!("The request body must be valid UTF-8: {error}."));
        }
    };
    let trimmed = body.trim_ascii_start();
    // serde would also accept an array, as the members in order.
    if !trimmed.starts_with('{') {
        let what = if trimmed.is_empty() { ", but is empty" } else { "" };
        return bad_request(format!("The request body must be a JSON object{what}."));
    }
    serde_json::from_str(body)
        .or_else(|error| bad_request(format!("The request body cannot be parsed: {error}.")))
}

/// The constraint that a lone surrogate violates, which JSON allows and Unicode does not.
const UNICODE: &str = "be Unicode text";

/// The constraint that AWS's own prefix violates.
pub const NOT_RESERVED: &str = "not begin with \"aws:\" (case-insensitive)";

/// Validates parameters, and collects the constraints that they violate.
///
/// Each method validates the member at a path such as `tags.1.member.key`, which is formatted only for an error. It
/// returns the member's value, or a placeholder if a constraint is violated: then [`validate`] discards the whole.
#[derive(Default)]
pub struct Validator {
    violations: Vec<String>,
}

/// The parameters that `parse` returns, if they violate no constraint.
///
/// # Errors
/// That of `parse`, or [`BadRequest`](crate::error::ErrorKind::BadRequest), which names all violations.
pub fn validate<T>(parse: impl FnOnce(&mut Validator) -> Result<T, Error>) -> Result<T, Error> {
    let mut validator = Validator::default();
    let parsed = parse(&mut validator)?;
    let violations = validator.violations;
    Err(Error::bad_request(match violations.len() {
        0 => return Ok(parsed),
        1 => format!("1 validation error detected: {}", violations[0]),
        n => format!("{n} validation errors detected: {}", violations.join("; ")),
    }))
}

impl Validator {
    /// Adds a violation, for which `constraint` completes the sentence "Member must …".
    pub fn violated(&mut self, path: impl Display, constraint: impl Display) {
        self.violations.push(format!(
            "Value at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// An ID in the path, or `None` if it is absent or invalid.
    pub fn guid(&mut self, path: impl Display + Copy, id: Option<&str>) -> Option<Guid> {
        let guid = Guid::parse(id?);
        if guid.is_none() {
            let pattern = Guid::PATTERN;
            self.violated(path, format_args!("satisfy regular expression pattern: {pattern}"));
        }
        guid
    }

    /// A string with a length in characters, or `None` if it is absent or invalid.
    pub fn string(
        &mut self,
        path: impl Display + Copy,
        raw: Raw,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        let json = raw?.get();
        if !json.starts_with('"') {
            self.violated(path, "be a string");
            return None;
        }
        let Ok(string) = serde_json::from_str::<String>(json) else {
            self.violated(path, UNICODE);
            return None;
        };
        self.check_length(path, string.chars().count(), length);
        Some(string)
    }

    /// A string with a length in characters, which is empty if it is invalid.
    pub fn required_string(
        &mut self,
        path: impl Display + Copy,
        raw: Raw,
        length: RangeInclusive<usize>,
    ) -> String {
        if raw.is_none() {
            self.violated(path, "not be null");
        }
        self.string(path, raw, length).unwrap_or_default()
    }

    /// An object, or `None` if it is absent or invalid.
    pub fn object<'a, T: Deserialize<'a>>(
        &mut self,
        path: impl Display + Copy,
        raw: Raw<'a>,
    ) -> Option<T> {
        let json = raw?.get();
        if !json.starts_with('{') {
            self.violated(path, "be an object");
            return None;
        }
        serde_json::from_str(json)
            .map_err(|error: serde_json::Error| {
                self.violated(
                    path,
                    if error.is_data() { "not contain duplicate keys" } else { UNICODE },
                );
            })
            .ok()
    }

    /// An object, or `None` if it is invalid.
    pub fn required_object<'a, T: Deserialize<'a>>(
        &mut self,
        path: impl Display + Copy,
        raw: Raw<'a>,
    ) -> Option<T> {
        if raw.is_none() {
            self.violated(path, "not be null");
        }
        self.object(path, raw)
    }

    fn check_length(
        &mut self,
        path: impl Display + Copy,
        length: usize,
        allowed: RangeInclusive<usize>,
    ) {
        if length < *allowed.start() {
            self.violated(
                path,
                format_args!("have length greater than or equal to {}", allowed.start()),
            );
        }
        if length > *allowed.end() {
            self.violated(
                path,
                format_args!("have length less than or equal to {}", allowed.end()),
            );
        }
    }

    /// The items of an array, with their numbers from 1.
    pub fn array<'a>(
        &mut self,
        path: impl Display + Copy,
        raw: Raw<'a>,
        length: RangeInclusive<usize>,
    ) -> Zip<RangeInclusive<usize>, IntoIter<Raw<'a>>> {
        // The errors of a million items would not fit into a response.
        const MAX_VALIDATED: usize = 1000;
        let items = raw.map(|raw| serde_json::from_str::<Vec<Raw>>(raw.get()));
        match &items {
            Some(Ok(items)) => self.check_length(path, items.len(), length),
            Some(Err(_)) => self.violated(path, "be an array"),
            None => {}
        }
        (1..=MAX_VALIDATED).zip(items.and_then(Result::ok).unwrap_or_default())
    }
}
