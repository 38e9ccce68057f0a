//! The setting `MEDIA_PLANE`, and those of each media plane.

use std::time::Duration;

use super::variable::{self, SettingError, parse_bool, parse_domain, parse_region, setting};

/// `MEDIA_PLANE`: the source of meetings.
#[derive(Debug)]
pub enum MediaPlaneSettings {
    /// `templates`.
    Templates {
        /// `MEDIA_DOMAIN`: the domain of the URLs.
        domain: String,
    },
    /// `chime-sdk-meetings`.
    ChimeSdkMeetings(ChimeSdkSettings),
}

/// The settings of `chime-sdk-meetings`.
#[derive(Debug)]
pub struct ChimeSdkSettings {
    /// `MEDIA_CONTROL_REGION`: the Region that creates the meetings, `AWS_REGION` by default.
    pub region: String,
    /// `AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS`, `AWS_ENDPOINT_URL` or the control Region's own endpoint.
    pub endpoint_url: String,
    /// `CHIME_SDK_NOTIFICATIONS`: whether the service notifies the targets of `NotificationsConfiguration`.
    pub sends_notifications: bool,
}

/// The other settings on which these depend.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    pub meeting_lifetime: Duration,
    pub region: &'a str,
    pub use_fips: bool,
    pub use_dual_stack: bool,
}

/// The control Regions that can create a meeting in each media Region ("Available AWS Regions" in the Amazon
/// Chime SDK developer guide). The restricted ones host media only near themselves.
const CONTROL_REGIONS: [&str; 10] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-west-2",
    "us-east-1",
    "us-west-2",
];
const RESTRICTED: [&str; 4] = ["af-south-1", "il-central-1", "us-gov-east-1", "us-gov-west-1"];

/// The control Regions with a FIPS endpoint ("Amazon Chime SDK endpoints and quotas" in the AWS General
/// Reference).
const FIPS_REGIONS: [&str; 3] = ["ca-central-1", "us-east-1", "us-west-2"];

/// The token window of a minute plus the longest invocation, 10 s. With a shorter lifetime, a reused token could get
/// the expired meeting.
const MIN_LIFETIME: Duration = Duration::from_secs(70);

const CHIME_SDK_MEETINGS: &str = "chime-sdk-meetings";

impl MediaPlaneSettings {
    pub(super) fn from_env(context: Context) -> Result<Self, SettingError> {
        let is_chime = setting("MEDIA_PLANE", |plane| match plane {
            "templates" => Ok(false),
            CHIME_SDK_MEETINGS => Ok(true),
            _ => Err(format!("must be templates or {CHIME_SDK_MEETINGS}")),
        })?;
        match (is_chime.unwrap_or_default(), setting("MEDIA_DOMAIN", parse_domain)?) {
            (false, domain) => {
                let domain = domain.unwrap_or_else(|| "media.example.com".into());
                Ok(Self::Templates { domain })
            }
            (true, None) => ChimeSdkSettings::from_env(context).map(Self::ChimeSdkMeetings),
            (true, Some(domain)) => {
                let problem = format!("must be unset when MEDIA_PLANE is {CHIME_SDK_MEETINGS}");
                Err(SettingError::invalid("MEDIA_DOMAIN", problem, domain))
            }
        }
    }
}

impl ChimeSdkSettings {
    fn from_env(context: Context) -> Result<Self, SettingError> {
        if context.meeting_lifetime < MIN_LIFETIME {
            let least = MIN_LIFETIME.as_secs();
            let problem =
                format!("must be at least {least} when MEDIA_PLANE is {CHIME_SDK_MEETINGS}");
            let value = context.meeting_lifetime.as_secs().to_string();
            return Err(SettingError::invalid("MEETING_LIFETIME_SECONDS", problem, value));
        }
        let region = setting("MEDIA_CONTROL_REGION", parse_region)?;
        let region = region.unwrap_or_else(|| context.region.to_owned());
        if !CONTROL_REGIONS.contains(&&*region) {
            let why = if RESTRICTED.contains(&&*region) {
                "cannot host meetings in all media Regions"
            } else {
                "has no such service"
            };
            let regions = CONTROL_REGIONS.join(", ");
            let problem =
                format!("(by default AWS_REGION) must be one of {regions}; {region} {why}");
            return Err(SettingError::invalid("MEDIA_CONTROL_REGION", problem, region));
        }
        let sends_notifications = setting("CHIME_SDK_NOTIFICATIONS", parse_bool)?.unwrap_or(true);
        let endpoint_url = endpoint_url(&region, context)?;
        Ok(Self { region, endpoint_url, sends_notifications })
    }
}

fn endpoint_url(region: &str, context: Context) -> Result<String, SettingError> {
    if let Some(url) = variable::endpoint_url("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS")? {
        for (variable, is_set) in [
            ("AWS_USE_FIPS_ENDPOINT", context.use_fips),
            ("AWS_USE_DUALSTACK_ENDPOINT", context.use_dual_stack),
        ] {
            if is_set {
                let problem = format!("must be false or unset when the endpoint is {url}");
                return Err(SettingError::invalid(variable, problem, "true".into()));
            }
        }
        return Ok(url);
    }
    if context.use_fips && !FIPS_REGIONS.contains(&region) {
        let regions = FIPS_REGIONS.join(", ");
        let problem = format!(
            "must be false or unset when MEDIA_CONTROL_REGION is {region}: only {regions} have a FIPS endpoint"
        );
        return Err(SettingError::invalid("AWS_USE_FIPS_ENDPOINT", problem, "true".into()));
    }
    let service = if context.use_fips { "meetings-chime-fips" } else { "meetings-chime" };
    let suffix = if context.use_dual_stack { "api.aws" } else { "amazonaws.com" };
    Ok(format!("https://{service}.{region}.{suffix}"))
}
