//! The tables.

use std::fs;
use std::process::Command;

use crate::Result;
use crate::dynamodb::DynamoDb;
use crate::figures::{self, ColdStart, Throughput};
use crate::program::Program;
use crate::statistics::{Spread, count, quantile};
use crate::table::Table;

/// What it is measured on.
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
    println!();
    Ok(())
}

/// What a program and its work cost: each figure, the most that the function is to have of it (of each
/// part, where it has several), and its decimal places.
const COSTS: [(&str, &[f64], usize); 8] = [
    ("instructions from start to first response, with TLS, M", &[6.0], 2),
    ("of these, after the init phase, k", &[900.0], 0),
    ("instructions of a later invocation, without TLS, k", &[850.0], 0),
    ("of these, for log, metrics and trace, %", &[10.0], 1),
    ("binary / zip, MB", &[6.0, 2.8], 2),
    ("peak memory after 1,000 / 100,000 invocations, MB", &[8.0, 8.0], 1),
    (
        "requests to DynamoDB: start and creation / creation / replay / invalid",
        &[2.0, 1.0, 1.0, 0.0],
        0,
    ),
    ("processor time of an invocation, with TLS, ms", &[], 2),
];

/// What is the same in each run, but for the last. It is an error if the first program, which is the
/// function, has more than it is to have.
pub async fn costs(programs: &[Program], dynamodb: &DynamoDb) -> Result<()> {
    let names = programs.iter().map(|program| &*program.name);
    let mut table = Table::new(["figure", "at most"].into_iter().chain(names));
    let mut columns = Vec::new();
    for program in programs {
        columns.push(costs_of(program, dynamodb).await?);
    }
    let mut exceeded = Vec::new();
    for (row, (figure, most, places)) in COSTS.into_iter().enumerate() {
        let cells = columns.iter().map(|column| join(&column[row], places));
        table.row([figure.into(), join(most, places.min(1))].into_iter().chain(cells));
        if columns[0][row].iter().zip(most).any(|(figure, most)| figure > most) {
            exceeded.push(figure);
        }
    }
    table.print();
    if exceeded.is_empty() { Ok(()) } else { Err(format!("too much: {exceeded:?}").into()) }
}

/// The [`COSTS`] of one program. What is not known of it is empty.
async fn costs_of(program: &Program, dynamodb: &DynamoDb) -> Result<[Vec<f64>; COSTS.len()]> {
    let (instructions, sizes, invocations) = match program.binary() {
        Some(binary) => {
            let instructions = instructions(program, dynamodb).await?;
            (instructions, figures::sizes(binary)?.into(), &[1_000, 100_000][..])
        }
        None => (Default::default(), Vec::new(), &[1_000][..]),
    };
    let [first_response, first_invocation, later_invocation, telemetry] = instructions;
    let (_, start) = figures::peak_memory(program, dynamodb, &[1]).await?;
    let (peaks, all) = figures::peak_memory(program, dynamodb, invocations).await?;
    let later = invocations.iter().max().map_or(0.0, |&most| count(most - 1));
    let requests = figures::requests(program, dynamodb).await?.map(count);
    Ok([
        first_response,
        first_invocation,
        later_invocation,
        telemetry,
        sizes,
        peaks,
        requests.into(),
        vec![(all - start) / later],
    ])
}

/// How often a handshake is repeated: its keys are random, and so is what it takes.
const HANDSHAKES: usize = 5;
/// Over how many invocations the later ones are counted.
const LATER: usize = 200;

/// The first four of [`COSTS`], if callgrind is there to tell.
async fn instructions(program: &Program, dynamodb: &DynamoDb) -> Result<[Vec<f64>; 4]> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("There is no valgrind: instructions are not counted.");
        return Ok(Default::default());
    }
    let (mut started, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..HANDSHAKES {
        started.push(figures::instructions(&[], program, dynamodb, &dynamodb.https, 0).await?);
        answered.push(figures::instructions(&[], program, dynamodb, &dynamodb.https, 1).await?);
    }
    let [started, answered] = [started, answered].map(|totals| Spread::of(totals).median);
    let later = later_instructions(&[], program, dynamodb).await?;
    let silent = later_instructions(&figures::SILENCE, program, dynamodb).await?;
    Ok([
        vec![answered / 1e6],
        vec![(answered - started) / 1e3],
        vec![later / 1e3],
        vec![(later - silent) / later * 100.0],
    ])
}

async fn later_instructions(
    environment: &[&str],
    program: &Program,
    dynamodb: &DynamoDb,
) -> Result<f64> {
    let counted =
        |events| figures::instructions(environment, program, dynamodb, &dynamodb.http, events);
    Ok((counted(1 + LATER).await? - counted(1).await?) / count(LATER))
}

/// How long a cold start takes, beside that of the second program.
pub async fn cold_starts(programs: &[Program], dynamodb: &DynamoDb) -> Result<()> {
    const ROUNDS: usize = 40;
    let mut starts: Vec<Vec<ColdStart>> = programs.iter().map(|_| Vec::new()).collect();
    for round in 0..=ROUNDS {
        let mut turns: Vec<_> = (0..programs.len()).collect();
        turns.rotate_left(round % programs.len());
        // So that none always comes after the same one.
        if round % 2 == 0 {
            turns.reverse();
        }
        for number in turns {
            let start = figures::cold_start(&programs[number], dynamodb).await?;
            // The first round fills caches.
            if round > 0 {
                starts[number].push(start);
            }
        }
    }
    let head = ["cold start", "ms", "ratio", "processor time, ms", "ratio"];
    let mut table = Table::new(head);
    for (program, starts_of) in programs.iter().zip(&starts) {
        let spread = |figure: fn(&ColdStart, &ColdStart) -> f64| {
            let pairs = starts_of.iter().zip(&starts[1]);
            format!("{:.2}", Spread::of(pairs.map(|(it, second)| figure(it, second)).collect()))
        };
        table.row([
            program.name.clone(),
            spread(|it, _| it.wall),
            spread(|it, second| it.wall / second.wall),
            spread(|it, _| it.cpu),
            spread(|it, second| it.cpu / second.cpu),
        ]);
    }
    table.print();
    Ok(())
}

/// How many creations there are in a second, and how long each takes.
pub async fn throughput(programs: &[Program], dynamodb: &DynamoDb) -> Result<()> {
    const ROUNDS: usize = 5;
    let mut table =
        Table::new(["program", "at once", "per second", "median ms", "99 % ms", "99.9 % ms"]);
    for concurrency in [1, 64] {
        let mut rounds: Vec<Vec<Throughput>> = programs.iter().map(|_| Vec::new()).collect();
        for _ in 0..ROUNDS {
            for (program, rounds) in programs.iter().zip(&mut rounds) {
                rounds.push(figures::throughput(program, dynamodb, concurrency).await?);
            }
        }
        for (program, rounds) in programs.iter().zip(rounds) {
            let per_second = rounds.iter().map(|it| it.per_second).collect();
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

fn join(figures: &[f64], places: usize) -> String {
    let figures: Vec<_> = figures.iter().map(|figure| format!("{figure:.places$}")).collect();
    figures.join(" / ")
}
