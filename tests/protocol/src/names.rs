//! Names for the UUIDs that an invocation generates, since they are different each time that it runs.

use std::fmt;

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use serde_json::Value;
use uuid::Uuid;

use crate::function::Request;

/// The end of all names. No random UUID has it.
const END: &str = "-0000-4000-8000-000000000000";

/// A name that stands for a UUID. Written, it has the form of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(pub u32);

impl Name {
    /// The name that is written like this.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let digits = text.strip_suffix(END)?;
        u32::from_str_radix(digits, 16).ok().map(Self)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{:08x}{END}", self.0)
    }
}

/// The names of the UUIDs of one invocation.
pub struct Names {
    number: u8,
    /// The UUIDs in the order in which they were seen.
    uuids: Vec<String>,
}

impl Names {
    /// Those of the invocation with this number.
    #[must_use]
    pub const fn new(number: u8) -> Self {
        Self { number, uuids: Vec::new() }
    }

    /// They begin with another digit than those of the Amazon Chime SDK's meetings, which are numbered.
    fn name(&self, index: usize) -> String {
        let index = u32::try_from(index).unwrap_or(u32::MAX);
        Name(0x1000_0000 + u32::from(self.number) * 0x1_0000 + index).to_string()
    }

    /// A text for the invocation, in which its names are its UUIDs.
    #[must_use]
    pub fn own(&self, text: &str) -> String {
        let uuids = self.uuids.iter().enumerate();
        uuids.fold(text.to_owned(), |text, (index, uuid)| text.replace(&self.name(index), uuid))
    }

    /// A text of the invocation, in which its UUIDs have names.
    pub fn shared(&mut self, text: &str) -> String {
        let mut text = text.to_owned();
        let mut at = 0;
        while let Some(found) = text.get(at..at + 36) {
            let is_uuid = found.as_bytes()[8] == b'-' && Uuid::try_parse(found).is_ok();
            if is_uuid && !found.ends_with(END) {
                let uuid = found.to_owned();
                let known = self.uuids.iter().position(|it| *it == uuid);
                let index = known.unwrap_or(self.uuids.len());
                text = text.replace(&uuid, &self.name(index));
                if known.is_none() {
                    self.uuids.push(uuid);
                }
            }
            at += 1;
        }
        text
    }

    /// A request of the invocation, without what differs each time.
    pub fn shared_request(&mut self, request: &HttpRequest) -> Request {
        let body = request.body().bytes().unwrap_or_default();
        let mut body: Value = serde_json::from_slice(body).unwrap_or_default();
        let operation = request.headers().get("x-amz-target");
        if operation.is_some_and(|it| it.ends_with(".TransactWriteItems"))
            && let Some(body) = body.as_object_mut()
        {
            // The SDK's own, for its own retries, which are off.
            body.remove("ClientRequestToken");
        }
        let target = operation.map_or_else(
            || request.uri().trim_start_matches("http://chime-sdk.test"),
            |operation| operation.trim_start_matches("DynamoDB_20120810."),
        );
        Request {
            method: request.method().into(),
            target: self.shared(target),
            // Members in alphabetical order.
            body: self.shared(&body.to_string()),
        }
    }
}
