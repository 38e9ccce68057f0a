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

/// What is told of each program, and the most that the function is to have of it.
const FIGURES: [(&str, &str); 10] = [
    ("instructions from start to first response, with TLS, M", "6.0"),
    ("of these, after the init phase, k", "900"),
    ("instructions of a later invocation, without TLS, k", "850"),
    ("binary / zip, MB", "6.0 / 2.8"),
    ("peak memory after 1,000 / 100,000 invocations, MB", "8 / 8"),
    ("cold start, ms", ""),
    ("the same, times the second program's", "1.7"),
    ("processor time of a cold start, ms", ""),
    ("the same, times the second program's", ""),
    ("requests to DynamoDB: start and creation / creation / replay / invalid", "2 / 1 / 1 / 0"),
];

/// What a start, an invocation and the program itself cost.
pub async fn costs(programs: &[Program], dynamodb: &DynamoDb) -> Result<()> {
    let rounds = cold_starts(programs, dynamodb).await?;
    let mut columns = Vec::new();
    for (number, program) in programs.iter().enumerate() {
        let starts: Vec<_> = rounds.iter().map(|round| (&round[number], &round[1])).collect();
        columns.push(column(program, &starts, dynamodb).await?);
    }
    let names = programs.iter().map(|program| &*program.name);
    let mut table = Table::new(["figure", "at most"].into_iter().chain(names));
    for (row, (figure, most)) in FIGURES.into_iter().enumerate() {
        let cells = columns.iter().map(|column| &*column[row]);
        table.row([figure, most].into_iter().chain(cells));
    }
    table.print();
    Ok(())
}

/// The figures of one program. Each of its cold starts is beside one of the second program.
async fn column(
    program: &Program,
    starts: &[(&ColdStart, &ColdStart)],
    dynamodb: &DynamoDb,
) -> Result<[String; FIGURES.len()]> {
    let compiled = program.binary();
    let (instructions, sizes, invocations) = match compiled {
        Some(binary) => {
            let instructions = instructions(program, dynamodb).await?;
            (instructions, join(&figures::sizes(binary)?, 2), &[1_000, 100_000][..])
        }
        None => ([const { String::new() }; 3], String::new(), &[1_000][..]),
    };
    let [first_response, first_invocation, later_invocation] = instructions;
    let peaks = figures::peak_memory(program, dynamodb, invocations).await?;
    let requests = figures::requests(program, dynamodb).await?;
    let spread = |figure: fn(&(&ColdStart, &ColdStart)) -> f64| {
        format!("{:.2}", Spread::of(starts.iter().map(figure).collect()))
    };
    Ok([
        first_response,
        first_invocation,
        later_invocation,
        sizes,
        join(&peaks, 1),
        spread(|(it, _)| it.wall),
        spread(|(it, second)| it.wall / second.wall),
        spread(|(it, _)| it.cpu),
        spread(|(it, second)| it.cpu / second.cpu),
        join(&requests.map(count), 0),
    ])
}

/// How often a handshake is repeated: its keys are random, and so is what it takes.
const HANDSHAKES: usize = 5;
/// Over how many invocations the later ones are counted.
const LATER: usize = 200;

/// The first three of [`FIGURES`], if callgrind can tell.
async fn instructions(program: &Program, dynamodb: &DynamoDb) -> Result<[String; 3]> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        return Ok(["?".into(), "?".into(), "?".into()]);
    }
    let (mut started, mut answered) = (Vec::new(), Vec::new());
    for _ in 0..HANDSHAKES {
        started.push(figures::instructions(program, dynamodb, &dynamodb.https, 0).await?);
        answered.push(figures::instructions(program, dynamodb, &dynamodb.https, 1).await?);
    }
    let [started, answered] = [started, answered].map(|totals| Spread::of(totals).median);
    let first = figures::instructions(program, dynamodb, &dynamodb.http, 1).await?;
    let all = figures::instructions(program, dynamodb, &dynamodb.http, 1 + LATER).await?;
    Ok([
        format!("{:.2}", answered / 1e6),
        format!("{:.0}", (answered - started) / 1e3),
        format!("{:.0}", (all - first) / count(LATER) / 1e3),
    ])
}

/// Rounds of cold starts, one of each program.
async fn cold_starts(programs: &[Program], dynamodb: &DynamoDb) -> Result<Vec<Vec<ColdStart>>> {
    const ROUNDS: usize = 40;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let mut round = Vec::new();
        for program in programs {
            round.push(figures::cold_start(program, dynamodb).await?);
        }
        rounds.push(round);
    }
    Ok(rounds)
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
