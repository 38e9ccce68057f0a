//! The media plane `templates`: URLs under the operator's domain.
//!
//! They have the form of Amazon Chime's URLs, for programs that parse them, and contain no host but the operator's.

use uuid::Uuid;

use crate::meeting::{MediaPlacement, MediaRegion};

/// A media plane under the operator's domain.
#[derive(Debug)]
pub struct Templates {
    domain: String,
}

impl Templates {
    /// The media plane under `domain`.
    #[must_use]
    pub const fn new(domain: String) -> Self {
        Self { domain }
    }

    /// The URLs of one meeting.
    #[must_use]
    pub fn placement(&self, meeting_id: Uuid, region: MediaRegion) -> MediaPlacement {
        let (id, hex) = (meeting_id.hyphenated(), meeting_id.simple());
        let (domain, region) = (&self.domain, region.name());
        let bitpw = format!("wss://bitpw.m1.{region}.{domain}:443");
        let screen = format!("{bitpw}/v2/screen/{id}");
        let viewer = format!("passcode=null&viewer_uuid=null&X-BitHub-Call-Id={id}");
        MediaPlacement {
            audio_fallback_url: Some(format!("wss://haxrp.m1.{region}.{domain}:443/calls/{id}")),
            // A host and a port: this one has no scheme.
            audio_host_url: Some(format!("{hex}.k.m1.{region}.{domain}:3478")),
            event_ingestion_url: Some(format!(
                "https://data.svc.{region}.ingest.{domain}/v1/client-events"
            )),
            screen_data_url: Some(screen.clone()),
            screen_sharing_url: Some(screen),
            screen_viewing_url: Some(format!("{bitpw}/ws/connect?{viewer}")),
            signaling_url: Some(format!("wss://signal.m1.{region}.{domain}/control/{id}")),
            turn_control_url: Some(format!("https://ccp.cp.{region}.{domain}/v2/turn_sessions")),
        }
    }
}
