//! The environment, read and checked once at start.

use std::env::{self, VarError};
use std::error::Error;
use std::fs;
use std::num::NonZeroU32;
use std::time::Duration;

use lambda_http::http::Uri;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::caller::AllowedCallers;
use crate::media_plane::MediaPlane;

/// What the operator decides. A variable that is empty counts as unset.
#[derive(Debug)]
pub struct Settings {
    /// `MEETINGS_TABLE`: the table's name.
    pub table: String,
    /// `AWS_ENDPOINT_URL_DYNAMODB` or `AWS_ENDPOINT_URL`: where `DynamoDB` is, if not at the Region's
    /// own endpoint.
    pub endpoint_url: Option<String>,
    /// `AWS_USE_FIPS_ENDPOINT`: whether `DynamoDB`'s FIPS endpoint is to be used.
    pub use_fips: bool,
    /// `AWS_USE_DUALSTACK_ENDPOINT`: whether `DynamoDB`'s endpoint for IPv4 and IPv6 is to be used.
    pub use_dual_stack: bool,
    /// `AWS_CA_BUNDLE`: what the file holds. Its certificates, in PEM, are trusted instead of Amazon's.
    pub ca_bundle: Option<Vec<u8>>,
    /// `MEETING_LIFETIME_SECONDS`: how long a meeting, and with it its token, lives.
    pub meeting_lifetime: Duration,
    /// `REQUIRE_IAM_CALLER` and `ALLOWED_ACCOUNT_IDS`: who may create meetings.
    pub allowed_callers: AllowedCallers,
    /// `DAILY_MEETING_LIMIT`: how many meetings an account may create in a UTC day.
    pub daily_limit: Option<NonZeroU32>,
    /// `MEDIA_DOMAIN` and `MEDIA_PLACEMENT`: where the meetings' URLs point.
    pub media_plane: MediaPlane,
}

/// A variable that holds something it does not accept.
#[derive(Debug, thiserror::Error)]
#[error("{variable} is {value:?}, but {problem}")]
pub struct SettingError {
    variable: &'static str,
    value: String,
    problem: String,
}

impl Settings {
    /// The settings that this process's environment makes.
    ///
    /// # Errors
    /// The first variable whose value is not accepted, and what is.
    pub fn from_env() -> Result<Self, SettingError> {
        let domain = setting("MEDIA_DOMAIN", parse_domain)?;
        let media_plane = MediaPlane::new(domain.as_deref().unwrap_or("media.example.com"));
        let overridden =
            setting("MEDIA_PLACEMENT", |templates| media_plane.with_templates(templates))?;
        Ok(Self {
            table: setting("MEETINGS_TABLE", parse_table_name)?
                .unwrap_or_else(|| "Meetings".into()),
            endpoint_url: endpoint_url()?,
            use_fips: setting("AWS_USE_FIPS_ENDPOINT", parse_aws_bool)?.unwrap_or_default(),
            use_dual_stack: setting("AWS_USE_DUALSTACK_ENDPOINT", parse_aws_bool)?
                .unwrap_or_default(),
            ca_bundle: setting("AWS_CA_BUNDLE", read_ca_bundle)?,
            meeting_lifetime: setting("MEETING_LIFETIME_SECONDS", parse_lifetime)?
                .unwrap_or(Duration::from_hours(24)),
            allowed_callers: allowed_callers()?,
            daily_limit: setting("DAILY_MEETING_LIMIT", |value| parse_count(value, "meetings"))?,
            media_plane: overridden.unwrap_or(media_plane),
        })
    }
}

fn setting<T>(
    variable: &'static str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, SettingError> {
    let refusal = |value: String, problem| SettingError { variable, value, problem };
    match env::var(variable) {
        Err(VarError::NotPresent) => Ok(None),
        Ok(value) if value.is_empty() => Ok(None),
        Ok(value) => parse(&value).map(Some).map_err(|problem| refusal(value, problem)),
        Err(VarError::NotUnicode(value)) => {
            Err(refusal(value.to_string_lossy().into(), "it must be UTF-8".into()))
        }
    }
}

