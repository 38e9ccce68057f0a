//! A program under test, and its output.

use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::time::timeout;

use super::PATIENCE;

/// Killed when it is dropped.
pub struct Process {
    child: Child,
    output: watch::Receiver<String>,
}

impl Process {
    pub fn spawn(command: &mut Command) -> Self {
        let command = command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let (sender, output) = watch::channel(String::new());
        tokio::spawn(collect(child.stdout.take().unwrap(), sender.clone()));
        tokio::spawn(collect(child.stderr.take().unwrap(), sender));
        Self { child, output }
    }

    /// Its output so far, on both streams.
    pub fn output(&self) -> String {
        self.output.borrow().clone()
    }

    /// Waits until it has written `text`.
    pub async fn logged(&self, text: &str) {
        let mut output = self.output.clone();
        let written = output.wait_for(|output| output.contains(text));
        let written = timeout(PATIENCE, written).await.is_ok_and(|written| written.is_ok());
        assert!(written, "no {text} in:\n{}", self.output());
    }

    /// Waits for the JSON log entries of this many requests, and returns all so far.
    pub async fn records(&self, requests: usize) -> Vec<Value> {
        let mut output = self.output.clone();
        let told = output.wait_for(|output| records(output).count() >= requests);
        let told = timeout(PATIENCE, told).await.is_ok_and(|told| told.is_ok());
        assert!(told, "no {requests} records in:\n{}", self.output());
        let records: Vec<_> = records(&self.output()).collect();
        assert_eq!(records.len(), requests, "{records:?}");
        records
    }

    /// Kills it with SIGKILL, and waits until it has exited.
    pub async fn kill(mut self) {
        timeout(PATIENCE, self.child.kill()).await.expect("it should exit").unwrap();
    }

    /// Sends SIGTERM, waits until it and all its child processes have exited, and returns its
    /// output.
    pub async fn stop(mut self) -> String {
        let id = self.child.id().expect("a running process").to_string();
        assert!(Command::new("kill").arg(id).status().await.unwrap().success());
        let ended = async {
            self.child.wait().await.unwrap();
            // The streams end when no process has them open anymore.
            while self.output.changed().await.is_ok() {}
        };
        timeout(PATIENCE, ended).await.expect("it should exit");
        self.output()
    }
}

/// The log entries with metrics in an output.
fn records(output: &str) -> impl Iterator<Item = Value> {
    let whole = output.rsplit_once('\n').map_or("", |(whole, _)| whole).lines();
    whole
        .filter(|line| line.contains("CloudWatchMetrics"))
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
}

/// The names of a log entry's metrics. It has none if it is not about a request.
pub fn metric_names(record: &Value) -> Vec<&str> {
    let metrics = record["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array();
    metrics.into_iter().flatten().map(|metric| metric["Name"].as_str().unwrap()).collect()
}

async fn collect(mut stream: impl AsyncRead + Unpin, output: watch::Sender<String>) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        output.send_modify(|all| all.push_str(&String::from_utf8_lossy(&buffer[..length])));
    }
}
