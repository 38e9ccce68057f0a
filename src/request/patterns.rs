//! The patterns of the Amazon Chime SDK's own model (`chime-sdk-meetings/2021-07-15`).
//!
//! `\s` is taken as ASCII whitespace, and `\w` as ASCII letters, digits and underscore: a value that the
//! Amazon Chime SDK might reject is not sent.

/// The pattern of [`is_external_id`], for messages (`ExternalUserId`).
pub const EXTERNAL_ID: &str = r##"[-_&@+=,(){}\[\]\/«».:|'"#a-zA-Z0-9À-ÿ\s]*"##;

/// Whether `id` is accepted as an `ExternalMeetingId` or an `ExternalUserId`.
#[must_use]
pub fn is_external_id(id: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || c.is_ascii_whitespace()
            || ('À'..='ÿ').contains(&c)
            || "-_&@+=,(){}[]/«».:|'\"#".contains(c)
    };
    id.chars().all(allowed) && !is_reserved(id)
}

/// Whether `id` begins with the prefix that is reserved for AWS.
#[must_use]
pub fn is_reserved(id: &str) -> bool {
    id.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("aws:"))
}

/// Whether `key` is accepted as a tag key.
#[must_use]
pub fn is_tag_key(key: &str) -> bool {
    key.chars().all(|c| c.is_ascii_alphabetic() || ('+'..='=').contains(&c) || "._:/".contains(c))
}

/// Whether `value` is accepted as a tag value.
#[must_use]
pub fn is_tag_value(value: &str) -> bool {
    let allowed = |c: char| {
        c.is_ascii_alphanumeric()
            || c.is_ascii_whitespace()
            || ('+'..='=').contains(&c)
            || "_.:/@".contains(c)
    };
    value.chars().all(allowed)
}