/// The SDK would find it by itself, but panics over one that is empty or no URL.
fn endpoint_url() -> Result<Option<String>, SettingError> {
    let of_dynamodb = setting("AWS_ENDPOINT_URL_DYNAMODB", parse_endpoint_url)?;
    Ok(of_dynamodb.or(setting("AWS_ENDPOINT_URL", parse_endpoint_url)?))
}

/// An account can only be looked for where callers are identified, so a list of accounts is enough
/// to require that, and does not go with the contrary.
fn allowed_callers() -> Result<AllowedCallers, SettingError> {
    let account_ids = setting("ALLOWED_ACCOUNT_IDS", parse_account_ids)?;
    let required =
        setting("REQUIRE_IAM_CALLER", |value| match (parse_bool(value)?, &account_ids) {
            (false, Some(_)) => Err("it must be true or unset with ALLOWED_ACCOUNT_IDS set".into()),
            (required, _) => Ok(required),
        })?;
    Ok(match (account_ids, required) {
        (Some(account_ids), _) => AllowedCallers::OfAccounts(account_ids),
        (None, Some(true)) => AllowedCallers::Identified,
        (None, Some(false) | None) => AllowedCallers::Anyone,
    })
}

/// Account ids as AWS has them: "Account identifiers" in its account management's reference guide.
fn parse_account_ids(value: &str) -> Result<Vec<String>, String> {
    let is_account_id = |id: &str| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit());
    let account_ids: Vec<_> = value.split(',').map(|id| id.trim().to_owned()).collect();
    match account_ids.iter().find(|id| !is_account_id(id)) {
        None => Ok(account_ids),
        Some(other) => Err(format!(
            "{other:?} in it is no AWS account id: it must be ids of 12 digits, separated by commas"
        )),
    }
}

/// A table's name as `DynamoDB` has it: "Naming rules" in its developer guide.
fn parse_table_name(value: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    if (3..=255).contains(&value.len()) && value.chars().all(allowed) {
        Ok(value.to_owned())
    } else {
        Err("it must be 3 to 255 letters, digits, underscores, hyphens and dots".into())
    }
}

fn parse_endpoint_url(value: &str) -> Result<String, String> {
    match value.parse::<Uri>().ok().as_ref().and_then(Uri::scheme_str) {
        Some("http" | "https") => Ok(value.to_owned()),
        _ => Err("it must be an http or https URL".into()),
    }
}

/// A certificate that cannot be used would make the client panic.
fn read_ca_bundle(path: &str) -> Result<Vec<u8>, String> {
    let pem = fs::read(path).map_err(|error| format!("the file cannot be read: {error}"))?;
    let mut trusted = RootCertStore::empty();
    for (number, certificate) in (1..).zip(CertificateDer::pem_slice_iter(&pem)) {
        let unusable =
            |error: &dyn Error| format!("its certificate {number} cannot be used: {error}");
        let certificate = certificate.map_err(|error| unusable(&error))?;
        trusted.add(certificate).map_err(|error| unusable(&error))?;
    }
    if trusted.is_empty() {
        return Err("the file must hold certificates in PEM".into());
    }
    Ok(pem)
}

/// AWS's own tools take it in any case of letters.
fn parse_aws_bool(value: &str) -> Result<bool, String> {
    parse_bool(&value.to_ascii_lowercase())
}

fn parse_bool(value: &str) -> Result<bool, String> {
    value.parse().map_err(|_| "it must be true or false".into())
}

fn parse_lifetime(value: &str) -> Result<Duration, String> {
    let seconds = parse_count(value, "seconds")?;
    Ok(Duration::from_secs(u64::from(seconds.get())))
}

fn parse_count(value: &str, unit: &str) -> Result<NonZeroU32, String> {
    value.parse().map_err(|_| format!("it must be a whole number of {unit} from 1 to {}", u32::MAX))
}

/// A domain name with room for the names that stand before it in URLs: a name has at most 253
/// characters (RFC 1035), of which a meeting's audio host takes 53 for its part.
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
            "it must be a domain name of at most {MAX_LENGTH} characters, such as media.example.com"
        ))
    }
}
