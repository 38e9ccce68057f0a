//! An API call, and its events from each source.

use serde_json::{Value, json};

use super::Event;

#[derive(Clone, Debug)]
pub struct Call {
    pub method: &'static str,
    /// The path in the API.
    pub path: String,
    /// The query parameters, or null.
    pub query: Value,
    pub body: Option<String>,
}

/// The source of an event: an API with a route for each path, or with a catch-all route.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    RestRoute,
    RestProxy,
    HttpRoute,
    HttpDefault,
    FunctionUrl,
}

impl Source {
    pub const ALL: [Self; 5] =
        [Self::RestRoute, Self::RestProxy, Self::HttpRoute, Self::HttpDefault, Self::FunctionUrl];
}

impl Call {
    pub fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), query: Value::Null, body: None }
    }

    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query[name] = json!(value);
        self
    }

    #[allow(clippy::needless_pass_by_value, reason = "bodies are created where they are passed")]
    pub fn body(mut self, body: impl ToString) -> Self {
        self.body = Some(body.to_string());
        self
    }

    /// The event from this source. APIs with routes are behind the base path of a custom domain.
    /// With `$default`, the path begins with the stage.
    pub fn event(&self, source: Source) -> Event {
        let Self { method, path, .. } = self;
        let (route, parameters) = self.route();
        let behind_base_path = format!("/chime{path}");
        match source {
            Source::RestRoute => self.rest(&route, parameters, &behind_base_path),
            Source::RestProxy => self.rest("/{proxy+}", json!({"proxy": path[1..]}), path),
            Source::HttpRoute => {
                self.v2(Event::http(), &format!("{method} {route}"), parameters, &behind_base_path)
            }
            Source::HttpDefault => {
                self.v2(Event::http(), "$default", Value::Null, &format!("/v1{path}"))
            }
            Source::FunctionUrl => self.v2(Event::url(), "$default", Value::Null, path),
        }
    }

    /// The route of the path, and its parameters.
    fn route(&self) -> (String, Value) {
        let mut segments: Vec<&str> = self.path.split('/').collect();
        let mut parameters = Value::Null;
        for (index, name) in [(2, "MeetingId"), (4, "AttendeeId")] {
            if let Some(segment) = segments.get_mut(index) {
                parameters[name] = json!(segment);
                *segment = if index == 2 { "{MeetingId}" } else { "{AttendeeId}" };
            }
        }
        (segments.join("/"), parameters)
    }

    fn rest(&self, resource: &str, parameters: Value, path: &str) -> Event {
        let event = Event::rest()
            .set("/httpMethod", json!(self.method))
            .set("/resource", json!(resource))
            .set("/path", json!(path))
            .set("/pathParameters", parameters)
            .set("/multiValueHeaders", Value::Null);
        self.with_query_and_body(event)
    }

    fn v2(&self, event: Event, route_key: &str, parameters: Value, path: &str) -> Event {
        let mut event = event
            .set("/requestContext/http/method", json!(self.method))
            .set("/routeKey", json!(route_key))
            .set("/rawPath", json!(path));
        event.0["pathParameters"] = parameters;
        self.with_query_and_body(event)
    }

    /// Clients send a content type only with a body.
    fn with_query_and_body(&self, mut event: Event) -> Event {
        event.0["queryStringParameters"] = self.query.clone();
        event.0["body"] = json!(self.body);
        let headers = self.body.as_ref().map(|_| json!({"content-type": "application/json"}));
        event.set("/headers", headers.unwrap_or_else(|| json!({})))
    }
}

/// A call of each relayed operation, deletions last.
pub fn relayed_calls(meeting_id: &str, attendee_id: &str) -> [(&'static str, Call); 9] {
    let meeting = format!("/meetings/{meeting_id}");
    let attendees = format!("{meeting}/attendees");
    let attendee = format!("{attendees}/{attendee_id}");
    let transcription = format!("{meeting}/transcription");
    let configuration = json!({"EngineTranscribeSettings": {"LanguageCode": "en-US"}});
    [
        ("GetMeeting", Call::new("GET", &meeting)),
        ("CreateAttendee", Call::new("POST", &attendees).body(json!({"ExternalUserId": "anna"}))),
        (
            "BatchCreateAttendee",
            Call::new("POST", &attendees)
                .query("operation", "batch-create")
                .body(json!({"Attendees": [{"ExternalUserId": "bert"}]})),
        ),
        ("GetAttendee", Call::new("GET", &attendee)),
        ("ListAttendees", Call::new("GET", &attendees)),
        (
            "StartMeetingTranscription",
            Call::new("POST", &transcription)
                .query("operation", "start")
                .body(json!({"TranscriptionConfiguration": configuration})),
        ),
        ("StopMeetingTranscription", Call::new("POST", &transcription).query("operation", "stop")),
        ("DeleteAttendee", Call::new("DELETE", &attendee)),
        ("DeleteMeeting", Call::new("DELETE", &meeting)),
    ]
}
