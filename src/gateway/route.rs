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

/// A path of the API, and its operations.
struct Path {
    /// The path. A segment in braces matches any ID.
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

impl Operation {
    /// The operation that `request` calls.
    ///
    /// # Errors
    /// `NotFound` if the API has no such path, `MethodNotAllowed` if the path has no such method, and
    /// `BadRequest` if the query parameter `operation` has a value that no operation has.
    pub fn called_by(request: &HttpRequest) -> Result<&'static Self, Error> {
        let Some(path) = PATHS.iter().find(|path| path.matches(&request.path)) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "The API has no such path. Create meetings with POST /meetings.",
            ));
        };
        let operations: Vec<_> =
            path.operations.iter().filter(|it| it.method == request.method).collect();
        let selector = request.query.get("operation").map_or("", String::as_str);
        match operations[..] {
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
        }
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
    fn matches(&self, path: &str) -> bool {
        let mut segments = path.split('/');
        let is_next = |wanted: &str| {
            segments.next().is_some_and(|segment| {
                segment == wanted || (wanted.starts_with('{') && !segment.is_empty())
            })
        };
        self.template.split('/').all(is_next) && segments.next().is_none()
    }
}
