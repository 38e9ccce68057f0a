//! `DynamoDB` and the Amazon Chime SDK: stand-ins for measurements, and local ones to count
//! requests and to put programs under load.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use local::Result;
use local::chime_sdk::ChimeSdk;
use local::dynamodb::{self, Database};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy};
use tokio::net::{TcpListener, TcpStream};

use crate::certificates;
use crate::stand_in::StandIn;

/// The peers' table, with the key that Powertools expects.
pub const IDEMPOTENCY_TABLE: &str = "Idempotency";

/// The key that signs requests.
pub const SECRET_ACCESS_KEY: &str = "secret";

/// The system's certificates on Amazon Linux and on Debian.
const SYSTEM_CERTIFICATES: [&str; 2] =
    ["/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/certs/ca-certificates.crt"];

/// URLs with IP addresses, because the time of a DNS lookup depends on the machine, not on the
/// program.
pub struct Endpoints {
    pub dynamodb: String,
    pub chime_sdk: String,
}

pub struct Services {
    /// The stand-ins, with TLS by a certificate of the authority in `ca_bundle`.
    pub tls: Endpoints,
    /// The stand-ins, without TLS.
    pub plain: Endpoints,
    /// The embedded `DynamoDB` and the local Chime SDK, without TLS.
    pub local: Endpoints,
    /// The stand-ins' authority, in addition to those that a deployed function trusts.
    pub ca_bundle: PathBuf,
    /// The stand-ins' authority, in addition to the system's.
    pub system_ca_bundle: PathBuf,
    stand_ins: [StandIn; 4],
    runs: AtomicUsize,
    discarded: AtomicUsize,
    requests: Arc<AtomicUsize>,
    chime_sdk: ChimeSdk,
    _directory: TempDir,
}

impl Services {
    /// Serves for as long as the process lives.
    pub async fn start() -> Result<Self> {
        let database = Database::memory()?;
        dynamodb::create_table(&database, "Meetings")?;
        database.create_table(serde_json::from_value(json!({
            "TableName": IDEMPOTENCY_TABLE,
            "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
            "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
            "BillingMode": "PAY_PER_REQUEST",
        }))?)?;
        let engine = dynamodb::serve(database, Ipv4Addr::LOCALHOST).await?;
        let requests = Arc::new(AtomicUsize::new(0));
        let embedded = serve(engine, requests.clone()).await?;
        let secret = Some(SECRET_ACCESS_KEY.into());
        let chime_sdk = ChimeSdk::start(Ipv4Addr::LOCALHOST, "us-east-1", secret).await?;
        let (acceptor, authority) = certificates::acceptor()?;
        let stand_ins = [
            StandIn::dynamodb(Some(acceptor.clone())).await?,
            StandIn::chime_sdk(Some(acceptor)).await?,
            StandIn::dynamodb(None).await?,
            StandIn::chime_sdk(None).await?,
        ];
        let urls = |scheme, [dynamodb, chime_sdk]: [&StandIn; 2]| Endpoints {
            dynamodb: format!("{scheme}://{}", dynamodb.address),
            chime_sdk: format!("{scheme}://{}", chime_sdk.address),
        };
        let directory = TempDir::new()?;
        let ca_bundle = directory.path().join("ca.pem");
        let amazon = include_str!("../../src/amazon_trust_services.pem");
        fs::write(&ca_bundle, format!("{authority}{amazon}"))?;
        let system_ca_bundle = directory.path().join("system.pem");
        let system = SYSTEM_CERTIFICATES.iter().find_map(|path| fs::read_to_string(path).ok());
        fs::write(&system_ca_bundle, authority + &system.ok_or("no system certificates")?)?;
        Ok(Self {
            tls: urls("https", [&stand_ins[0], &stand_ins[1]]),
            plain: urls("http", [&stand_ins[2], &stand_ins[3]]),
            local: Endpoints {
                dynamodb: format!("http://127.0.0.1:{embedded}"),
                chime_sdk: chime_sdk.endpoint(),
            },
            ca_bundle,
            system_ca_bundle,
            stand_ins,
            runs: AtomicUsize::new(0),
            discarded: AtomicUsize::new(0),
            requests,
            chime_sdk,
            _directory: directory,
        })
    }

    /// Takes the number of requests to the local ones since the last take: to `DynamoDB`, and to
    /// the Chime SDK.
    pub fn take_requests(&self) -> [usize; 2] {
        [self.requests.swap(0, Ordering::Relaxed), self.chime_sdk.take_requests().len()]
    }

    /// The result of `run` for `program` on the stand-ins. A run with more than one connection to
    /// one of them is discarded and repeated: the machine was so busy that the program gave up the
    /// first connection.
    pub async fn measure<T>(&self, program: &str, run: impl AsyncFn() -> Result<T>) -> Result<T> {
        const ATTEMPTS: usize = 10;
        let connections = || self.stand_ins.iter().map(StandIn::take_connections).max();
        for _ in 0..ATTEMPTS {
            connections();
            let figure = run().await?;
            self.runs.fetch_add(1, Ordering::Relaxed);
            if connections() <= Some(1) {
                return Ok(figure);
            }
            self.discarded.fetch_add(1, Ordering::Relaxed);
        }
        Err(format!("{program}: more than one connection was opened in {ATTEMPTS} runs").into())
    }

    /// The number of discarded runs, and of all runs.
    pub fn discarded(&self) -> [usize; 2] {
        [&self.discarded, &self.runs].map(|count| count.load(Ordering::Relaxed))
    }
}

async fn serve(engine: u16, requests: Arc<AtomicUsize>) -> Result<u16> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let requests = requests.clone();
            // It ends with an error if a client disconnects.
            tokio::spawn(async move { pass(client, engine, &requests).await });
        }
    });
    Ok(port)
}

/// Passes bytes in both directions, and counts requests by a header that each has.
async fn pass(client: TcpStream, engine: u16, requests: &AtomicUsize) -> std::io::Result<()> {
    const HEADER: &[u8] = b"x-amz-target:";
    let engine = TcpStream::connect(("127.0.0.1", engine)).await?;
    client.set_nodelay(true)?;
    engine.set_nodelay(true)?;
    let (mut from_engine, mut to_engine) = engine.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    let up = async {
        // The last bytes are kept, in case the header arrives in two parts.
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
