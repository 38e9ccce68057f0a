//! What the tests stand on: the world around the function.

mod dynamodb;
mod emulator;
mod event;
mod function;
mod in_process;
mod process;
pub mod program;
mod proxy;

pub use dynamodb::{DynamoDb, sdk_config};
pub use emulator::Emulator;
pub use event::{CALLER, Event};
pub use function::{Function, Reply};
pub use in_process::InProcess;
pub use proxy::{Answer, Fault};

/// The longest anything may take: where something hangs, its test fails.
pub const PATIENCE: std::time::Duration = std::time::Duration::from_mins(1);

/// An environment that is enough for the AWS SDKs and that no account is behind.
pub const AWS_ENVIRONMENT: [(&str, &str); 6] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];
