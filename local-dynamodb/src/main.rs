//! `local-dynamodb [--for-containers] DATABASE COMMAND [ARGUMENT...]` runs a command together with
//! an embedded `DynamoDB` that keeps its tables in the file `DATABASE`.
//!
//! The command's AWS SDK finds it by `AWS_ENDPOINT_URL_DYNAMODB`. The name of the meetings' table
//! is in `MEETINGS_TABLE`. It exits with the command and forwards SIGTERM to it.
//!
//! Containers cannot reach the host's loopback. With `--for-containers`, it listens on all
//! interfaces and its name is `host.docker.internal`.

use std::env;
use std::process::ExitCode;

use beside::Host;
use local_dynamodb::{Database, Result, create_table, serve};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (host, arguments) = Host::from_arguments(&arguments);
    let [database, command, arguments @ ..] = arguments else {
        eprintln!("usage: local-dynamodb [--for-containers] DATABASE COMMAND [ARGUMENT...]");
        return ExitCode::from(2);
    };
    beside::exit_code("local-dynamodb", run(database, &host, command, arguments).await)
}

/// Runs `command` to its end and returns its exit code.
async fn run(database: &str, host: &Host, command: &str, arguments: &[String]) -> Result<u8> {
    let database = Database::new(database).map_err(|error| format!("{database}: {error}"))?;
    let table = env::var("MEETINGS_TABLE").ok().filter(|table| !table.is_empty());
    let table = table.as_deref().unwrap_or("Meetings");
    create_table(&database, table)?;
    let endpoint = host.url(serve(database, host.address).await?);
    let variables = [("AWS_ENDPOINT_URL_DYNAMODB", &endpoint[..]), ("MEETINGS_TABLE", table)];
    beside::run(command, arguments, &variables).await
}
