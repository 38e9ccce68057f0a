//! `local-dynamodb [--for-containers] DATABASE COMMAND [ARGUMENT...]` runs a command beside an embedded
//! `DynamoDB` that keeps its tables in the file `DATABASE`.
//!
//! The command finds it as every AWS SDK does, by `AWS_ENDPOINT_URL_DYNAMODB`, and the meetings'
//! table under the name in `MEETINGS_TABLE`. It ends with the command, and passes a SIGTERM on.
//!
//! Containers do not reach a machine's loopback. With `--for-containers` it listens on all addresses,
//! and is found as `host.docker.internal`.

use std::env;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use local_dynamodb::{Database, Result, create_table, serve};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (for_containers, arguments) = match &arguments[..] {
        [option, arguments @ ..] if option == "--for-containers" => (true, arguments),
        arguments => (false, arguments),
    };
    let [database, command, arguments @ ..] = arguments else {
        eprintln!("usage: local-dynamodb [--for-containers] DATABASE COMMAND [ARGUMENT...]");
        return ExitCode::from(2);
    };
    match run(database, for_containers, command, arguments).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("local-dynamodb: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs `command` to its end and returns its exit code.
async fn run(
    database: &str,
    for_containers: bool,
    command: &str,
    arguments: &[String],
) -> Result<u8> {
    let database = Database::new(database).map_err(|error| format!("{database}: {error}"))?;
    let table = env::var("MEETINGS_TABLE").ok().filter(|table| !table.is_empty());
    let table = table.as_deref().unwrap_or("Meetings");
    create_table(&database, table)?;
    let (host, name) = if for_containers {
        (Ipv4Addr::UNSPECIFIED, "host.docker.internal")
    } else {
        (Ipv4Addr::LOCALHOST, "127.0.0.1")
    };
    let port = serve(database, host).await?;

    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = Command::new(command)
        .args(arguments)
        .env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{name}:{port}"))
        .env("MEETINGS_TABLE", table)
        .spawn()
        .map_err(|error| format!("{command}: {error}"))?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // A Ctrl-C reaches the command by itself.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => if let Some(id) = child.id() {
                kill(Pid::from_raw(id.try_into()?), Signal::SIGTERM)?;
            },
        }
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}
