//! The constraints of AWS's model.
//!
//! `requests.json` is their JSON Schema. `tests/local/chime_sdk_schema.py` generates it from botocore's model.

use std::collections::HashMap;

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind as Kind};
use serde_json::{Value, json};

use super::error::Error;
use crate::result::Result;

/// The validator of each operation's input, by the name of its structure.
pub struct Validation(HashMap<String, Validator>);

impl Validation {
    pub fn load() -> Result<Self> {
        let schemas: Value = serde_json::from_str(include_str!("requests.json"))?;
        let structures = schemas["$defs"].as_object().into_iter().flatten();
        let inputs = structures.filter(|(name, _)| name.ends_with("Request"));
        let validators = inputs.map(|(name, _)| {
            let schema = json!({"$ref": format!("#/$defs/{name}"), "$defs": schemas["$defs"]});
            Ok((name.clone(), jsonschema::validator_for(&schema)?))
        });
        validators.collect::<Result<_>>().map(Self)
    }

    /// Rejects an input that violates a constraint, in AWS's wording, which quotes values.
    pub fn check(&self, operation: &str, input: &Value) -> std::result::Result<(), Error> {
        // An unknown operation has no input.
        let Some(validator) = self.0.get(&format!("{operation}Request")) else {
            return Ok(());
        };
        let mut violations = Vec::new();
        for error in validator.iter_errors(input) {
            if let Kind::Type { .. } = error.kind() {
                return Err(Error::new(400, "SerializationException", error.to_string()));
            }
            violations.push(violation(&error));
        }
        if violations.is_empty() {
            return Ok(());
        }
        let count = violations.len();
        let errors = if count == 1 { "error" } else { "errors" };
        let violations = violations.join("; ");
        let message = format!("{count} validation {errors} detected: {violations}");
        Err(Error::new(400, "ValidationException", message))
    }
}

fn violation(error: &ValidationError) -> String {
    let mut member = member(error.instance_path().as_str());
    let mut value = match error.instance().as_str() {
        Some(text) => format!("'{text}'"),
        None => error.instance().to_string(),
    };
    let constraint = match error.kind() {
        Kind::Required { property } => {
            let property = member_name(property.as_str().unwrap_or_default());
            member = if member.is_empty() { property } else { format!("{member}.{property}") };
            value = "null".into();
            "Member must not be null".into()
        }
        Kind::MinLength { limit } | Kind::MinItems { limit } => {
            format!("Member must have length greater than or equal to {limit}")
        }
        Kind::MaxLength { limit } | Kind::MaxItems { limit } => {
            format!("Member must have length less than or equal to {limit}")
        }
        Kind::Minimum { limit } => {
            format!("Member must have value greater than or equal to {limit}")
        }
        Kind::Maximum { limit } => format!("Member must have value less than or equal to {limit}"),
        Kind::Pattern { pattern } => {
            format!("Member must satisfy regular expression pattern: {pattern}")
        }
        Kind::Enum { options } => format!("Member must satisfy enum value set: {options}"),
        _ => error.to_string(),
    };
    format!("Value {value} at '{member}' failed to satisfy constraint: {constraint}")
}

/// `tags.1.member.key` for the JSON pointer `/Tags/0/Key`.
fn member(pointer: &str) -> String {
    let segments = pointer.split('/').skip(1).map(|segment| match segment.parse::<usize>() {
        Ok(index) => format!("{}.member", index + 1),
        Err(_) => member_name(segment),
    });
    segments.collect::<Vec<_>>().join(".")
}

fn member_name(name: &str) -> String {
    let (first, rest) = name.split_at(1.min(name.len()));
    first.to_lowercase() + rest
}
