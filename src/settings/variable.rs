//! Environment variables: how each is read, and what its value must be.

use std::env::{self, VarError};
use std::error::Error;
use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use lambda_http::http::Uri;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::caller::is_account_id;

/// Why the environment is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// A variable has an invalid value.
    #[error("{variable} {problem}, got {value:?}")]
    Invalid {
        /// The variable's name.
        variable: &'static str,
        /// What is wrong, or what is accepted. It follows the variable's name in the message.
        problem: String,
        /// The value.
        value: String,
    },
    /// The Region is missing.
    #[error("AWS_REGION must be set to an AWS Region, such as us-east-1")]
    NoRegion,
    /// The credentials are missing.
    #[error(
        "credentials must be set, either in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or by \
         AWS_CONTAINER_CREDENTIALS_FULL_URI"
    )]
    NoCredentials,
}

impl SettingError {
    /// `variable` has this `problem`, with this value.
    #[must_use]
    pub(super) const fn invalid(variable: &'static str, problem: String, value: String) -> Self {
        Self::Invalid { variable, problem, value }
    }
}

/// The URL in `AWS_ENDPOINT_URL_…`, the variable of a service, or else in `AWS_ENDPOINT_URL`. As in all AWS SDKs,
/// `AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true` turns both off ("Service-specific endpoints" in the AWS SDKs and Tools
/// Reference Guide).
pub fn endpoint_url(of_service: &'static str) -> Result<Option<String>, SettingError> {
    if setting("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", parse_aws_bool)?.unwrap_or_default() {
        return Ok(None);
    }
    let of_all = setting("AWS_ENDPOINT_URL", parse_endpoint_url)?;
    Ok(setting(of_service, parse_endpoint_url)?.or(of_all))
}

/// The value of `variable`, parsed, or `None` if it is unset or empty.
pub fn setting<T>(
    variable: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, SettingError> {
    let invalid = |value, problem| SettingError::invalid(variable, problem, value);
    match env::var(variable) {
        Err(VarError::NotPresent) => Ok(None),
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => parse(&value).map(Some).map_err(|problem| invalid(value, problem)),
        Err(VarError::NotUnicode(value)) => {
            Err(invalid(value.to_string_lossy().into(), "must be UTF-8".into()))
        }
    }
}

pub fn parse_account_ids(value: &str) -> Result<Vec<String>, String> {
    let account_ids: Vec<_> = value.split(',').map(|id| id.trim().to_owned()).collect();
    match account_ids.iter().find(|id| !is_account_id(id)) {
        None => Ok(account_ids),
        Some(other) => Err(format!(
            "must be comma-separated 12-digit AWS account IDs, and {other:?} is not one"
        )),
    }
}

/// A table name ("Naming rules" in the `DynamoDB` developer guide).
pub fn parse_table_name(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if (3..=255).contains(&value.len()) && value.chars().all(allowed) {
        Ok(value.to_owned())
    } else {
        Err("must be 3 to 255 letters, digits, underscores, hyphens and dots".into())
    }
}

/// A Region's name is part of a host name, so it must be a valid label.
pub fn parse_region(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if value.len() <= 63
        && value.chars().all(allowed)
        && !value.starts_with('-')
        && !value.ends_with('-')
    {
        Ok(value.to_owned())
    } else {
        Err("must be an AWS Region, such as us-east-1".into())
    }
}

fn parse_endpoint_url(value: &str) -> Result<String, String> {
    match value.parse::<Uri>().ok().as_ref().and_then(Uri::scheme_str) {
        Some("http" | "https") => Ok(value.to_owned()),
        _ => Err("must be an http or https URL".into()),
    }
}

/// The certificates are validated here, because the client panics over an unusable one.
pub fn read_ca_bundle(path: &str) -> Result<Vec<u8>, String> {
    let pem = fs::read(path).map_err(|error| format!("must name a readable file ({error})"))?;
    let mut trusted = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(&pem)) {
        let unusable =
            |error: &dyn Error| format!("has an unusable certificate {number} ({error})");
        let certificate = certificate.map_err(|error| unusable(&error))?;
        trusted.add(certificate).map_err(|error| unusable(&error))?;
    }
    if trusted.is_empty() {
        return Err("must name a file of PEM certificates".into());
    }
    Ok(pem)
}

/// AWS's own tools ignore the case of this value.
pub fn parse_aws_bool(value: &str) -> Result<bool, String> {
    parse_bool(&value.to_ascii_lowercase())
}

pub fn parse_bool(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "must be true or false".into())
}

/// Whether it is `replay`.
pub fn parse_reused_token(value: &str) -> Result<bool, String> {
    match value {
        "reject" => Ok(false),
        "replay" => Ok(true),
        _ => Err("must be reject or replay".into()),
    }
}

pub fn parse_lifetime(value: &str) -> Result<Duration, String> {
    let seconds = parse_count(value, "seconds")?;
    Ok(Duration::from_secs(u64::from(seconds.get())))
}

pub fn parse_count(value: &str, unit: &str) -> Result<NonZeroU32, String> {
    value
        .parse()
        .map_err(|_| format!("must be a whole number of {unit} between 1 and {}", u32::MAX))
}

/// A domain name that leaves room for the subdomains in a meeting's URLs: a name has at most 253 characters (RFC 1035),
/// and the audio host needs 53 of them.
pub fn parse_domain(value: &str) -> Result<String, String> {
    const MAX_LENGTH: usize = 200;
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if value.len() <= MAX_LENGTH && value.split('.').all(is_label) {
        Ok(value.to_owned())
    } else {
        Err(format!(
            "must be a domain name of at most {MAX_LENGTH} characters, such as media.example.com"
        ))
    }
}
