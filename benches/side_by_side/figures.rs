//! What is measured, one function for each figure.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tempfile::{NamedTempFile, TempDir};
use tokio::task::JoinSet;

use crate::Result;
use crate::dynamodb::DynamoDb;
use crate::program::{Program, Running, creation, event};
use crate::statistics::count;

/// From the start of a process to its first answer.
pub struct ColdStart {
    /// In milliseconds.
    pub wall: f64,
    /// Of the whole process, until it has asked for the next event. In milliseconds.
    pub cpu: f64,
}

/// A cold start with an event that already waits, and with TLS.
pub async fn cold_start(program: &Program, dynamodb: &DynamoDb) -> Result<ColdStart> {
    let event = creation()?;
    let started = Instant::now();
    let running = program.start(dynamodb, &dynamodb.https).await?;
    running.invoke(event).await?;
    let wall = milliseconds(started.elapsed());
    running.idle().await?;
    Ok(ColdStart { wall, cpu: milliseconds(running.stop().await?) })
}

/// The instructions that a process takes for so many events, from its start until it asks for the
/// next one.
pub async fn instructions(
    program: &Program,
    dynamodb: &DynamoDb,
    endpoint: &str,
    events: usize,
) -> Result<f64> {
    let output = NamedTempFile::new()?;
    let file = format!("--callgrind-out-file={}", output.path().display());
    let callgrind = ["valgrind", "--tool=callgrind", &file];
    let running = program.start_under(&callgrind, dynamodb, endpoint, 1).await?;
    for _ in 0..events {
        running.invoke(creation()?).await?;
    }
    running.idle().await?;
    running.stop().await?;
    let output = fs::read_to_string(output.path())?;
    let total = output.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind told no total")?.trim().parse()?)
}

/// How large a binary is, and the zip archive that it is deployed as, in MB.
pub fn sizes(binary: &Path) -> Result<[f64; 2]> {
    let directory = TempDir::new()?;
    let zip = directory.path().join("bootstrap.zip");
    let zipped =
        Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).arg(binary).status()?;
    if !zipped.success() {
        return Err("python3 -m zipfile has failed".into());
    }
    let megabytes = |path: &Path| Result::Ok(count(fs::metadata(path)?.len().try_into()?) / 1e6);
    Ok([megabytes(binary)?, megabytes(&zip)?])
}

/// The peak memory after each of these numbers of events.
pub async fn peak_memory(
    program: &Program,
    dynamodb: &DynamoDb,
    numbers: &[usize],
) -> Result<Vec<f64>> {
    let running = program.start(dynamodb, &dynamodb.https).await?;
    let mut peaks = Vec::new();
    let mut invoked = 0;
    for &number in numbers {
        while invoked < number {
            running.invoke(creation()?).await?;
            invoked += 1;
        }
        running.idle().await?;
        peaks.push(running.peak_memory()?);
    }
    running.stop().await?;
    Ok(peaks)
}

/// The requests that `DynamoDB` gets for a cold start's first creation, a later creation, a replay and
/// an invalid request.
pub async fn requests(program: &Program, dynamodb: &DynamoDb) -> Result<[usize; 4]> {
    let running = program.start(dynamodb, &dynamodb.embedded).await?;
    let token = uuid::Uuid::new_v4().to_string();
    let events = [creation()?, event(&token)?, event(&token)?, event("!")?];
    dynamodb.take_requests();
    let mut requests = [0; 4];
    for (requests, event) in requests.iter_mut().zip(events) {
        running.invoke(event).await?;
        running.idle().await?;
        *requests = dynamodb.take_requests();
    }
    running.stop().await?;
    Ok(requests)
}

pub struct Throughput {
    pub per_second: f64,
    /// In milliseconds, in order.
    pub latencies: Vec<f64>,
}

/// Creations for some seconds, so many of them at once.
pub async fn throughput(
    program: &Program,
    dynamodb: &DynamoDb,
    concurrency: usize,
) -> Result<Throughput> {
    const WARM_UP: Duration = Duration::from_secs(1);
    const MEASURED: Duration = Duration::from_secs(4);
    let running = program.start_under(&[], dynamodb, &dynamodb.embedded, concurrency).await?;
    let running = Arc::new(running);
    drive(&running, concurrency, WARM_UP).await?;
    let started = Instant::now();
    let mut latencies = drive(&running, concurrency, MEASURED).await?;
    let per_second = count(latencies.len()) / started.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    Ok(Throughput { per_second, latencies })
}

async fn drive(running: &Arc<Running>, concurrency: usize, time: Duration) -> Result<Vec<f64>> {
    let end = Instant::now() + time;
    let mut clients = JoinSet::new();
    for _ in 0..concurrency {
        let running = running.clone();
        clients.spawn(async move {
            let mut latencies = Vec::new();
            while Instant::now() < end {
                let event = creation()?;
                let started = Instant::now();
                running.invoke(event).await?;
                latencies.push(milliseconds(started.elapsed()));
            }
            Result::Ok(latencies)
        });
    }
    let latencies = clients.join_all().await.into_iter().collect::<Result<Vec<_>>>()?;
    Ok(latencies.into_iter().flatten().collect())
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
