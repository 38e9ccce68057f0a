//! Settings: the environment variables, validated once at start.
//!
//! Nothing else in this crate reads the environment, except the SDK's credential providers ([`crate::client`]).
//! `lambda_runtime` reads the variables of the Runtime API and `AWS_LAMBDA_MAX_CONCURRENCY`.

mod media_plane;
mod telemetry;
mod variable;

use std::env;
use std::num::NonZeroU32;
use std::time::Duration;

use self::media_plane::Context;
pub use self::media_plane::{ChimeSdkSettings, MediaPlaneSettings};
pub use self::telemetry::{LogFormat, TelemetrySettings};
pub use self::variable::SettingError;
use self::variable::{
    endpoint_url, parse_account_ids, parse_aws_bool, parse_bool, parse_count, parse_lifetime,
    parse_region, parse_reused_token, parse_table_name, read_ca_bundle, setting,
};
use crate::caller::AllowedCallers;

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
    /// `REUSED_TOKEN`: whether a token that is used for another request replays its meeting (`replay`), or the request is
    /// rejected (`reject`).
    pub replays_reused_tokens: bool,
    /// `DAILY_MEETING_LIMIT`: how many meetings an account may create in a UTC day.
    pub daily_limit: Option<NonZeroU32>,
    /// `MEDIA_PLANE`: where meetings come from.
    pub media_plane: MediaPlaneSettings,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// The first variable with an invalid value, and what it accepts.
    pub fn from_env() -> Result<Self, SettingError> {
        require_credentials()?;
        let region = region()?;
        let endpoint_url = endpoint_url("AWS_ENDPOINT_URL_DYNAMODB")?;
        let use_fips = endpoint_variant("AWS_USE_FIPS_ENDPOINT", endpoint_url.as_deref())?;
        let use_dual_stack =
            endpoint_variant("AWS_USE_DUALSTACK_ENDPOINT", endpoint_url.as_deref())?;
        let meeting_lifetime = setting("MEETING_LIFETIME_SECONDS", parse_lifetime)?
            .unwrap_or(Duration::from_hours(24));
        let media_plane = MediaPlaneSettings::from_env(Context {
            meeting_lifetime,
            region: &region,
            use_fips,
            use_dual_stack,
        })?;
        Ok(Self {
            table: setting("MEETINGS_TABLE", parse_table_name)?
                .unwrap_or_else(|| "Meetings".into()),
            region,
            dynamodb_endpoint_url: endpoint_url,
            use_fips,
            use_dual_stack,
            ca_bundle: setting("AWS_CA_BUNDLE", read_ca_bundle)?,
            meeting_lifetime,
            allowed_callers: allowed_callers()?,
            replays_reused_tokens: setting("REUSED_TOKEN", parse_reused_token)?.unwrap_or_default(),
            daily_limit: setting("DAILY_MEETING_LIMIT", |value| parse_count(value, "meetings"))?,
            media_plane,
        })
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
