//! Events of Amazon `EventBridge` about the meetings of the Amazon Chime SDK ("Automating the Amazon Chime SDK with
//! `EventBridge`" in its developer guide).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::meeting::Guid;

/// What an event says about a meeting.
#[derive(Debug)]
pub enum MeetingEvent {
    /// It has ended.
    Ended(Guid),
    /// Something else, or nothing that can be read.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    source: &'a str,
    #[serde(borrow, rename = "detail-type")]
    detail_type: &'a str,
    #[serde(borrow)]
    detail: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Detail {
    event_type: String,
    meeting_id: String,
}

impl MeetingEvent {
    /// The event, if it is about a meeting.
    #[must_use]
    pub fn parse(event: &RawValue) -> Option<Self> {
        let envelope: Envelope = serde_json::from_str(event.get()).ok()?;
        let kind = (envelope.source, envelope.detail_type);
        (kind == ("aws.chime", "Chime Meeting State Change"))
            .then(|| Self::of(envelope.detail).unwrap_or(Self::Other))
    }

    fn of(detail: Option<&RawValue>) -> Option<Self> {
        let detail: Detail = serde_json::from_str(detail?.get()).ok()?;
        let is_end = detail.event_type == "chime:MeetingEnded";
        Guid::parse(&detail.meeting_id).filter(|_| is_end).map(Self::Ended)
    }
}
