//! A function, started as Lambda would.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Bytes;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::dynamodb::{DynamoDb, IDEMPOTENCY_TABLE};
use crate::runtime_api::RuntimeApi;
use crate::{PATIENCE, Result};

/// A name for it, and the command that starts it.
pub struct Program {
    pub name: String,
    command: Vec<String>,
}

/// Killed when it is dropped.
pub struct Running {
    name: String,
    runtime_api: RuntimeApi,
    process: Child,
    invoked: AtomicUsize,
}

/// What API Gateway would get.
pub struct Reply {
    pub status: u64,
    pub body: String,
}

impl Program {
    /// From `NAME=COMMAND`. Spaces divide the command, whatever quotes it has.
    pub fn parse(argument: &str) -> Option<Self> {
        let (name, command) = argument.split_once('=')?;
        let command = command.split_whitespace().map(str::to_owned).collect();
        Some(Self { name: name.into(), command })
    }

    /// What there is to deploy of a compiled one.
    pub fn binary(&self) -> Option<&Path> {
        let [binary] = &self.command[..] else { return None };
        Some(Path::new(binary))
    }

    pub async fn start(&self, dynamodb: &DynamoDb, endpoint: &str) -> Result<Running> {
        self.start_under(&[], dynamodb, endpoint, 1).await
    }

    /// Starts it with a tool before its command, for so many events at once.
    pub async fn start_under(
        &self,
        tool: &[&str],
        dynamodb: &DynamoDb,
        endpoint: &str,
        concurrency: usize,
    ) -> Result<Running> {
        let runtime_api = RuntimeApi::start().await?;
        let mut words = tool.iter().copied().chain(self.command.iter().map(String::as_str));
        let mut command = Command::new(words.next().ok_or("a command")?);
        command.args(words).stdout(Stdio::null()).kill_on_drop(true).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("NODE_OPTIONS", "--no-warnings"),
            ("AWS_LAMBDA_RUNTIME_API", &*runtime_api.address),
            ("AWS_XRAY_DAEMON_ADDRESS", &runtime_api.xray.local_addr()?.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", "create-meeting"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "secret"),
            ("AWS_ENDPOINT_URL_DYNAMODB", endpoint),
            ("IDEMPOTENCY_TABLE", IDEMPOTENCY_TABLE),
        ]);
        for variable in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            command.env(variable, &dynamodb.ca_bundle);
        }
        if concurrency > 1 {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_string());
        }
        let process = command.spawn().map_err(|error| format!("{}: {error}", self.name))?;
        Ok(Running { name: self.name.clone(), runtime_api, process, invoked: AtomicUsize::new(0) })
    }
}

impl Running {
    /// Waits until it asks for its next event.
    pub async fn idle(&self) -> Result<()> {
        self.runtime_api.polled(self.invoked.load(Ordering::Relaxed) + 1).await
    }

    /// Has it create a meeting.
    pub async fn create(&self) -> Result<()> {
        let reply = self.invoke(creation()?).await?;
        if !(200..300).contains(&reply.status) {
            return Err(format!("{}: {} {}", self.name, reply.status, reply.body).into());
        }
        Ok(())
    }

    /// What it answers to an event.
    pub async fn invoke(&self, event: Bytes) -> Result<Reply> {
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let answer = self.runtime_api.invoke(event).await;
        let answer = answer.map_err(|error| format!("{}: {error}", self.name))?;
        let answer: Value = serde_json::from_slice(&answer)?;
        let (status, body) = (answer["statusCode"].as_u64(), answer["body"].as_str());
        match (status, body) {
            (Some(status), Some(body)) => Ok(Reply { status, body: body.into() }),
            _ => Err(format!("{}: {answer}", self.name).into()),
        }
    }

    /// The most memory that it has ever had at once, in MB.
    pub fn peak_memory(&self) -> Result<f64> {
        let id = self.process.id().ok_or("a running process")?;
        let status = std::fs::read_to_string(format!("/proc/{id}/status"))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes: f64 = peak.ok_or("VmHWM")?.trim_end_matches(" kB").trim().parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    }

    /// Ends it, and returns the processor time that it has taken.
    pub async fn stop(mut self) -> Result<Duration> {
        let before = children_time()?;
        let id = i32::try_from(self.process.id().ok_or("a running process")?)?;
        kill(Pid::from_raw(id), Signal::SIGTERM)?;
        tokio::time::timeout(PATIENCE, self.process.wait()).await??;
        Ok(children_time()?.saturating_sub(before))
    }
}

fn children_time() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let times = [usage.user_time(), usage.system_time()];
    let microseconds = times.map(|time| time.tv_sec() * 1_000_000 + time.tv_usec());
    Ok(Duration::from_micros(microseconds.into_iter().sum::<i64>().try_into()?))
}

/// API Gateway's event of a request with this token and body.
pub fn event(token: &str) -> Result<Bytes> {
    let mut event: Value = serde_json::from_str(include_str!("../../events/rest-create.json"))?;
    let body = event["body"].as_str().ok_or("a body")?;
    let mut body: Value = serde_json::from_str(body)?;
    body["ClientRequestToken"] = token.into();
    event["body"] = body.to_string().into();
    Ok(event.to_string().into())
}

/// An event that creates a meeting.
pub fn creation() -> Result<Bytes> {
    event(&Uuid::new_v4().to_string())
}
