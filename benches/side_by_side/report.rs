//! The test machine, and the tables of times.

use std::fs;
use std::process::Command;

use local::Result;

use crate::certificates::CHAIN;
use crate::figures::{self, Throughput, Time};
use crate::program::{MediaPlane, Program};
use crate::services::Services;
use crate::statistics::{Spread, join, quantile};
use crate::table::Table;

const FLOOR: [&str; 3] = [
    include_str!("../peers/floor/src/main.rs"),
    include_str!("../peers/floor/src/aws.rs"),
    include_str!("../peers/floor/src/connection.rs"),
];

/// Prints the machine and the tools of the measurement.
pub fn machine() -> Result<()> {
    let cpus = fs::read_to_string("/proc/cpuinfo")?;
    let model = cpus.lines().find(|line| line.starts_with("model name"));
    let model = model.and_then(|line| line.split_once(": ")).map_or("an unknown model", |it| it.1);
    let processors = std::thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    println!("On {processors} processors ({model}), Linux {}", kernel.trim());
    for tool in ["rustc", "python3", "node", "valgrind"] {
        if let Ok(version) = Command::new(tool).arg("--version").output() {
            let version = String::from_utf8_lossy(&version.stdout);
            println!("{tool}: {}", version.trim());
        }
    }
    let is_code = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    let lines: usize = FLOOR.iter().map(|file| file.lines().filter(is_code).count()).sum();
    println!("floor: the same work by hand, in {lines} lines of code");
    println!("DynamoDB and the Amazon Chime SDK: stand-ins that reply at once; with TLS, {CHAIN}");
    println!();
    Ok(())
}

/// The duration of a cold start, of the first invocation in it, and of a later one.
pub async fn times(programs: &[Program], services: &Services, rounds: usize) -> Result<()> {
    let cold_start = async |program: &Program| figures::cold_start(program, services).await;
    times_of("cold start", programs, services, rounds, cold_start).await?;
    let first = async |program: &Program| figures::first_invocation(program, services).await;
    times_of("first invocation after init", programs, services, rounds, first).await?;
    let later = async |program: &Program| figures::later_invocation(program, services).await;
    times_of("later invocation", programs, services, rounds.div_ceil(4), later).await
}

/// The number of discarded runs.
pub fn discarded(services: &Services) {
    let [discarded, runs] = services.discarded();
    println!("Discarded runs, with a second connection to a service: {discarded} of {runs}");
}

/// Runs the programs in turns, and compares each with the floor, which is the second program with
/// its media plane.
async fn times_of(
    title: &str,
    programs: &[Program],
    services: &Services,
    rounds: usize,
    figure: impl AsyncFn(&Program) -> Result<Time>,
) -> Result<()> {
    let mut times: Vec<Vec<Time>> = programs.iter().map(|_| Vec::new()).collect();
    for round in 0..=rounds {
        let mut turns: Vec<_> = (0..programs.len()).collect();
        turns.rotate_left(round % programs.len());
        // So that no program always follows the same one.
        if round % 2 == 0 {
            turns.reverse();
        }
        for number in turns {
            let program = &programs[number];
            let time = services.measure(&program.name, async || figure(program).await).await?;
            // The first round fills caches.
            if round > 0 {
                times[number].push(time);
            }
        }
    }
    let mut table = Table::new([title, "ms", "times the floor", "CPU time, ms", "times the floor"]);
    for (program, times_of) in programs.iter().zip(&times) {
        let same_plane = programs.iter().zip(&times);
        let mut same_plane = same_plane.filter(|it| it.0.media_plane == program.media_plane);
        let floor = same_plane.nth(1).ok_or("no floor for this media plane")?.1;
        let spread = |figure: fn(&Time, &Time) -> f64| {
            let pairs = times_of.iter().zip(floor);
            format!("{:.2}", Spread::of(pairs.map(|(it, floor)| figure(it, floor)).collect()))
        };
        table.row([
            program.name.clone(),
            spread(|it, _| it.wall),
            spread(|it, floor| it.wall / floor.wall),
            spread(|it, _| it.processor),
            spread(|it, floor| it.processor / floor.processor),
        ]);
    }
    table.print();
    Ok(())
}

/// Creations per second, and their latency.
pub async fn throughput(programs: &[Program], services: &Services, rounds: usize) -> Result<()> {
    let programs = programs.iter().filter(|it| it.media_plane == MediaPlane::Templates);
    let mut table =
        Table::new(["program", "at once", "per second", "median ms", "99 % ms", "99.9 % ms"]);
    for concurrency in [1, 64] {
        let mut measured: Vec<_> = programs.clone().map(|it| (it, Vec::new())).collect();
        for _ in 0..rounds.div_ceil(8) {
            for (program, rounds) in &mut measured {
                rounds.push(figures::throughput(program, services, concurrency).await?);
            }
        }
        for (program, rounds) in measured {
            let per_second = rounds.iter().map(|it: &Throughput| it.per_second).collect();
            let mut latencies: Vec<f64> = rounds.into_iter().flat_map(|it| it.latencies).collect();
            latencies.sort_by(f64::total_cmp);
            let latencies = [0.5, 0.99, 0.999].map(|share| join(&[quantile(&latencies, share)], 2));
            let cells = [program.name.clone(), concurrency.to_string()];
            let per_second = [format!("{:.0}", Spread::of(per_second))];
            table.row(cells.into_iter().chain(per_second).chain(latencies));
        }
    }
    table.print();
    Ok(())
}
