//! Validation errors: every violated constraint of a request, in AWS's wording.
//!
//! The messages quote no values, because most are sensitive.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Error;

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

/// The path of a member, such as `tags.1.member.key`. It is formatted only for an error.
pub type Path<'a> = &'a dyn Display;

/// The constraint that a lone surrogate violates, which JSON allows and Unicode does not.
const UNICODE: &str = "be Unicode text";

/// The constraint that AWS's own prefix violates.
pub const NOT_RESERVED: &str = "not begin with \"aws:\" (case-insensitive)";

/// The validation errors found so far. Each method validates a member at a path, adds its errors, and returns its value,
/// or a placeholder if it is invalid.
#[derive(Default)]
pub struct ValidationErrors(Vec<String>);

impl ValidationErrors {
    /// Adds an error, for which `constraint` completes the sentence "Member must …".
    pub fn add(&mut self, path: Path, constraint: impl Display) {
        self.0.push(format!(
            "Value at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    /// `valid` if there are no errors.
    ///
    /// # Errors
    /// [`BadRequest`](crate::error::ErrorKind::BadRequest), which names all of them.
    pub fn into_result<T>(self, valid: T) -> Result<T, Error> {
        Err(Error::bad_request(match self.0.len() {
            0 => return Ok(valid),
            1 => format!("1 validation error detected: {}", self.0[0]),
            n => format!("{n} validation errors detected: {}", self.0.join("; ")),
        }))
    }

    /// A string with a length in characters, or `None` if it is absent or invalid.
    pub fn string(
        &mut self,
        path: Path,
        raw: Raw,
        length: RangeInclusive<usize>,
    ) -> Option<String> {
        let json = raw?.get();
        if !json.starts_with('"') {
            self.add(path, "be a string");
            return None;
        }
        let Ok(string) = serde_json::from_str::<String>(json) else {
            self.add(path, UNICODE);
            return None;
        };
        self.check_length(path, string.chars().count(), length);
        Some(string)
    }

    /// A string with a length in characters, which is empty if it is invalid.
    pub fn required_string(
        &mut self,
        path: Path,
        raw: Raw,
        length: RangeInclusive<usize>,
    ) -> String {
        if raw.is_none() {
            self.add(path, "not be null");
        }
        self.string(path, raw, length).unwrap_or_default()
    }

    /// An object, or `None` if it is absent or invalid.
    pub fn object<'a, T: Deserialize<'a>>(&mut self, path: Path, raw: Raw<'a>) -> Option<T> {
        let json = raw?.get();
        if !json.starts_with('{') {
            self.add(path, "be an object");
            return None;
        }
        serde_json::from_str(json)
            .map_err(|error: serde_json::Error| {
                self.add(
                    path,
                    if error.is_data() { "not contain duplicate keys" } else { UNICODE },
                );
            })
            .ok()
    }

    /// An object, or `None` if it is invalid.
    pub fn required_object<'a, T: Deserialize<'a>>(
        &mut self,
        path: Path,
        raw: Raw<'a>,
    ) -> Option<T> {
        if raw.is_none() {
            self.add(path, "not be null");
        }
        self.object(path, raw)
    }

    fn check_length(&mut self, path: Path, length: usize, allowed: RangeInclusive<usize>) {
        if length < *allowed.start() {
            self.add(
                path,
                format_args!("have length greater than or equal to {}", allowed.start()),
            );
        }
        if length > *allowed.end() {
            self.add(path, format_args!("have length less than or equal to {}", allowed.end()));
        }
    }

    /// The items of an array, with their numbers from 1.
    pub fn array<'a>(
        &mut self,
        path: Path,
        raw: Raw<'a>,
        length: RangeInclusive<usize>,
    ) -> impl Iterator<Item = (usize, Raw<'a>)> + use<'a> {
        // The errors of a million items would not fit into a response.
        const MAX_VALIDATED: usize = 1000;
        let items = raw.map(|raw| serde_json::from_str::<Vec<Raw>>(raw.get()));
        match &items {
            Some(Ok(items)) => self.check_length(path, items.len(), length),
            Some(Err(_)) => self.add(path, "be an array"),
            None => {}
        }
        (1..=MAX_VALIDATED).zip(items.and_then(Result::ok).unwrap_or_default())
    }
}
