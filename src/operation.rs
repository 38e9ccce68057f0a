//! The operations of Amazon Chime's meetings API, one row each, and the route of a request: which operation it calls.
//!
//! Unsupported operations are in the table as well, so that a client learns what is missing. They never return
//! `NotFoundException`: programs would conclude that their meeting has ended, and create another.

use self::Handling::{CreateMeeting, CreateMeetingWithAttendees, ListMeetings, Relay, Unsupported};
use crate::chime_sdk::Request;
use crate::error::{Error, ErrorKind};
use crate::http_request::HttpRequest;
use crate::meeting::Guid;

/// An operation of the API.
#[derive(Debug)]
pub struct Operation {
    /// Its name, such as `CreateMeeting`.
    pub name: &'static str,
    /// Its HTTP method.
    pub method: &'static str,
    /// Its path, in which `{MeetingId}` and `{AttendeeId}` stand for IDs.
    pub path: &'static str,
    /// The value of the query parameter `operation`, which distinguishes operations with the same path and
    /// method. Empty if the operation has none.
    pub selector: &'static str,
    /// The status code of a successful response.
    pub status: u16,
    /// How it is handled.
    pub handling: Handling,
    /// The errors that it has in addition to those of every operation (a bad request, a caller that is not allowed,
    /// throttling, a failure).
    pub errors: &'static [ErrorKind],
}

