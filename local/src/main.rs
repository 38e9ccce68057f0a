//! `local-aws [--for-containers] [--dynamodb DATABASE] [--chime-sdk] COMMAND [ARGUMENT...]` runs a command beside local
//! versions of AWS's services, at least one. It exits with the command and forwards SIGTERM to it.
//!
//! - `--dynamodb`: an embedded `DynamoDB` that keeps its tables in the file `DATABASE`. The name of the meetings' table
//!   is in `MEETINGS_TABLE`.
//! - `--chime-sdk`: an in-memory version of `chime-sdk-meetings`. Its control Region is `MEDIA_CONTROL_REGION` or
//!   `AWS_REGION`. If `AWS_SECRET_ACCESS_KEY` is set, it verifies the signatures of requests with it.
//!
//! The command's AWS SDK finds them by `AWS_ENDPOINT_URL_DYNAMODB` and `AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS`.
//!
//! Containers cannot reach the host's loopback interface. With `--for-containers`, the services listen on all
//! interfaces, and their name is `host.docker.internal`.

use std::env;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use local::Result;
use local::chime_sdk::ChimeSdk;
use local::dynamodb::{self, Database};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str =
    "usage: local-aws [--for-containers] [--dynamodb DATABASE] [--chime-sdk] COMMAND [ARGUMENT...]";

#[derive(Default)]
struct CommandLine {
    for_containers: bool,
    database: Option<String>,
    chime_sdk: bool,
    command: String,
    arguments: Vec<String>,
}

impl CommandLine {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let mut parsed = Self::default();
        while let Some(argument) = arguments.next() {
            match &argument[..] {
                "--for-containers" => parsed.for_containers = true,
                "--dynamodb" => parsed.database = arguments.next(),
                "--chime-sdk" => parsed.chime_sdk = true,
                option if option.starts_with('-') => {
                    return Err(format!("unknown option {option}").into());
                }
                _ if parsed.database.is_none() && !parsed.chime_sdk => {
                    return Err("--dynamodb, --chime-sdk or both are required".into());
                }
                _ => {
                    parsed.command = argument;
                    parsed.arguments = arguments.collect();
                    return Ok(parsed);
                }
            }
        }
        Err("the command is missing".into())
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let command_line = match CommandLine::parse(env::args().skip(1)) {
        Ok(command_line) => command_line,
        Err(error) => {
            eprintln!("local-aws: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(&command_line).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("local-aws: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the command to its end, and returns its exit code.
async fn run(command_line: &CommandLine) -> Result<u8> {
    let (address, host) = if command_line.for_containers {
        (Ipv4Addr::UNSPECIFIED, "host.docker.internal")
    } else {
        (Ipv4Addr::LOCALHOST, "127.0.0.1")
    };
    let mut command = Command::new(&command_line.command);
    command.args(&command_line.arguments);
    if let Some(path) = &command_line.database {
        let database = Database::new(path).map_err(|error| format!("{path}: {error}"))?;
        let table = variable("MEETINGS_TABLE").unwrap_or_else(|| "Meetings".into());
        dynamodb::create_table(&database, &table)?;
        let port = dynamodb::serve(database, address).await?;
        command.env("AWS_ENDPOINT_URL_DYNAMODB", format!("http://{host}:{port}"));
        command.env("MEETINGS_TABLE", table);
    }
    if command_line.chime_sdk {
        let region = variable("MEDIA_CONTROL_REGION").or_else(|| variable("AWS_REGION"));
        let region = region.as_deref().unwrap_or("us-east-1");
        let chime_sdk = ChimeSdk::start(address, region, variable("AWS_SECRET_ACCESS_KEY")).await?;
        let endpoint = format!("http://{host}:{}", chime_sdk.port);
        command.env("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", endpoint);
        tokio::spawn(async move { discard_requests(&chime_sdk).await });
    }
    let ended = wait_for(command).await;
    ended.map_err(|error| format!("{}: {error}", command_line.command).into())
}

/// Runs a command, and returns its exit code.
async fn wait_for(mut command: Command) -> Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = command.spawn()?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status?,
            // The terminal sends Ctrl-C to the command as well.
            _ = interrupt.recv() => {}
            _ = terminate.recv() => if let Some(id) = child.id() {
                kill(Pid::from_raw(id.try_into()?), Signal::SIGTERM)?;
            },
        }
    };
    Ok(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1))
}

/// Requests are kept for tests, and discarded here.
async fn discard_requests(chime_sdk: &ChimeSdk) -> ! {
    loop {
        chime_sdk.received(1).await;
        drop(chime_sdk.take_requests());
    }
}

/// A variable of the environment. An empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
