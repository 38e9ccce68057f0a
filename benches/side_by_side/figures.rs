//! The measurements, one function for each figure.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use local::Result;
use serde_json::Value;
use tempfile::{NamedTempFile, TempDir};
use tokio::task::JoinSet;

use crate::program::{Program, Running, creation, event};
use crate::services::{Endpoints, Services};
use crate::statistics::count;

/// A duration, in milliseconds.
pub struct Time {
    pub wall: f64,
    /// The CPU time of all threads of the process together.
    pub processor: f64,
}

/// From the start of a process to its first response, with an event already waiting, and with TLS.
/// The CPU time is measured until the process requests the next event.
pub async fn cold_start(program: &Program, services: &Services) -> Result<Time> {
    let started = Instant::now();
    let running = program.start(services, &services.tls).await?;
    running.create().await?;
    let wall = milliseconds(started.elapsed());
    running.idle().await?;
    let processor = milliseconds(running.processor_time()?);
    running.stop().await?;
    Ok(Time { wall, processor })
}

/// The first invocation of a process that has requested it, with TLS. On Lambda, it has a share of the processor that
/// depends on the function's memory, unlike the init phase before it.
pub async fn first_invocation(program: &Program, services: &Services) -> Result<Time> {
    let running = program.start(services, &services.tls).await?;
    running.idle().await?;
    let (started, before) = (Instant::now(), running.processor_time()?);
    running.create().await?;
    let wall = milliseconds(started.elapsed());
    running.idle().await?;
    let processor = milliseconds(running.processor_time()?.saturating_sub(before));
    running.stop().await?;
    Ok(Time { wall, processor })
}

/// A later invocation, with TLS: the mean of many, after as many others.
pub async fn later_invocation(program: &Program, services: &Services) -> Result<Time> {
    const INVOCATIONS: usize = 500;
    let running = program.start(services, &services.tls).await?;
    create_many(&running, INVOCATIONS).await?;
    let (started, before) = (Instant::now(), running.processor_time()?);
    create_many(&running, INVOCATIONS).await?;
    let times = [started.elapsed(), running.processor_time()?.saturating_sub(before)];
    running.stop().await?;
    let [wall, processor] = times.map(|time| milliseconds(time) / count(INVOCATIONS));
    Ok(Time { wall, processor })
}

/// Lets a process create this many meetings, and waits until it requests the next event.
async fn create_many(running: &Running, meetings: usize) -> Result<()> {
    for _ in 0..meetings {
        running.create().await?;
    }
    running.idle().await
}

/// An environment in which a program has no telemetry.
pub const SILENCE: [&str; 3] = ["env", "AWS_LAMBDA_LOG_FORMAT=Text", "AWS_LAMBDA_LOG_LEVEL=FATAL"];

/// The instructions of a process for this many events, from its start until it requests the next
/// one.
pub async fn instructions(
    environment: &[&str],
    program: &Program,
    services: &Services,
    endpoints: &Endpoints,
    events: usize,
) -> Result<f64> {
    let output = NamedTempFile::new()?;
    let file = format!("--callgrind-out-file={}", output.path().display());
    let callgrind = ["valgrind", "--quiet", "--tool=callgrind", &file];
    let tool = [environment, &callgrind].concat();
    let running = program.start_under(&tool, services, endpoints, 1).await?;
    create_many(&running, events).await?;
    running.stop().await?;
    let output = fs::read_to_string(output.path())?;
    let total = output.lines().find_map(|line| line.strip_prefix("totals: "));
    Ok(total.ok_or("callgrind printed no total")?.trim().parse()?)
}

/// The size of a binary and of its zip archive for deployment, in MB.
pub fn sizes(binary: &Path) -> Result<[f64; 2]> {
    let directory = TempDir::new()?;
    let zip = directory.path().join("bootstrap.zip");
    let zipped =
        Command::new("python3").args(["-m", "zipfile", "-c"]).arg(&zip).arg(binary).status()?;
    if !zipped.success() {
        return Err("python3 -m zipfile failed".into());
    }
    let megabytes = |path: &Path| Result::Ok(count(fs::metadata(path)?.len().try_into()?) / 1e6);
    Ok([megabytes(binary)?, megabytes(&zip)?])
}

/// The peak memory of a process after each of these numbers of events, in MB.
pub async fn peak_memory(
    program: &Program,
    services: &Services,
    numbers: &[usize],
) -> Result<Vec<f64>> {
    let running = program.start(services, &services.tls).await?;
    let mut peaks = Vec::new();
    let mut invoked = 0;
    for &number in numbers {
        create_many(&running, number - invoked).await?;
        invoked = number;
        peaks.push(running.peak_memory()?);
    }
    running.stop().await?;
    Ok(peaks)
}

/// The requests that `DynamoDB` and the Chime SDK get for a start and the first creation, a later creation, its
/// replay and an invalid request.
pub async fn requests(program: &Program, services: &Services) -> Result<[[usize; 2]; 4]> {
    let token = uuid::Uuid::new_v4().to_string();
    services.take_requests();
    let running = program.start(services, &services.local).await?;
    let mut requests = [[0; 2]; 4];
    let mut replies = Vec::new();
    let events = [creation()?, event(&token)?, event(&token)?, event("!")?];
    for (requests, event) in requests.iter_mut().zip(events) {
        replies.push(running.invoke(event).await?);
        running.idle().await?;
        *requests = services.take_requests();
    }
    running.stop().await?;
    let statuses: Vec<_> = replies.iter().map(|reply| reply.status).collect();
    let body = |number: usize| serde_json::from_str::<Value>(&replies[number].body).ok();
    // The hello world returns the same response to all.
    if !matches!(statuses[..], [201, 201, 201, 400] | [200, 200, 200, 200]) || body(1) != body(2) {
        return Err(format!("{}: unexpected statuses {statuses:?}", program.name).into());
    }
    Ok(requests)
}

pub struct Throughput {
    pub per_second: f64,
    /// In milliseconds, sorted.
    pub latencies: Vec<f64>,
}

/// Creations for some seconds, this many concurrently.
pub async fn throughput(
    program: &Program,
    services: &Services,
    concurrency: usize,
) -> Result<Throughput> {
    const WARM_UP: Duration = Duration::from_secs(1);
    const MEASURED: Duration = Duration::from_secs(4);
    let running = program.start_under(&[], services, &services.local, concurrency).await?;
    let running = Arc::new(running);
    drive(&running, concurrency, WARM_UP).await?;
    let started = Instant::now();
    let mut latencies = drive(&running, concurrency, MEASURED).await?;
    let per_second = count(latencies.len()) / started.elapsed().as_secs_f64();
    latencies.sort_by(f64::total_cmp);
    Arc::into_inner(running).ok_or("the process is still in use")?.stop().await?;
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
                let started = Instant::now();
                running.create().await?;
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
