//! Routes: which operation of Amazon Chime's meetings API a request calls.
//!
//! Unsupported operations are known by name, so that a client learns what is missing. They never return
//! `NotFoundException`: programs would conclude that their meeting has ended, and create another.

use self::Handler::{Create, CreateWithAttendees, Relay, Unsupported};
use super::event::HttpRequest;
use crate::error::{Error, ErrorKind};
use crate::relay::Relayed;

/// An operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Its name, such as `CreateMeeting`.
    pub name: &'static str,
    /// Its HTTP method.
    pub method: &'static str,
    /// The value of the query parameter `operation`, which tells operations with the same path and method apart.
    /// Empty if the operation has none.
    pub selector: &'static str,
    /// How it is handled.
    pub handler: Handler,
}

/// How an operation is handled.
#[derive(Clone, Copy, Debug)]
pub enum Handler {
    /// It creates a meeting, exactly once per token.
    Create,
    /// It creates a meeting, exactly once per token, and then attendees.
    CreateWithAttendees,
    /// It is forwarded to the Amazon Chime SDK.
    Relay(Relayed),
    /// It is not supported, for this reason.
    Unsupported(&'static str),
}

/// What a request calls: an operation, and the IDs in the path. The IDs are not validated.
#[derive(Debug)]
pub struct Route<'a> {
    /// The operation.
    pub operation: &'static Operation,
    /// The meeting's ID, if the path has one.
    pub meeting_id: Option<&'a str>,
    /// The attendee's ID, if the path has one.
    pub attendee_id: Option<&'a str>,
}

/// A path of the API, and its operations.
struct Path {
    /// The path. Segments in braces match any ID: the first one is a meeting's, the second one an attendee's.
    template: &'static str,
    /// The methods, for the header `Allow`.
    allow: &'static str,
    operations: &'static [Operation],
}

const fn get(name: &'static str, handler: Handler) -> Operation {
    Operation { name, method: "GET", selector: "", handler }
}

const fn delete(name: &'static str, handler: Handler) -> Operation {
    Operation { name, method: "DELETE", selector: "", handler }
}

const fn post(name: &'static str, selector: &'static str, handler: Handler) -> Operation {
    Operation { name, method: "POST", selector, handler }
}

const NO_LIST: Handler = Unsupported(
    "The Amazon Chime SDK has no such operation. Store the IDs of the meetings that you create.",
);
const NO_ATTENDEE_TAGS: Handler =
    Unsupported("The attendees of the Amazon Chime SDK have no tags.");
const NO_DIAL_OUT: Handler = Unsupported("The Amazon Chime SDK has no such operation.");
const NO_TAGGING: Handler = Unsupported(
    "Tag meetings when you create them, or with TagResource of the Amazon Chime SDK itself.",
);

/// All operations on meetings, attendees and tags, from Amazon Chime's service model (`chime/2018-05-01`).
static PATHS: [Path; 9] = [
    Path {
        template: "/meetings",
        allow: "GET, POST",
        operations: &[
            post("CreateMeeting", "", Create),
            post("CreateMeetingWithAttendees", "create-attendees", CreateWithAttendees),
            get("ListMeetings", NO_LIST),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}",
        allow: "DELETE, GET",
        operations: &[
            get("GetMeeting", Relay(Relayed::GetMeeting)),
            delete("DeleteMeeting", Relay(Relayed::DeleteMeeting)),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/attendees",
        allow: "GET, POST",
        operations: &[
            post("CreateAttendee", "", Relay(Relayed::CreateAttendee)),
            post("BatchCreateAttendee", "batch-create", Relay(Relayed::BatchCreateAttendee)),
            get("ListAttendees", Relay(Relayed::ListAttendees)),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/attendees/{AttendeeId}",
        allow: "DELETE, GET",
        operations: &[
            get("GetAttendee", Relay(Relayed::GetAttendee)),
            delete("DeleteAttendee", Relay(Relayed::DeleteAttendee)),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/attendees/{AttendeeId}/tags",
        allow: "GET, POST",
        operations: &[
            post("TagAttendee", "add", NO_ATTENDEE_TAGS),
            post("UntagAttendee", "delete", NO_ATTENDEE_TAGS),
            get("ListAttendeeTags", NO_ATTENDEE_TAGS),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/dial-outs",
        allow: "POST",
        operations: &[post("CreateMeetingDialOut", "", NO_DIAL_OUT)],
    },
    Path {
        template: "/meetings/{MeetingId}/tags",
        allow: "GET, POST",
        operations: &[
            post("TagMeeting", "add", NO_TAGGING),
            post("UntagMeeting", "delete", NO_TAGGING),
            get("ListMeetingTags", NO_TAGGING),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/transcription",
        allow: "POST",
        operations: &[
            post("StartMeetingTranscription", "start", Relay(Relayed::StartMeetingTranscription)),
            post("StopMeetingTranscription", "stop", Relay(Relayed::StopMeetingTranscription)),
        ],
    },
    Path {
        template: "/tags",
        allow: "GET, POST",
        operations: &[
            post("TagResource", "tag-resource", NO_TAGGING),
            post("UntagResource", "untag-resource", NO_TAGGING),
            get("ListTagsForResource", NO_TAGGING),
        ],
    },
];

impl<'a> Route<'a> {
    /// The route of `request`.
    ///
    /// # Errors
    /// `NotFound` if the API has no such path, `MethodNotAllowed` if the path has no such method, and
    /// `BadRequest` if the query parameter `operation` has a value that no operation has.
    pub fn of(request: &'a HttpRequest) -> Result<Self, Error> {
        let with_ids = |path: &'static Path| Some((path, path.ids_in(&request.path)?));
        let Some((path, ids)) = PATHS.iter().find_map(with_ids) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "The API has no such path. Create meetings with POST /meetings.",
            ));
        };
        let operations: Vec<_> =
            path.operations.iter().filter(|it| it.method == request.method).collect();
        let selector = request.query.get("operation").map_or("", String::as_str);
        let operation = match operations[..] {
            [] => Err(Error::new(
                ErrorKind::MethodNotAllowed { allow: path.allow },
                format!("Method not allowed on {}. Allowed: {}.", path.template, path.allow),
            )),
            [only] if only.selector.is_empty() => Ok(only),
            _ => operations
                .iter()
                .find(|it| it.selector == selector)
                .copied()
                .ok_or_else(|| no_such_operation(&operations)),
        }?;
        let mut ids = ids.into_iter();
        Ok(Self { operation, meeting_id: ids.next(), attendee_id: ids.next() })
    }
}

fn no_such_operation(operations: &[&Operation]) -> Error {
    let accepted: Vec<_> = operations
        .iter()
        .map(|Operation { name, selector, .. }| match *selector {
            "" => format!("absent for {name}"),
            selector => format!("{selector} for {name}"),
        })
        .collect();
    Error::bad_request(format!("The query parameter operation must be {}.", accepted.join(" or ")))
}

impl Path {
    /// The IDs in `path`, in order, if it matches the template.
    fn ids_in<'a>(&self, path: &'a str) -> Option<Vec<&'a str>> {
        let mut segments = path.split('/');
        let mut ids = Vec::new();
        for expected in self.template.split('/') {
            let segment = segments.next()?;
            if expected.starts_with('{') && !segment.is_empty() {
                ids.push(segment);
            } else if segment != expected {
                return None;
            }
        }
        segments.next().is_none().then_some(ids)
    }
}
