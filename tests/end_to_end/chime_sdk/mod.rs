//! The media plane `chime-sdk-meetings`: real meetings, exactly once.

mod daily_limit;
mod errors;
mod exactly_once;
mod faults;
mod list_meetings;
mod meeting_events;
mod owners;
mod relay;
mod settings;
mod telemetry;
mod translation;
mod with_attendees;
mod world;
