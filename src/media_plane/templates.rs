//! The media plane `templates`: URLs under the operator's domain.
//!
//! They have the form of Amazon Chime's URLs, for programs that parse them, and contain no host but the operator's.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::meeting::{MediaPlacement, MediaRegion};

/// The placeholders that a template may contain.
const PLACEHOLDERS: [&str; 4] = ["{MeetingId}", "{MeetingIdHex}", "{MediaRegion}", "{MediaDomain}"];

/// A media plane under the operator's domain.
#[derive(Debug)]
pub struct Templates {
    domain: String,
    templates: MediaPlacement,
}

impl Templates {
    /// The media plane under `domain`, with URLs in Amazon Chime's form.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), templates: chime_templates() }
    }

    /// This media plane with some templates replaced by those in `overrides`, a JSON object with members of
    /// `MediaPlacement`.
    ///
    /// # Errors
    /// What is wrong with `overrides`, and what is accepted.
    pub fn with_templates(&self, overrides: &str) -> Result<Self, String> {
        let overrides: Map<String, Value> = serde_json::from_str(overrides)
            .map_err(|error| format!("must be a JSON object ({error})"))?;
        let mut templates = json!(self.templates);
        for (member, template) in overrides {
            self.check(&template)
                .map_err(|error| format!("has the member {member}, which {error}"))?;
            let Some(slot) = templates.get_mut(&member) else {
                let known = templates.as_object().into_iter().flat_map(Map::keys);
                let known: Vec<&str> = known.map(String::as_str).collect();
                return Err(format!(
                    "has the unknown member {member}; expected one of {}",
                    known.join(", ")
                ));
            };
            *slot = template;
        }
        let templates = serde_json::from_value(templates).map_err(|error| error.to_string())?;
        Ok(Self { domain: self.domain.clone(), templates })
    }

    /// Checks that `template` yields a URL that the API allows, in every media Region.
    fn check(&self, template: &Value) -> Result<(), String> {
        let template = template.as_str().ok_or("must be a string")?;
        for region in MediaRegion::NAMES {
            let url = self.expand(template, &Ids::from(Uuid::nil()), region);
            if url.contains(['{', '}']) {
                return Err(format!("may contain in braces only {}", PLACEHOLDERS.join(", ")));
            }
            if url.is_empty() || url.chars().count() > MediaPlacement::MAX_URL_LENGTH {
                let most = MediaPlacement::MAX_URL_LENGTH;
                return Err(format!("must yield URLs of 1 to {most} characters"));
            }
        }
        Ok(())
    }

    /// The URLs of one meeting.
    #[must_use]
    pub fn placement(&self, meeting_id: Uuid, region: MediaRegion) -> MediaPlacement {
        let ids = Ids::from(meeting_id);
        self.templates.map(|template| self.expand(template, &ids, region.name()))
    }

    fn expand(&self, template: &str, ids: &Ids, region: &str) -> String {
        let values = [&*ids.hyphenated, &*ids.hex, region, &*self.domain];
        let mut url = String::with_capacity(2 * template.len());
        let mut rest = template;
        while let Some(at) = rest.find('{') {
            url.push_str(&rest[..at]);
            rest = &rest[at..];
            let found = PLACEHOLDERS.into_iter().zip(values).find(|it| rest.starts_with(it.0));
            let (placeholder, value) = found.unwrap_or(("{", "{"));
            url.push_str(value);
            rest = &rest[placeholder.len()..];
        }
        url + rest
    }
}

/// A meeting ID, as `{MeetingId}` and as `{MeetingIdHex}`.
struct Ids {
    hyphenated: String,
    hex: String,
}

impl From<Uuid> for Ids {
    fn from(id: Uuid) -> Self {
        Self { hyphenated: id.hyphenated().to_string(), hex: id.simple().to_string() }
    }
}

/// Templates in the form of Amazon Chime's URLs.
fn chime_templates() -> MediaPlacement {
    let bitpw = "wss://bitpw.m1.{MediaRegion}.{MediaDomain}:443";
    let screen = format!("{bitpw}/v2/screen/{{MeetingId}}");
    let viewer = "passcode=null&viewer_uuid=null&X-BitHub-Call-Id={MeetingId}";
    MediaPlacement {
        audio_fallback_url: Some(
            "wss://haxrp.m1.{MediaRegion}.{MediaDomain}:443/calls/{MeetingId}".into(),
        ),
        // A host and a port: this one has no scheme.
        audio_host_url: Some("{MeetingIdHex}.k.m1.{MediaRegion}.{MediaDomain}:3478".into()),
        event_ingestion_url: Some(
            "https://data.svc.{MediaRegion}.ingest.{MediaDomain}/v1/client-events".into(),
        ),
        screen_data_url: Some(screen.clone()),
        screen_sharing_url: Some(screen),
        screen_viewing_url: Some(format!("{bitpw}/ws/connect?{viewer}")),
        signaling_url: Some(
            "wss://signal.m1.{MediaRegion}.{MediaDomain}/control/{MeetingId}".into(),
        ),
        turn_control_url: Some(
            "https://ccp.cp.{MediaRegion}.{MediaDomain}/v2/turn_sessions".into(),
        ),
    }
}
