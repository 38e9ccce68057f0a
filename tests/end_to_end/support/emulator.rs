//! The function under cargo-lambda's emulator, which turns HTTP into events.

use std::net::Ipv4Addr;
use std::time::Duration;

use tokio::net::{TcpSocket, TcpStream};
use tokio::process::Command;
use tokio::time::{interval, timeout};

use super::process::Process;
use super::{DynamoDb, PATIENCE, program};

pub struct Emulator {
    /// The endpoint for SDKs.
    pub endpoint: String,
    /// Kept alive together with this.
    _world: (Process, Process, TcpSocket),
}

impl Emulator {
    pub async fn start(dynamodb: &DynamoDb) -> Self {
        // The emulator cannot choose a free port itself. This one is bound without listening, so no
        // other program is assigned it, but the emulator can still listen on it.
        let reserved = TcpSocket::new_v4().unwrap();
        reserved.set_reuseaddr(true).unwrap();
        reserved.bind((Ipv4Addr::UNSPECIFIED, 0).into()).unwrap();
        let port = reserved.local_addr().unwrap().port().to_string();
        let address = format!("127.0.0.1:{port}");
        let emulator = Process::spawn(
            Command::new("cargo-lambda")
                .args(["lambda", "watch", "--only-lambda-apis", "--bin", "create-meeting"])
                .args(["--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml")])
                .args(["--invoke-address", "127.0.0.1", "--invoke-port", &port]),
        );
        assert!(listens(&address).await, "cargo-lambda wrote:\n{}", emulator.output());
        let function = Process::spawn(
            program::create_meeting()
                .await
                .env("AWS_LAMBDA_RUNTIME_API", format!("http://{address}/.rt"))
                .env("AWS_ENDPOINT_URL_DYNAMODB", &dynamodb.endpoint),
        );
        Self { endpoint: format!("http://{address}"), _world: (emulator, function, reserved) }
    }
}

/// Whether a server listens on `address` before `PATIENCE` runs out.
async fn listens(address: &str) -> bool {
    let connected = async {
        let mut pause = interval(Duration::from_millis(50));
        while TcpStream::connect(address).await.is_err() {
            pause.tick().await;
        }
    };
    timeout(PATIENCE, connected).await.is_ok()
}
