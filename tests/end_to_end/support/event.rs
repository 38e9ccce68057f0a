//! Events as API Gateway and function URLs send them: the files in `events/`, and variations.

use serde_json::{Value, json};

/// The caller's account in the REST APIs' events.
pub const CALLER: &str = "111122223333";

#[derive(Clone, Debug)]
pub struct Event(pub Value);

impl Event {
    /// The event in `events/{name}.json`.
    pub fn named(name: &str) -> Self {
        let path = format!("{}/../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Self(serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    }

    /// A REST API's event with the request `members`.
    pub fn create(members: &Value) -> Self {
        Self::named("rest-create").body(&members.to_string())
    }

    pub fn body(self, body: &str) -> Self {
        self.set("/body", json!(body))
    }

    /// Sets the value at a JSON pointer, which must exist.
    pub fn set(mut self, pointer: &str, value: Value) -> Self {
        *self.0.pointer_mut(pointer).unwrap() = value;
        self
    }
}
