//! The function under `cargo lambda watch`, which turns HTTP into events.

use std::net::TcpListener;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{interval, timeout};

use super::{AWS_ENVIRONMENT, DynamoDb, MANIFEST, PATIENCE, function, package_variables};

pub struct Emulator {
    /// What an SDK takes for its endpoint.
    pub endpoint: String,
    /// Killed with this; the function ends as soon as it finds the emulator gone.
    _process: Child,
}

impl Emulator {
    pub async fn start(dynamodb: &DynamoDb) -> Self {
        // What the emulator runs is built before, so that its first answer is near.
        function::program().await;
        // A port that is free now may be taken when the emulator binds it, which ends it.
        for _ in 0..5 {
            if let Ok(emulator) = Self::try_start(dynamodb).await {
                return emulator;
            }
        }
        panic!("cargo lambda watch does not start; is cargo-lambda on the PATH?");
    }

    async fn try_start(dynamodb: &DynamoDb) -> Result<Self, ExitStatus> {
        let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
        let endpoint = format!("http://127.0.0.1:{port}");
        let mut cargo = Command::new("cargo");
        for name in package_variables() {
            cargo.env_remove(name);
        }
        let mut process = cargo
            .args(["lambda", "watch", "--ignore-changes", "--bin", "create-meeting"])
            .args(["--manifest-path", MANIFEST])
            .args(["--invoke-address", "127.0.0.1", "--invoke-port", &port.to_string()])
            .envs(AWS_ENVIRONMENT)
            .env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        tokio::select! {
            answered = timeout(PATIENCE, answer(&endpoint)) => answered.expect("an answer"),
            ended = process.wait() => return Err(ended.unwrap()),
        }
        Ok(Self { endpoint, _process: process })
    }
}

/// Waits until something answers at `url`.
async fn answer(url: &str) {
    let mut pause = interval(Duration::from_millis(50));
    while reqwest::get(url).await.is_err() {
        pause.tick().await;
    }
}
