//! The parameters of each operation, parsed and validated.

pub mod attendees;
pub mod create_meeting;
pub mod page;
pub mod patterns;
pub mod transcription;
pub mod validation;
