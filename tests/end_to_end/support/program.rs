//! The programs under test, built with the features of a release, but with the dev profile.

use std::path::{Path, PathBuf};

use escargot::CargoBuild;
use tokio::process::Command;
use tokio::sync::OnceCell;
use tokio::task::spawn_blocking;

use super::AWS_ENVIRONMENT;

/// The function, in an environment like Lambda's.
pub async fn create_meeting() -> Command {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    in_lambda(PROGRAM.get_or_init(|| build("create-meeting", "create-meeting")).await)
}

/// The function beside an embedded `DynamoDB` that keeps its tables in the file `database`.
pub async fn create_meeting_with_local_dynamodb(database: &Path) -> Command {
    static PROGRAM: OnceCell<PathBuf> = OnceCell::const_new();
    let function = create_meeting().await;
    let mut command = in_lambda(PROGRAM.get_or_init(|| build("local", "local-aws")).await);
    command.arg("--dynamodb").arg(database).arg(function.as_std().get_program());
    command
}

/// A program in an environment like Lambda's.
pub fn in_lambda(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env_clear().envs(AWS_ENVIRONMENT).envs([
        ("AWS_LAMBDA_FUNCTION_NAME", "create-meeting"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_FORMAT", "Text"),
    ]);
    command
}

async fn build(package: &'static str, program: &'static str) -> PathBuf {
    let build = move || {
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
        let build = CargoBuild::new().manifest_path(manifest).package(package).bin(program);
        let build = package_variables().fold(build, CargoBuild::env_remove);
        build.run().unwrap().path().to_owned()
    };
    spawn_blocking(build).await.unwrap()
}

/// The variables that cargo sets for a test's package. A nested cargo would use them as its own,
/// and recompile everything that depends on them.
fn package_variables() -> impl Iterator<Item = String> {
    let of_package =
        |name: &String| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    std::env::vars().map(|(name, _)| name).filter(of_package)
}
