//! What the tests stand on: the world around the function.

mod dynamodb;
mod emulator;
mod event;
mod function;

pub use dynamodb::{DynamoDb, Fault};
pub use emulator::Emulator;
pub use event::Event;
pub use function::Function;

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

/// The function's package.
pub const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");

/// The variables by which cargo tells a program of its package. A cargo below it takes them for its
/// own, and compiles again whatever depends on them.
pub fn package_variables() -> impl Iterator<Item = String> {
    let of_package =
        |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    std::env::vars().map(|(name, _)| name).filter(of_package)
}
