//! Test support: the environment of the function.

use std::time::{Duration, UNIX_EPOCH};

use yaml_serde::Value as Yaml;

mod call;
pub mod chime;
mod dynamodb;
mod emulator;
mod event;
mod exceptions;
mod function;
mod gateway;
mod in_process;
mod legacy;
mod process;
pub mod program;
mod proxy;
pub mod tls;

pub use call::{Call, Source, relayed_calls};
pub use chime::Chime;
pub use dynamodb::DynamoDb;
pub use emulator::Emulator;
pub use event::{CALLER, Event};
pub use function::{Function, Outcome, Reply};
pub use gateway::Gateway;
pub use in_process::InProcess;
pub use legacy::{LegacyOperation, legacy_operations};
pub use process::metric_names;
pub use proxy::{Answer, Fault};

/// The longest that anything may take. If something hangs, its test fails.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// A minimal environment for the AWS SDKs, with dummy credentials.
pub const AWS_ENVIRONMENT: [(&str, &str); 6] = [
    ("AWS_REGION", "us-east-1"),
    ("AWS_DEFAULT_REGION", "us-east-1"),
    ("AWS_CONFIG_FILE", "/dev/null"),
    ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
    ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
];

/// The contents of `template.yaml`, with `CloudFormation`'s functions as YAML tags.
pub fn template() -> Yaml {
    yaml_serde::from_str(include_str!("../../../template.yaml")).unwrap()
}

/// Waits for the next UTC day if this one could end during a test.
pub async fn wait_if_the_utc_day_could_end() {
    const DAY: u64 = 24 * 60 * 60;
    let left = Duration::from_secs(DAY - UNIX_EPOCH.elapsed().unwrap().as_secs() % DAY);
    if left < PATIENCE {
        tokio::time::sleep(left).await;
    }
}
