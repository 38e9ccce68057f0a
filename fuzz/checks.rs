//! Properties that hold for every input.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::Value;

use super::exceptions::exception;

/// Asserts that this is a valid reply of the API.
pub fn reply(reply: &Value) {
    let header = |name: &str| reply["headers"][name].as_str();
    let status = reply["statusCode"].as_u64().unwrap();
    if status == 204 {
        assert!(header("content-type").is_none() && reply["body"].is_null(), "{reply}");
        return;
    }
    assert_eq!(header("content-type"), Some("application/json"));
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    if status < 300 {
        success(status, &body, header("idempotent-replayed").is_some());
        return;
    }
    let name = header("x-amzn-errortype").unwrap();
    let (code, its_status) = exception(name).unwrap_or_else(|| panic!("{reply}"));
    assert_eq!((status, &body["Code"]), (its_status, &code.into()));
    assert!(!body["Message"].as_str().unwrap().is_empty() && body["RequestId"].is_string());
}

/// A meeting, attendees, both, or nothing for a transcription request. The table's contents were
/// checked before they were stored.
fn success(status: u64, body: &Value, is_replay: bool) {
    let members = body.as_object().unwrap();
    assert!(matches!(status, 200 | 201), "{status}: {body}");
    assert!(status == 200 || !members.is_empty());
    if let Some(meetings) = members.get("Meetings").filter(|_| status == 200) {
        let meetings = meetings.as_array().unwrap();
        assert!(meetings.len() <= 99);
        for meeting in meetings {
            id(meeting["MeetingId"].as_str().unwrap());
        }
    }
    if let Some(meeting) = members.get("Meeting").filter(|_| status == 201 && !is_replay) {
        assert_eq!(meeting["MeetingId"].as_str().unwrap().len(), 36);
        let urls = meeting["MediaPlacement"].as_object().unwrap();
        assert!(urls.contains_key("AudioHostUrl") && urls.contains_key("SignalingUrl"), "{body}");
    }
}

/// Asserts that this is a valid request to the Amazon Chime SDK: its path has valid IDs, its query
/// is encoded, and its body is empty or a JSON object.
pub fn chime_sdk_request(request: &HttpRequest) {
    let target = request.uri().strip_prefix("http://chime.test/").unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let segments: Vec<_> = path.split('/').collect();
    match (request.method(), &segments[..], query) {
        ("POST", ["meetings"], "") => {}
        ("GET" | "DELETE", ["meetings", meeting], "")
        | ("POST", ["meetings", meeting, "attendees"], "" | "operation=batch-create")
        | ("POST", ["meetings", meeting, "transcription"], "operation=start" | "operation=stop") => {
            id(meeting);
        }
        ("GET", ["meetings", meeting, "attendees"], page) => {
            id(meeting);
            for parameter in page.split('&').filter(|parameter| !parameter.is_empty()) {
                let (name, value) = parameter.split_once('=').unwrap();
                assert!(matches!(name, "max-results" | "next-token"), "{page}");
                let is_encoded =
                    |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
                assert!(!value.is_empty() && value.bytes().all(is_encoded), "{page}");
            }
        }
        ("GET" | "DELETE", ["meetings", meeting, "attendees", attendee], "") => {
            id(meeting);
            id(attendee);
        }
        (method, ..) => panic!("{method} {target}"),
    }
    let body = request.body().bytes().unwrap();
    assert!(body.is_empty() || serde_json::from_slice::<Value>(body).unwrap().is_object());
}

fn id(id: &str) {
    let is_hyphen = |index| [8, 13, 18, 23].contains(&index);
    let fits =
        |(index, c): (usize, char)| if is_hyphen(index) { c == '-' } else { c.is_ascii_hexdigit() };
    assert!(id.len() == 36 && id.chars().enumerate().all(fits), "{id}");
}
