//! Settings: the environment variables, validated once at start.
//!
//! Nothing else in this crate reads the environment, except the SDK's credential providers ([`crate::client`]).
//! `lambda_runtime` reads the variables of the Runtime API and `AWS_LAMBDA_MAX_CONCURRENCY`.

mod media_plane;
mod telemetry;

use std::env::{self, VarError};
use std::error::Error;
use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use lambda_http::http::Uri;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use self::media_plane::Context;
pub use self::media_plane::{ChimeSdkSettings, MediaPlaneSettings};
pub use self::telemetry::{LogFormat, TelemetrySettings};
use crate::caller::{AllowedCallers, is_account_id};

/// The settings of the API. An empty variable counts as unset.
#[derive(Debug)]
pub struct Settings {
    /// `MEETINGS_TABLE`: the table's name.
    pub table: String,
    /// `AWS_REGION` or `AWS_DEFAULT_REGION`: the Region of the table.
    pub region: String,
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: the endpoint of `DynamoDB`, if not the Region's own.
    pub dynamodb_endpoint_url: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`: whether FIPS endpoints are used.
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`: whether dual-stack endpoints (IPv4 and IPv6) are used.
    pub use_dual_stack: bool,
    /// `AWS_CA_BUNDLE`: the content of the file, PEM certificates that are trusted instead of Amazon's.
    pub ca_bundle: Option<Vec<u8>>,
    /// `MEETING_LIFETIME_SECONDS`: how long a meeting lives. Until then, its token returns the same meeting.
    pub meeting_lifetime: Duration,
    /// `REQUIRE_IAM_CALLER` and `ALLOWED_ACCOUNT_IDS`: who may call.
    pub allowed_callers: AllowedCallers,
    /// `DAILY_MEETING_LIMIT`: how many meetings an account may create in a UTC day.
    pub daily_limit: Option<NonZeroU32>,
    /// `MEDIA_PLANE`: where meetings come from.
    pub media_plane: MediaPlaneSettings,
}

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
    const fn invalid(variable: &'static str, problem: String, value: String) -> Self {
        Self::Invalid { variable, problem, value }
    }
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// The first variable with an invalid value, and what it accepts.
    pub fn from_env() -> Result<Self, SettingError> {
        require_credentials()?;
        let region = region()?;
        let endpoint_url = endpoint_url()?;
        let use_fips = endpoint_variant("AWS_USE_FIPS_ENDPOINT", endpoint_url.as_deref())?;
        let use_dual_stack =
            endpoint_variant("AWS_USE_DUALSTACK_ENDPOINT", endpoint_url.as_deref())?;
        let allowed_callers = allowed_callers()?;
        let media_plane = MediaPlaneSettings::from_env(Context {
            region: &region,
            use_fips,
            use_dual_stack,
            allowed_callers: &allowed_callers,
        })?;
        Ok(Self {
            table: setting("MEETINGS_TABLE", parse_table_name)?
                .unwrap_or_else(|| "Meetings".into()),
            region,
            dynamodb_endpoint_url: endpoint_url,
            use_fips,
            use_dual_stack,
            ca_bundle: setting("AWS_CA_BUNDLE", read_ca_bundle)?,
            meeting_lifetime: setting("MEETING_LIFETIME_SECONDS", parse_lifetime)?
                .unwrap_or(Duration::from_hours(24)),
            allowed_callers,
            daily_limit: setting("DAILY_MEETING_LIMIT", |value| parse_count(value, "meetings"))?,
            media_plane,
        })
    }
}

