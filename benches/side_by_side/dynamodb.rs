//! `DynamoDB`: a stand-in where the function is measured, and the embedded one where they are together.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use local_dynamodb::{Database, tls};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::{Result, stand_in};

/// The peers' table, with the key that Powertools expects.
pub const IDEMPOTENCY_TABLE: &str = "Idempotency";

pub struct DynamoDb {
    /// The stand-in, with TLS by a certificate of `ca_bundle`. It is an address: how long it takes to
    /// look up a name says more of the machine than of the program.
    pub https: String,
    pub ca_bundle: PathBuf,
    /// The stand-in, without TLS.
    pub http: String,
    /// The embedded one, without TLS.
    pub embedded: String,
    requests: Arc<AtomicUsize>,
    _directory: TempDir,
}

impl DynamoDb {
    /// Serves for as long as the process lives.
    pub async fn start() -> Result<Self> {
        let database = Database::memory()?;
        local_dynamodb::create_table(&database, "Meetings")?;
        database.create_table(serde_json::from_value(json!({
            "TableName": IDEMPOTENCY_TABLE,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }))?)?;
        let engine = local_dynamodb::serve(database, Ipv4Addr::LOCALHOST).await?;
        let requests = Arc::new(AtomicUsize::new(0));
        let embedded = serve(engine, requests.clone()).await?;
        let (acceptor, ca_certificate) = tls::acceptor()?;
        let [https, http] = stand_in::serve(acceptor).await?;
        let directory = TempDir::new()?;
        let ca_bundle = directory.path().join("ca.pem");
        // Beside those that a deployed function has.
        let amazon = include_str!("../../src/amazon_trust_services.pem");
        std::fs::write(&ca_bundle, ca_certificate + amazon)?;
        Ok(Self {
            https: format!("https://127.0.0.1:{https}"),
            ca_bundle,
            http: format!("http://127.0.0.1:{http}"),
            embedded: format!("http://127.0.0.1:{embedded}"),
            requests,
            _directory: directory,
        })
    }

    /// How many requests have come to the embedded one since this was last asked.
    pub fn take_requests(&self) -> usize {
        self.requests.swap(0, Ordering::Relaxed)
    }
}

async fn serve(engine: u16, requests: Arc<AtomicUsize>) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let requests = requests.clone();
            // It ends with an error where a client breaks off.
            tokio::spawn(async move { pass(client, engine, &requests).await });
        }
    });
    Ok(port)
}

/// Passes bytes to and fro, and counts requests by a header that each has.
async fn pass(client: TcpStream, engine: u16, requests: &AtomicUsize) -> std::io::Result<()> {
    const HEADER: &[u8] = b"x-amz-target:";
    let engine = TcpStream::connect(("127.0.0.1", engine)).await?;
    client.set_nodelay(true)?;
    engine.set_nodelay(true)?;
    let (mut from_engine, mut to_engine) = engine.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    let up = async {
        // What has come last is kept, in case that the header comes in two parts.
        let mut buffer = Vec::new();
        loop {
            let kept = buffer.len().min(HEADER.len() - 1);
            buffer.drain(..buffer.len() - kept);
            if from_client.read_buf(&mut buffer).await? == 0 {
                return to_engine.shutdown().await;
            }
            let found = buffer.windows(HEADER.len()).filter(|it| it.eq_ignore_ascii_case(HEADER));
            requests.fetch_add(found.count(), Ordering::Relaxed);
            to_engine.write_all(&buffer[kept..]).await?;
        }
    };
    let down = async { copy(&mut from_engine, &mut to_client).await };
    tokio::try_join!(up, down).map(|_| ())
}
