//! Routes: which operation of Amazon Chime's meetings API a request calls.
//!
//! This endpoint serves one of them. The others are known by name, so that a client learns what is missing.
//! They never answer `NotFoundException`: programs take that for the end of their meeting, and create
//! another.

use super::event::HttpRequest;
use crate::error::{Error, ErrorKind};

/// An operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Its name, as in `CreateMeeting`.
    pub name: &'static str,
    method: &'static str,
    /// The value of the query parameter `operation`, where operations share a method. It is empty for the
    /// one that takes none.
    selector: &'static str,
}

/// A path of the API, and what it serves.
struct Path {
    /// Its segments. One in braces is an id.
    template: &'static str,
    /// Its methods, for the header `Allow`.
    allow: &'static str,
    operations: &'static [Operation],
}

const fn get(name: &'static str) -> Operation {
    Operation { name, method: "GET", selector: "" }
}

const fn delete(name: &'static str) -> Operation {
    Operation { name, method: "DELETE", selector: "" }
}

const fn post(name: &'static str, selector: &'static str) -> Operation {
    Operation { name, method: "POST", selector }
}

/// All operations on meetings, attendees and tags, from Amazon Chime's service model (`chime/2018-05-01`).
static PATHS: [Path; 9] = [
    Path {
        template: "/meetings",
        allow: "GET, POST",
        operations: &[
            post("CreateMeeting", ""),
            post("CreateMeetingWithAttendees", "create-attendees"),
            get("ListMeetings"),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}",
        allow: "DELETE, GET",
        operations: &[get("GetMeeting"), delete("DeleteMeeting")],
    },
    Path {
        template: "/meetings/{MeetingId}/attendees",
        allow: "GET, POST",
        operations: &[
            post("CreateAttendee", ""),
            post("BatchCreateAttendee", "batch-create"),
            get("ListAttendees"),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/attendees/{AttendeeId}",
        allow: "DELETE, GET",
        operations: &[get("GetAttendee"), delete("DeleteAttendee")],
    },
    Path {
        template: "/meetings/{MeetingId}/attendees/{AttendeeId}/tags",
        allow: "GET, POST",
        operations: &[
            post("TagAttendee", "add"),
            post("UntagAttendee", "delete"),
            get("ListAttendeeTags"),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/dial-outs",
        allow: "POST",
        operations: &[post("CreateMeetingDialOut", "")],
    },
    Path {
        template: "/meetings/{MeetingId}/tags",
        allow: "GET, POST",
        operations: &[
            post("TagMeeting", "add"),
            post("UntagMeeting", "delete"),
            get("ListMeetingTags"),
        ],
    },
    Path {
        template: "/meetings/{MeetingId}/transcription",
        allow: "POST",
        operations: &[
            post("StartMeetingTranscription", "start"),
            post("StopMeetingTranscription", "stop"),
        ],
    },
    Path {
        template: "/tags",
        allow: "GET, POST",
        operations: &[
            post("TagResource", "tag-resource"),
            post("UntagResource", "untag-resource"),
            get("ListTagsForResource"),
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
        let selector = request.operation.as_deref().unwrap_or_default();
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
