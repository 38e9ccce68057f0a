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
    /// One has ended, but it is unknown which.
    EndedUnnamed,
    /// Something else.
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
struct Detail<'a> {
    event_type: String,
    #[serde(borrow)]
    meeting_id: Option<&'a RawValue>,
}

impl MeetingEvent {
    /// The event, if it is about a meeting.
    #[must_use]
    pub fn parse(event: &RawValue) -> Option<Self> {
        let envelope: Envelope = serde_json::from_str(event.get()).ok()?;
        let kind = (envelope.source, envelope.detail_type);
        (kind == ("aws.chime", "Chime Meeting State Change"))
            .then(|| envelope.detail.map_or(Self::Other, Self::of))
    }

    fn of(detail: &RawValue) -> Self {
        match serde_json::from_str::<Detail>(detail.get()) {
            Ok(detail) if detail.event_type == "chime:MeetingEnded" => {
                let id = detail.meeting_id.map(RawValue::get);
                let id = id.and_then(|id| serde_json::from_str::<String>(id).ok());
                id.and_then(|id| Guid::parse(&id)).map_or(Self::EndedUnnamed, Self::Ended)
            }
            _ => Self::Other,
        }
    }
}
