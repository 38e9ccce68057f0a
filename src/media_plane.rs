//! Where a meeting's URLs come from: templates, under the operator's domain.
//!
//! They keep the form of Amazon Chime's own URLs, so that whatever takes one apart still works, and
//! they name no host but the operator's.

use serde_json::{Map, Value};
use uuid::Uuid;

use crate::meeting::{MediaPlacement, MediaRegion};

/// What a template may hold in braces.
const PLACEHOLDERS: [&str; 4] = ["{MeetingId}", "{MeetingIdHex}", "{MediaRegion}", "{MediaDomain}"];

/// The operator's media plane.
#[derive(Clone, Debug)]
pub struct MediaPlane {
    domain: String,
    templates: MediaPlacement,
}

impl MediaPlane {
    /// The media plane under `domain`, with URLs of Amazon Chime's form.
    #[must_use]
    pub fn new(domain: &str) -> Self {
        Self { domain: domain.to_owned(), templates: chime_templates() }
    }

    /// This media plane with other templates for those members of `MediaPlacement` that
    /// `overrides`, a JSON object, has.
    ///
    /// # Errors
    /// What is wrong with `overrides`, and what is accepted.
    pub fn with_templates(&self, overrides: &str) -> Result<Self, String> {
        let object = |json: &str| serde_json::from_str::<Map<String, Value>>(json);
        let overrides =
            object(overrides).map_err(|error| format!("it must be a JSON object: {error}"))?;
        let mut templates = object(&serde_json::json!(self.templates).to_string())
            .map_err(|error| error.to_string())?;
        for (member, template) in overrides {
            let Some(slot) = templates.get_mut(&member) else {
                let members: Vec<&str> = templates.keys().map(String::as_str).collect();
                return Err(format!("its member {member} must be one of {}", members.join(", ")));
            };
            self.check(&template).map_err(|error| format!("its member {member} {error}"))?;
            *slot = template;
        }
        let templates =
            serde_json::from_value(Value::Object(templates)).map_err(|error| error.to_string())?;
        Ok(Self { domain: self.domain.clone(), templates })
    }

    /// Whether every meeting will get a URL from `template` that the API allows.
    fn check(&self, template: &Value) -> Result<(), String> {
        let template = template.as_str().ok_or("must be a string")?;
        for region in MediaRegion::NAMES {
            let url = expand(template, &Uuid::nil().to_string(), region, &self.domain);
            if url.contains(['{', '}']) {
                return Err(format!("may hold in braces only {}", PLACEHOLDERS.join(", ")));
            }
            if url.is_empty() || url.chars().count() > MediaPlacement::MAX_URL_LENGTH {
                let most = MediaPlacement::MAX_URL_LENGTH;
                return Err(format!("must make URLs of 1 to {most} characters"));
            }
        }
        Ok(())
    }

    /// The URLs of one meeting.
    #[must_use]
    pub fn place(&self, meeting_id: Uuid, region: MediaRegion) -> MediaPlacement {
        let id = meeting_id.to_string();
        self.templates.map(|template| expand(template, &id, region.name(), &self.domain))
    }
}

fn expand(template: &str, meeting_id: &str, region: &str, domain: &str) -> String {
    let hex = meeting_id.replace('-', "");
    PLACEHOLDERS
        .into_iter()
        .zip([meeting_id, &hex, region, domain])
        .fold(template.to_owned(), |url, (placeholder, value)| url.replace(placeholder, value))
}

/// The forms of Amazon Chime's URLs.
fn chime_templates() -> MediaPlacement {
    let bitpw = "wss://bitpw.m1.{MediaRegion}.{MediaDomain}:443";
    let screen = format!("{bitpw}/v2/screen/{{MeetingId}}");
    let viewer = "passcode=null&viewer_uuid=null&X-BitHub-Call-Id={MeetingId}";
    MediaPlacement {
        audio_fallback_url: "wss://haxrp.m1.{MediaRegion}.{MediaDomain}:443/calls/{MeetingId}"
            .into(),
        // A host and a port: this one has no scheme.
        audio_host_url: "{MeetingIdHex}.k.m1.{MediaRegion}.{MediaDomain}:3478".into(),
        event_ingestion_url: "https://data.svc.{MediaRegion}.ingest.{MediaDomain}/v1/client-events"
            .into(),
        screen_data_url: screen.clone(),
        screen_sharing_url: screen,
        screen_viewing_url: format!("{bitpw}/ws/connect?{viewer}"),
        signaling_url: "wss://signal.m1.{MediaRegion}.{MediaDomain}/control/{MeetingId}".into(),
        turn_control_url: "https://ccp.cp.{MediaRegion}.{MediaDomain}/v2/turn_sessions".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(overrides: &str) -> String {
        MediaPlane::new("media.test").with_templates(overrides).unwrap_err()
    }

    #[test]
    fn a_template_of_the_operator_replaces_one_url_and_leaves_the_others() {
        let overrides =
            r#"{"SignalingUrl": "wss://{MediaDomain}/{MediaRegion}/{MeetingId}/{MeetingIdHex}"}"#;
        let media_plane = MediaPlane::new("media.test").with_templates(overrides).unwrap();

        let placement = media_plane.place(Uuid::max(), MediaRegion::default());

        assert_eq!(
            placement.signaling_url,
            "wss://media.test/us-east-1/ffffffff-ffff-ffff-ffff-ffffffffffff/ffffffffffffffffffffffffffffffff",
        );
        assert_eq!(
            placement.turn_control_url,
            "https://ccp.cp.us-east-1.media.test/v2/turn_sessions"
        );
    }

    #[test]
    fn a_template_is_refused_if_any_meeting_would_get_a_url_that_the_api_forbids() {
        let longest = "x".repeat(MediaPlacement::MAX_URL_LENGTH - "ap-northeast-1".len());
        let longer = format!("{longest}x");
        let of = |url: &str| format!(r#"{{"AudioHostUrl": "{url}{{MediaRegion}}"}}"#);

        assert!(MediaPlane::new("media.test").with_templates(&of(&longest)).is_ok());
        assert!(refusal(&of(&longer)).contains("1 to 4096 characters"));
        assert!(refusal(r#"{"AudioHostUrl": ""}"#).contains("1 to 4096 characters"));
    }

    #[test]
    fn what_is_not_an_object_of_templates_is_refused() {
        assert!(refusal("wss://x").contains("a JSON object"));
        assert!(refusal(r#"{"AudioHostUrl": 1}"#).contains("AudioHostUrl must be a string"));
        assert!(refusal(r#"{"AudioHost": "x"}"#).contains("AudioHost"));
        assert!(refusal(r#"{"AudioHostUrl": "{Region}"}"#).contains("{MediaRegion}"));
    }
}