fn setting<T>(
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

/// The Region, by the variables of "AWS Region" in the AWS SDKs and Tools Reference Guide.
fn region() -> Result<String, SettingError> {
    let default = setting("AWS_DEFAULT_REGION", parse_region)?;
    setting("AWS_REGION", parse_region)?.or(default).ok_or(SettingError::NoRegion)
}

/// Every request would fail without credentials, so their presence is checked at start. Their values are not:
/// Lambda renews those behind a URL.
fn require_credentials() -> Result<(), SettingError> {
    let is_set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
    let in_environment = is_set("AWS_ACCESS_KEY_ID") && is_set("AWS_SECRET_ACCESS_KEY");
    let behind_url = is_set("AWS_CONTAINER_CREDENTIALS_FULL_URI")
        || is_set("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    if in_environment || behind_url { Ok(()) } else { Err(SettingError::NoCredentials) }
}

/// Whether `variable` selects another endpoint of AWS, which excludes a custom endpoint.
fn endpoint_variant(
    variable: &'static str,
    endpoint_url: Option<&str>,
) -> Result<bool, SettingError> {
    let is_wanted = setting(variable, |value| match (parse_aws_bool(value)?, endpoint_url) {
        (true, Some(url)) => Err(format!("must be false or unset when the endpoint is {url}")),
        (is_wanted, _) => Ok(is_wanted),
    })?;
    Ok(is_wanted.unwrap_or_default())
}

/// Validated at start, so that an invalid URL does not fail the first request.
fn endpoint_url() -> Result<Option<String>, SettingError> {
    let of_dynamodb = setting("AWS_ENDPOINT_URL_DYNAMODB", parse_endpoint_url)?;
    Ok(of_dynamodb.or(setting("AWS_ENDPOINT_URL", parse_endpoint_url)?))
}

/// An allow-list implies that callers must be identified, so it may not be combined with `REQUIRE_IAM_CALLER=false`.
fn allowed_callers() -> Result<AllowedCallers, SettingError> {
    let account_ids = setting("ALLOWED_ACCOUNT_IDS", parse_account_ids)?;
    let required =
        setting("REQUIRE_IAM_CALLER", |value| match (parse_bool(value)?, &account_ids) {
            (false, Some(_)) => Err("must be true or unset when ALLOWED_ACCOUNT_IDS is set".into()),
            (required, _) => Ok(required),
        })?;
    Ok(match (account_ids, required) {
        (Some(account_ids), _) => AllowedCallers::OfAccounts(account_ids),
        (None, Some(true)) => AllowedCallers::Identified,
        (None, Some(false) | None) => AllowedCallers::Anyone,
    })
}

fn parse_account_ids(value: &str) -> Result<Vec<String>, String> {
    let account_ids: Vec<_> = value.split(',').map(|id| id.trim().to_owned()).collect();
    match account_ids.iter().find(|id| !is_account_id(id)) {
        None => Ok(account_ids),
        Some(other) => Err(format!(
            "must be comma-separated 12-digit AWS account IDs, and {other:?} is not one"
        )),
    }
}

/// A table name ("Naming rules" in the `DynamoDB` developer guide).
fn parse_table_name(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if (3..=255).contains(&value.len()) && value.chars().all(allowed) {
        Ok(value.to_owned())
    } else {
        Err("must be 3 to 255 letters, digits, underscores, hyphens and dots".into())
    }
}

/// A Region's name is part of a host name, so it must be a valid label.
fn parse_region(value: &str) -> Result<String, String> {
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
fn read_ca_bundle(path: &str) -> Result<Vec<u8>, String> {
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
fn parse_aws_bool(value: &str) -> Result<bool, String> {
    parse_bool(&value.to_ascii_lowercase())
}

fn parse_bool(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "must be true or false".into())
}

fn parse_lifetime(value: &str) -> Result<Duration, String> {
    let seconds = parse_count(value, "seconds")?;
    Ok(Duration::from_secs(u64::from(seconds.get())))
}

fn parse_count(value: &str, unit: &str) -> Result<NonZeroU32, String> {
    value
        .parse()
        .map_err(|_| format!("must be a whole number of {unit} between 1 and {}", u32::MAX))
}

/// A domain name that leaves room for the subdomains in a meeting's URLs: a name has at most 253 characters (RFC 1035),
/// and the audio host needs 53 of them.
fn parse_domain(value: &str) -> Result<String, String> {
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
