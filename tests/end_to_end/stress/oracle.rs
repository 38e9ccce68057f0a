//! A second, independent implementation of the constraints.

use std::collections::{BTreeSet, HashSet};

use fancy_regex::Regex;
use serde_json::{Map, Value};

use crate::constraints::REGIONS;

/// The constraints that a request violates.
#[derive(Default)]
pub struct Oracle(pub BTreeSet<String>);

impl Oracle {
    pub fn violations(request: &Map<String, Value>) -> BTreeSet<String> {
        let mut oracle = Self::default();
        let given = |name: &str| request.get(name).unwrap_or(&Value::Null);
        if let Some(token) =
            oracle.required("clientRequestToken", given("ClientRequestToken"), 2, 64)
            && !token.chars().all(|c| matches!(c, '-' | '_' | 'a'..='z' | 'A'..='Z' | '0'..='9'))
        {
            oracle
                .breaks("clientRequestToken", "satisfy regular expression pattern: [-_a-zA-Z0-9]*");
        }
        oracle.text("externalMeetingId", given("ExternalMeetingId"), 2, 64);
        oracle.text("meetingHostId", given("MeetingHostId"), 2, 64);
        if let Some(region) = oracle.text("mediaRegion", given("MediaRegion"), 0, usize::MAX)
            && !REGIONS.contains(&region)
        {
            let known = format!("satisfy enum value set: [{}]", REGIONS.join(", "));
            oracle.breaks("mediaRegion", &known);
        }
        match given("NotificationsConfiguration") {
            Value::Null => {}
            Value::Object(members) => {
                oracle.arn("snsTopicArn", members.get("SnsTopicArn"), "sns", "an SNS topic");
                oracle.arn("sqsQueueArn", members.get("SqsQueueArn"), "sqs", "an SQS queue");
            }
            _ => oracle.breaks("notificationsConfiguration", "be an object"),
        }
        match given("Tags") {
            Value::Null => {}
            Value::Array(tags) => oracle.tags(tags),
            _ => oracle.breaks("tags", "be an array"),
        }
        oracle.0
    }

    /// Checks an ID in a path.
    pub fn id(&mut self, path: &str, id: &str) {
        let pattern = "[a-fA-F0-9]{8}(?:-[a-fA-F0-9]{4}){3}-[a-fA-F0-9]{12}";
        if !Regex::new(&format!("^(?:{pattern})\\z")).unwrap().is_match(id).unwrap() {
            self.breaks(path, &format!("satisfy regular expression pattern: {pattern}"));
        }
    }

    /// Checks an attendee's `ExternalUserId`.
    pub fn user(&mut self, path: &str, user: &Value) {
        let pattern = r##"[-_&@+=,(){}\[\]\/«».:|'"#a-zA-Z0-9À-ÿ\s]*"##;
        let of_ascii = pattern.replace(r"\s", r" \t\n\f\r");
        let Some(user) = self.required(path, user, 2, 64) else { return };
        if Regex::new("^(?i:aws:)").unwrap().is_match(user).unwrap() {
            self.breaks(path, "not begin with \"aws:\" (case-insensitive)");
        } else if !Regex::new(&format!("^{of_ascii}\\z")).unwrap().is_match(user).unwrap() {
            self.breaks(path, &format!("satisfy regular expression pattern: {pattern}"));
        }
    }

    /// Checks attendees, of which at most `most` are allowed.
    pub fn attendees(&mut self, attendees: &Value, most: usize) {
        let Some(attendees) = attendees.as_array() else {
            return self.breaks("attendees", "be an array");
        };
        self.length("attendees", attendees.len(), 1, most);
        for (number, attendee) in (1..).zip(attendees) {
            let path = format!("attendees.{number}.member");
            match attendee {
                Value::Object(members) => {
                    let user = members.get("ExternalUserId").unwrap_or(&Value::Null);
                    self.user(&format!("{path}.externalUserId"), user);
                }
                Value::Null => self.breaks(&path, "not be null"),
                _ => self.breaks(&path, "be an object"),
            }
        }
    }