/// How an operation is handled.
#[derive(Clone, Copy, Debug)]
pub enum Handling {
    /// It creates a meeting, exactly once per token.
    CreateMeeting,
    /// It creates a meeting, exactly once per token, and then attendees.
    CreateMeetingWithAttendees,
    /// It lists the caller's meetings.
    ListMeetings,
    /// It is forwarded to the Amazon Chime SDK, which takes the `Input` and returns the `Output`.
    Relay(Input, Output),
    /// It is not supported, for this reason.
    Unsupported(&'static str),
}

/// What a forwarded operation takes besides the IDs in its path.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the members")]
pub enum Input {
    Nothing,
    /// The page of a list, in the query.
    Page,
    Attendee,
    Attendees,
    Transcription,
}

/// What a forwarded operation returns.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "the names are those of the members")]
pub enum Output {
    /// No body.
    Nothing,
    /// An object without members.
    Empty,
    Meeting,
    Attendee,
    Attendees,
}

const NO_ATTENDEE_TAGS: &str = "The attendees of the Amazon Chime SDK have no tags.";
const NO_DIAL_OUT: &str = "The Amazon Chime SDK has no such operation.";
const NO_CAPABILITIES: &str = "Amazon Chime's API has no such operation. \
     Give an attendee its capabilities when you create it.";
const NO_TAGGING: &str =
    "Tag meetings when you create them, or with TagResource of the Amazon Chime SDK itself.";

const LIMIT: ErrorKind = ErrorKind::ResourceLimitExceeded;
const GONE: ErrorKind = ErrorKind::NotFound;
const UNPROCESSABLE: ErrorKind = ErrorKind::UnprocessableEntity;

const MEETINGS: &str = "/meetings";
const MEETING: &str = "/meetings/{MeetingId}";
const MEETING_TAGS: &str = "/meetings/{MeetingId}/tags";
const DIAL_OUTS: &str = "/meetings/{MeetingId}/dial-outs";
const TRANSCRIPTION: &str = "/meetings/{MeetingId}/transcription";
const ATTENDEES: &str = "/meetings/{MeetingId}/attendees";
const ATTENDEE: &str = "/meetings/{MeetingId}/attendees/{AttendeeId}";
const ATTENDEE_TAGS: &str = "/meetings/{MeetingId}/attendees/{AttendeeId}/tags";
const ALL_CAPABILITIES: &str = "/meetings/{MeetingId}/attendees/capabilities";
const CAPABILITIES: &str = "/meetings/{MeetingId}/attendees/{AttendeeId}/capabilities";
const TAGS: &str = "/tags";

/// The operation that creates meetings in the Amazon Chime SDK.
#[rustfmt::skip]
pub const CREATE_MEETING: Operation =
    row("CreateMeeting", "POST", MEETINGS, "", 201, CreateMeeting, &[LIMIT]);

/// The operation that checks whether a meeting has ended.
#[rustfmt::skip]
pub const GET_MEETING: Operation =
    row("GetMeeting", "GET", MEETING, "", 200, Relay(Input::Nothing, Output::Meeting), &[GONE]);

/// The operation that `CreateMeetingWithAttendees` performs for its attendees.
#[rustfmt::skip]
pub const BATCH_CREATE_ATTENDEE: Operation =
    row("BatchCreateAttendee", "POST", ATTENDEES, "batch-create", 201, Relay(Input::Attendees, Output::Attendees), &[GONE, LIMIT]);

/// All operations on meetings, attendees and tags, from Amazon Chime's service model (`chime/2018-05-01`), and the two
/// that only the Amazon Chime SDK has. If several paths match, the first one counts.
#[rustfmt::skip]
pub static OPERATIONS: [Operation; 24] = [
    CREATE_MEETING,
    row("CreateMeetingWithAttendees", "POST", MEETINGS, "create-attendees", 201, CreateMeetingWithAttendees, &[LIMIT]),
    row("ListMeetings", "GET", MEETINGS, "", 200, ListMeetings, &[]),
    GET_MEETING,
    row("DeleteMeeting", "DELETE", MEETING, "", 204, Relay(Input::Nothing, Output::Nothing), &[GONE]),
    row("CreateAttendee", "POST", ATTENDEES, "", 201, Relay(Input::Attendee, Output::Attendee), &[GONE, LIMIT]),
    BATCH_CREATE_ATTENDEE,
    row("ListAttendees", "GET", ATTENDEES, "", 200, Relay(Input::Page, Output::Attendees), &[GONE]),
    row("BatchUpdateAttendeeCapabilitiesExcept", "PUT", ALL_CAPABILITIES, "batch-update-except", 200, Unsupported(NO_CAPABILITIES), &[]),
    row("UpdateAttendeeCapabilities", "PUT", CAPABILITIES, "", 200, Unsupported(NO_CAPABILITIES), &[]),
    row("GetAttendee", "GET", ATTENDEE, "", 200, Relay(Input::Nothing, Output::Attendee), &[GONE]),
    row("DeleteAttendee", "DELETE", ATTENDEE, "", 204, Relay(Input::Nothing, Output::Nothing), &[GONE]),
    row("StartMeetingTranscription", "POST", TRANSCRIPTION, "start", 200, Relay(Input::Transcription, Output::Empty), &[GONE, LIMIT, UNPROCESSABLE]),
    row("StopMeetingTranscription", "POST", TRANSCRIPTION, "stop", 200, Relay(Input::Nothing, Output::Empty), &[GONE, UNPROCESSABLE]),
    row("TagAttendee", "POST", ATTENDEE_TAGS, "add", 204, Unsupported(NO_ATTENDEE_TAGS), &[]),
    row("UntagAttendee", "POST", ATTENDEE_TAGS, "delete", 204, Unsupported(NO_ATTENDEE_TAGS), &[]),
    row("ListAttendeeTags", "GET", ATTENDEE_TAGS, "", 200, Unsupported(NO_ATTENDEE_TAGS), &[]),
    row("CreateMeetingDialOut", "POST", DIAL_OUTS, "", 201, Unsupported(NO_DIAL_OUT), &[]),
    row("TagMeeting", "POST", MEETING_TAGS, "add", 204, Unsupported(NO_TAGGING), &[]),
    row("UntagMeeting", "POST", MEETING_TAGS, "delete", 204, Unsupported(NO_TAGGING), &[]),
    row("ListMeetingTags", "GET", MEETING_TAGS, "", 200, Unsupported(NO_TAGGING), &[]),
    row("TagResource", "POST", TAGS, "tag-resource", 204, Unsupported(NO_TAGGING), &[]),
    row("UntagResource", "POST", TAGS, "untag-resource", 204, Unsupported(NO_TAGGING), &[]),
    row("ListTagsForResource", "GET", TAGS, "", 200, Unsupported(NO_TAGGING), &[]),
];

const fn row(
    name: &'static str,
    method: &'static str,
    path: &'static str,
    selector: &'static str,
    status: u16,
    handling: Handling,
    errors: &'static [ErrorKind],
) -> Operation {
    Operation { name, method, path, selector, status, handling, errors }
}

impl Operation {
    /// The operation's request to the Amazon Chime SDK, with this path and query and this body.
    #[must_use]
    pub const fn request<'a>(&self, target: &'a str, body: &'a [u8]) -> Request<'a> {
        Request { operation: self.name, method: self.method, target, body }
    }

