//! The URLs of a meeting.

use serde_json::{Value, json};
use uuid::Uuid;

/// The Regions that host meetings, with their codes in host names. Some codes are not publicly
/// known; these are formed like the others.
const MEDIA_REGIONS: [(&str, &str); 21] = [
    ("af-south-1", "fs1"),
    ("ap-northeast-1", "an1"),
    ("ap-northeast-2", "an2"),
    ("ap-south-1", "ao1"),
    ("ap-southeast-1", "as1"),
    ("ap-southeast-2", "as2"),
    ("ca-central-1", "cc1"),
    ("eu-central-1", "ec1"),
    ("eu-north-1", "en1"),
    ("eu-south-1", "es1"),
    ("eu-west-1", "ew1"),
    ("eu-west-2", "ew2"),
    ("eu-west-3", "ew3"),
    ("il-central-1", "ic1"),
    ("sa-east-1", "se1"),
    ("us-east-1", "ue1"),
    ("us-east-2", "ue2"),
    ("us-gov-east-1", "ge1"),
    ("us-gov-west-1", "gw1"),
    ("us-west-1", "uw1"),
    ("us-west-2", "uw2"),
];

/// The URLs of a meeting, in AWS's form. `None` if the Region does not host meetings.
pub fn describe(media_region: &str, meeting_id: Uuid) -> Option<Value> {
    let (_, code) = MEDIA_REGIONS.iter().find(|(region, _)| *region == media_region)?;
    let audio_host = Uuid::new_v4().simple();
    let domain = format!("m2.{code}.app.chime.aws");
    let screen = format!("wss://bitpw.{domain}:443/v2/screen/{meeting_id}");
    let viewing = format!("wss://bitpw.{domain}:443/ws/connect?passcode=null&viewer_uuid=null");
    Some(json!({
        "AudioHostUrl": format!("{audio_host}.k.{domain}:3478"),
        "AudioFallbackUrl": format!("wss://haxrp.{domain}:443/calls/{meeting_id}"),
        "SignalingUrl": format!("wss://signal.{domain}/control/{meeting_id}"),
        "TurnControlUrl": "https://ccp.cp.ue1.app.chime.aws/v2/turn_sessions",
        "ScreenDataUrl": screen,
        "ScreenViewingUrl": format!("{viewing}&X-BitHub-Call-Id={meeting_id}"),
        "ScreenSharingUrl": screen,
        "EventIngestionUrl": "https://data.svc.ue1.ingest.chime.aws/v1/client-events",
    }))
}
