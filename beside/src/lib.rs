//! Runs a command together with a local server: the command line, signals and the exit code.

use std::error::Error;
use std::net::Ipv4Addr;
use std::process::ExitCode;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};

/// Any failure: it ends the program.
pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The address that a server listens on, and the name that the command reaches it by.
pub struct Host {
    /// The address to listen on.
    pub address: Ipv4Addr,
    name: &'static str,
}

impl Host {
    /// Splits the option `--for-containers` from a program's other arguments.
    ///
    /// Containers cannot reach the host's loopback interface. With the option, the server listens on
    /// all interfaces, and its name is `host.docker.internal`.
    #[must_use]
    pub fn from_arguments(arguments: &[String]) -> (Self, &[String]) {
        match arguments {
            [option, arguments @ ..] if option == "--for-containers" => {
                (Self { address: Ipv4Addr::UNSPECIFIED, name: "host.docker.internal" }, arguments)
            }
            arguments => (Self { address: Ipv4Addr::LOCALHOST, name: "127.0.0.1" }, arguments),
        }
    }

    /// The URL of a server that listens on `port`.
    #[must_use]
    pub fn url(&self, port: u16) -> String {
        format!("http://{}:{port}", self.name)
    }
}

/// Runs `command` to its end with `variables` in its environment, and returns its exit code.
///
/// # Errors
/// If the command cannot be run.
pub async fn run(command: &str, arguments: &[String], variables: &[(&str, &str)]) -> Result<u8> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut child = Command::new(command)
        .args(arguments)
        .envs(variables.iter().copied())
        .spawn()
        .map_err(|error| format!("{command}: {error}"))?;
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

/// The exit code of `program`: that of the command, or failure, after printing the error.
#[must_use]
pub fn exit_code(program: &str, result: Result<u8>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}
