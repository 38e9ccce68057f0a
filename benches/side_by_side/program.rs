//! A function, started like on Lambda.

use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use axum::body::Bytes;
use local::Result;
use local::runtime_api::{Invocation, RuntimeApi};
use nix::sys::signal::{Signal, kill};
use nix::time::clock_getcpuclockid;
use nix::unistd::Pid;
use serde_json::Value;
use tokio::process::{Child, Command};
use tokio::time::timeout;
use uuid::Uuid;

use crate::services::{Endpoints, IDEMPOTENCY_TABLE, SECRET_ACCESS_KEY, Services};

/// The longest time that anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A program: its name, the command that starts it, and where its meetings come from.
pub struct Program {
    pub name: String,
    pub media_plane: MediaPlane,
    command: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum MediaPlane {
    Templates,
    ChimeSdkMeetings,
}

/// Killed when it is dropped.
pub struct Running {
    name: String,
    runtime_api: RuntimeApi,
    process: Child,
    invoked: AtomicUsize,
}

/// The response that API Gateway would get.
pub struct Reply {
    pub status: u64,
    pub body: String,
}

impl Program {
    /// From `NAME=COMMAND`. The command is split at spaces, even within quotes.
    pub fn parse(argument: &str) -> Option<Self> {
        let (name, command) = argument.split_once('=')?;
        let command = command.split_whitespace().map(str::to_owned).collect();
        Some(Self { name: name.into(), media_plane: MediaPlane::Templates, command })
    }

    /// The same program with meetings of the Amazon Chime SDK.
    pub fn with_chime_sdk(&self) -> Self {
        Self {
            name: format!("{}, Chime SDK", self.name),
            media_plane: MediaPlane::ChimeSdkMeetings,
            command: self.command.clone(),
        }
    }

    /// The binary to deploy, for a compiled program.
    pub fn binary(&self) -> Option<&Path> {
        let [binary] = &self.command[..] else { return None };
        Some(Path::new(binary))
    }

    pub async fn start(&self, services: &Services, endpoints: &Endpoints) -> Result<Running> {
        self.start_under(&[], services, endpoints, 1).await
    }

    /// Starts it with a tool before its command, for this many concurrent events.
    pub async fn start_under(
        &self,
        tool: &[&str],
        services: &Services,
        endpoints: &Endpoints,
        concurrency: usize,
    ) -> Result<Running> {
        let runtime_api = RuntimeApi::start().await?;
        let mut words = tool.iter().copied().chain(self.command.iter().map(String::as_str));
        let mut command = Command::new(words.next().ok_or("no command")?);
        command.args(words).stdout(Stdio::null()).kill_on_drop(true).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.envs([
            ("AWS_CONFIG_FILE", "/dev/null"),
            ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"),
            ("NODE_OPTIONS", "--no-warnings"),
            ("AWS_LAMBDA_RUNTIME_API", &*runtime_api.address),
            ("AWS_LAMBDA_FUNCTION_NAME", "create-meeting"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
            ("AWS_LAMBDA_LOG_FORMAT", "JSON"),
            ("AWS_LAMBDA_LOG_LEVEL", "INFO"),
            ("AWS_REGION", "us-east-1"),
            ("AWS_DEFAULT_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", SECRET_ACCESS_KEY),
            ("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb),
            ("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", &endpoints.chime_sdk),
            ("MEDIA_PLANE", self.media_plane.name()),
            ("IDEMPOTENCY_TABLE", IDEMPOTENCY_TABLE),
        ]);
        for variable in ["AWS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"] {
            command.env(variable, &services.ca_bundle);
        }
        command.env("SSL_CERT_FILE", &services.system_ca_bundle);
        if concurrency > 1 {
            command.env("AWS_LAMBDA_MAX_CONCURRENCY", concurrency.to_string());
        }
        let process = command.spawn().map_err(|error| format!("{}: {error}", self.name))?;
        let (name, invoked) = (self.name.clone(), AtomicUsize::new(0));
        Ok(Running { name, runtime_api, process, invoked })
    }
}

impl MediaPlane {
    const fn name(self) -> &'static str {
        match self {
            Self::Templates => "templates",
            Self::ChimeSdkMeetings => "chime-sdk-meetings",
        }
    }
}

impl Running {
    /// Waits until it requests its next event.
    pub async fn idle(&self) -> Result<()> {
        let next = self.invoked.load(Ordering::Relaxed) + 1;
        Ok(timeout(PATIENCE, self.runtime_api.polled(next)).await?)
    }

    /// Lets it create a meeting.
    pub async fn create(&self) -> Result<()> {
        let reply = self.invoke(creation()?).await?;
        if !(200..300).contains(&reply.status) {
            return Err(format!("{}: {} {}", self.name, reply.status, reply.body).into());
        }
        Ok(())
    }

    /// Its response to an event.
    pub async fn invoke(&self, event: Bytes) -> Result<Reply> {
        self.invoked.fetch_add(1, Ordering::Relaxed);
        let outcome = self.runtime_api.invoke(Invocation {
            event,
            deadline: SystemTime::now() + Duration::from_secs(29),
            trace_header: "Root=1-6743a1f0-0a1b2c3d4e5f60718293a4b5;Parent=53995c3f42cd8ad8;Sampled=1",
        });
        let outcome = timeout(PATIENCE, outcome).await;
        let outcome = outcome.map_err(|error| format!("{}: {error}", self.name))??;
        let answer: Value = serde_json::from_slice(&outcome.unwrap_or_else(|error| error))?;
        let (status, body) = (answer["statusCode"].as_u64(), answer["body"].as_str());
        match (status, body) {
            (Some(status), Some(body)) => Ok(Reply { status, body: body.into() }),
            _ => Err(format!("{}: {answer}", self.name).into()),
        }
    }

    /// Its peak memory, in MB.
    pub fn peak_memory(&self) -> Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()?))?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kibibytes: f64 = peak.ok_or("no VmHWM")?.trim_end_matches(" kB").trim().parse()?;
        Ok(kibibytes * 1024.0 / 1e6)
    }

    /// Its CPU time so far, all threads together.
    pub fn processor_time(&self) -> Result<Duration> {
        Ok(clock_getcpuclockid(self.id()?)?.now()?.into())
    }

    /// Ends it.
    pub async fn stop(mut self) -> Result<()> {
        kill(self.id()?, Signal::SIGTERM)?;
        timeout(PATIENCE, self.process.wait()).await??;
        Ok(())
    }

    fn id(&self) -> Result<Pid> {
        Ok(Pid::from_raw(self.process.id().ok_or("no running process")?.try_into()?))
    }
}

/// API Gateway's event for a request with this token.
pub fn event(token: &str) -> Result<Bytes> {
    let mut event: Value = serde_json::from_str(include_str!("../../events/create-meeting.json"))?;
    let body = event["body"].as_str().ok_or("no body")?;
    let mut body: Value = serde_json::from_str(body)?;
    body["ClientRequestToken"] = token.into();
    event["body"] = body.to_string().into();
    Ok(event.to_string().into())
}

/// An event that creates a meeting.
pub fn creation() -> Result<Bytes> {
    event(&Uuid::new_v4().to_string())
}