    /// Checks the parameters of a page.
    pub fn page(&mut self, results: &str, token: &str) {
        let number = results.strip_prefix('+').unwrap_or(results).trim_start_matches('0');
        let is_number = results.contains(|c: char| c.is_ascii_digit())
            && number.chars().all(|c| c.is_ascii_digit());
        match (is_number, number.len()) {
            _ if results.is_empty() => {}
            (true, 0) => self.breaks("maxResults", "have value greater than or equal to 1"),
            (true, 1 | 2) => {}
            (true, _) => self.breaks("maxResults", "have value less than or equal to 99"),
            (false, _) => self.breaks("maxResults", "be a whole number between 1 and 99"),
        }
        self.length("nextToken", token.chars().count(), 0, 4096);
    }

    pub fn breaks(&mut self, path: &str, constraint: &str) {
        self.0.insert(format!(
            "Value at '{path}' failed to satisfy constraint: Member must {constraint}"
        ));
    }

    fn length(&mut self, path: &str, length: usize, least: usize, most: usize) {
        if length < least {
            self.breaks(path, &format!("have length greater than or equal to {least}"));
        }
        if length > most {
            self.breaks(path, &format!("have length less than or equal to {most}"));
        }
    }

    fn text<'a>(
        &mut self,
        path: &str,
        value: &'a Value,
        least: usize,
        most: usize,
    ) -> Option<&'a str> {
        match value {
            Value::Null => None,
            Value::String(text) => {
                self.length(path, text.chars().count(), least, most);
                Some(text)
            }
            _ => {
                self.breaks(path, "be a string");
                None
            }
        }
    }

    fn required<'a>(
        &mut self,
        path: &str,
        value: &'a Value,
        least: usize,
        most: usize,
    ) -> Option<&'a str> {
        if value.is_null() {
            self.breaks(path, "not be null");
        }
        self.text(path, value, least, most)
    }

    fn arn(&mut self, member: &str, value: Option<&Value>, service: &str, resource: &str) {
        let path = &format!("notificationsConfiguration.{member}");
        let Some(arn) = self.text(path, value.unwrap_or(&Value::Null), 1, 1024) else { return };
        let allowed =
            |c| matches!(c, '/' | ':' | '-' | '_' | '.' | 'a'..='z' | 'A'..='Z' | '0'..='9');
        if !arn.starts_with("arn") || arn.len() < 4 || !arn.chars().all(allowed) {
            self.breaks(path, r"satisfy regular expression pattern: ^arn[\/\:\-\_\.a-zA-Z0-9]+$");
            return;
        }
        let parts: Vec<&str> = arn.split(':').collect();
        let fits = parts.len() == 6
            && parts[0] == "arn"
            && parts[1].starts_with("aws")
            && parts[2] == service
            && !parts[3].is_empty()
            && parts[4].len() == 12
            && parts[4].chars().all(|c| c.is_ascii_digit())
            && !parts[5].is_empty()
            && !parts[5].contains('/');
        if !fits {
            self.breaks(
                path,
                &format!("be the ARN of {resource}: arn:partition:{service}:region:account:name"),
            );
        }
    }

    fn tags(&mut self, tags: &[Value]) {
        self.length("tags", tags.len(), 1, 50);
        let mut keys = HashSet::new();
        for (number, tag) in tags.iter().enumerate() {
            let path = format!("tags.{}.member", number + 1);
            let Some(members) = tag.as_object() else {
                self.breaks(&path, if tag.is_null() { "not be null" } else { "be an object" });
                continue;
            };
            let given = |name: &str| members.get(name).unwrap_or(&Value::Null);
            self.required(&format!("{path}.value"), given("Value"), 1, 256);
            let path = format!("{path}.key");
            let Some(key) = self.required(&path, given("Key"), 1, 128) else { continue };
            if key.to_lowercase().starts_with("aws:") {
                self.breaks(&path, "not begin with \"aws:\" (case-insensitive)");
            }
            if !key.is_empty() && !keys.insert(key) {
                self.breaks(&path, "be unique");
            }
        }
    }
}