    /// The path and query of a request to the Amazon Chime SDK, which has the operation at the same path.
    #[must_use]
    pub fn target(
        &self,
        meeting_id: Option<&Guid>,
        attendee_id: Option<&Guid>,
        query: &str,
    ) -> String {
        let path = self.path.replace("{MeetingId}", meeting_id.map_or("", Guid::as_str));
        let path = path.replace("{AttendeeId}", attendee_id.map_or("", Guid::as_str));
        match (self.selector, query) {
            ("", "") => path,
            ("", query) => format!("{path}?{query}"),
            (selector, _) => format!("{path}?operation={selector}"),
        }
    }

    /// Whether it ends the meeting.
    #[must_use]
    pub fn ends_meeting(&self) -> bool {
        (self.method, self.path) == ("DELETE", MEETING)
    }

    /// Whether only the meeting can be what the Amazon Chime SDK does not find: neither an attendee nor a transcription.
    #[must_use]
    pub fn names_only_meeting(&self) -> bool {
        matches!(self.path, MEETING | ATTENDEES)
    }

    /// Translates an error of the Amazon Chime SDK to one that this operation has. An error that neither API documents
    /// for the operation is a server-side fault.
    #[must_use]
    pub fn translate(&self, error: Error) -> Error {
        let is_specific = matches!(error.kind(), LIMIT | GONE | UNPROCESSABLE);
        if is_specific && !self.errors.contains(&error.kind()) {
            return Error::service_failure(error);
        }
        error
    }
}

/// What a request calls: an operation, with the IDs in the path. The IDs are not validated.
#[derive(Debug)]
pub struct Route<'a> {
    /// The operation.
    pub operation: &'static Operation,
    /// The meeting's ID, if the path has one.
    pub meeting_id: Option<&'a str>,
    /// The attendee's ID, if the path has one.
    pub attendee_id: Option<&'a str>,
    /// The request.
    pub request: &'a HttpRequest,
}

impl<'a> Route<'a> {
    /// The route of `request`.
    ///
    /// # Errors
    /// `NotFound` if the API has no such path, `MethodNotAllowed` if the path has no such method, and
    /// `BadRequest` if the query parameter `operation` has a value that no operation has.
    pub fn of(request: &'a HttpRequest) -> Result<Self, Error> {
        let with_ids =
            |operation: &Operation| Some((operation.path, ids(operation.path, &request.path)?));
        let Some((path, ids)) = OPERATIONS.iter().find_map(with_ids) else {
            return Err(Error::new(
                ErrorKind::NotFound,
                "The API has no such path. Create meetings with POST /meetings.",
            ));
        };
        let at_path = || OPERATIONS.iter().filter(|it| it.path == path);
        let operations: Vec<_> = at_path().filter(|it| it.method == request.method).collect();
        let selector = request.query.get("operation").map_or("", String::as_str);
        let operation = match operations[..] {
            [] => Err(Error::method_not_allowed(path, allowed(at_path()))),
            [only] if only.selector.is_empty() => Ok(only),
            _ => operations
                .iter()
                .find(|it| it.selector == selector)
                .copied()
                .ok_or_else(|| no_such_operation(&operations)),
        }?;
        let mut ids = ids.into_iter();
        let (meeting_id, attendee_id) = (ids.next(), ids.next());
        Ok(Self { operation, meeting_id, attendee_id, request })
    }
}

/// The methods of these operations, for the header `Allow`.
fn allowed(operations: impl Iterator<Item = &'static Operation>) -> String {
    let mut methods: Vec<_> = operations.map(|it| it.method).collect();
    methods.sort_unstable();
    methods.dedup();
    methods.join(", ")
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

/// The IDs in `path`, in order, if it matches `template`. Segments in braces match any ID.
fn ids<'a>(template: &str, path: &'a str) -> Option<Vec<&'a str>> {
    let mut segments = path.split('/');
    let mut ids = Vec::new();
    for expected in template.split('/') {
        let segment = segments.next()?;
        if expected.starts_with('{') && !segment.is_empty() {
            ids.push(segment);
        } else if segment != expected {
            return None;
        }
    }
    segments.next().is_none().then_some(ids)
}
