//! Figures that are nearly the same in each run, and the function's budget for them.

use std::process::Command;

use local::Result;

use crate::figures;
use crate::program::{MediaPlane, Program};
use crate::services::{Endpoints, Services};
use crate::statistics::{Spread, count, join};
use crate::table::Table;

/// Each figure, which may have several parts, and its decimal places.
const FIGURES: [(&str, usize); 8] = [
    ("requests to DynamoDB*", 0),
    ("requests to the Chime SDK*", 0),
    ("binary / zip, MB", 2),
    ("peak memory after 1,000 / 100,000 invocations, MB", 1),
    ("instructions from start to first response, with TLS, M", 2),
    ("of these, after the init phase, k", 0),
    ("instructions of a later invocation, without TLS, k", 0),
    ("of these, for log, metrics and trace, %", 1),
];

/// The [`FIGURES`] of one program. Unknown ones are empty.
type Costs = [Vec<f64>; FIGURES.len()];

/// The function's budget for each part, with either media plane.
const MOST: [(MediaPlane, [&[f64]; FIGURES.len()]); 2] = [
    (
        MediaPlane::Templates,
        [
            &[2.0, 1.0, 1.0, 0.0],
            &[0.0, 0.0, 0.0, 0.0],
            &[6.0, 2.9],
            &[8.0, 8.0],
            &[5.4],
            &[850.0],
            &[830.0],
            &[5.0],
        ],
    ),
    (
        MediaPlane::ChimeSdkMeetings,
        [
            &[3.0, 2.0, 1.0, 0.0],
            &[1.0, 1.0, 0.0, 0.0],
            &[6.0, 2.9],
            &[8.0, 8.0],
            &[8.6],
            &[1650.0],
            &[1600.0],
            &[5.0],
        ],
    ),
];

/// Prints them. Fails if the function, the first program with each media plane, exceeds its budget.
pub async fn report(programs: &[Program], services: &Services, rounds: usize) -> Result<()> {
    let mut table = Table::new(["program"].into_iter().chain(FIGURES.map(|figure| figure.0)));
    let mut exceeded = Vec::new();
    let mut functions = MOST.into_iter().peekable();
    for program in programs {
        let function = functions.next_if(|it| it.0 == program.media_plane);
        // Only the function's memory growth is measured.
        let invocations = if function.is_some() { &[1_000, 100_000][..] } else { &[1_000] };
        let costs = costs_of(program, services, rounds, invocations).await?;
        if let Some((_, most)) = function {
            let cells = FIGURES.iter().zip(most).map(|(figure, most)| join(most, figure.1.min(1)));
            table.row([format!("{}, at most", program.name)].into_iter().chain(cells));
            for ((costs, most), (figure, _)) in costs.iter().zip(most).zip(FIGURES) {
                if costs.iter().zip(most).any(|(cost, most)| cost > most) {
                    exceeded.push(format!("{}: {figure}", program.name));
                }
            }
        }
        let cells = costs.iter().zip(FIGURES).map(|(costs, figure)| join(costs, figure.1));
        table.row([program.name.clone()].into_iter().chain(cells));
    }
    table.print();
    println!("* start and first creation / later creation / its replay / invalid request");
    if exceeded.is_empty() { Ok(()) } else { Err(format!("over budget: {exceeded:?}").into()) }
}

async fn costs_of(
    program: &Program,
    services: &Services,
    rounds: usize,
    invocations: &[usize],
) -> Result<Costs> {
    let requests = figures::requests(program, services).await?;
    let requests = |service: usize| requests.map(|to| count(to[service])).into();
    let (instructions, sizes) = match program.binary() {
        Some(binary) => {
            (instructions(program, services, rounds).await?, figures::sizes(binary)?.into())
        }
        None => Default::default(),
    };
    let [first_response, first_invocation, later_invocation, telemetry] = instructions;
    let peaks = figures::peak_memory(program, services, invocations).await?;
    Ok([
        requests(0),
        requests(1),
        sizes,
        peaks,
        first_response,
        first_invocation,
        later_invocation,
        telemetry,
    ])
}

/// The last four of [`FIGURES`], if callgrind is installed.
async fn instructions(
    program: &Program,
    services: &Services,
    rounds: usize,
) -> Result<[Vec<f64>; 4]> {
    /// The number of later invocations to average over.
    const LATER: usize = 200;
    if Command::new("valgrind").arg("--version").output().is_err() {
        eprintln!("valgrind is not installed: instructions are not counted.");
        return Ok(Default::default());
    }
    let counted = async |environment: &[&str], endpoints: &Endpoints, events| {
        let run =
            async || figures::instructions(environment, program, services, endpoints, events).await;
        services.measure(&program.name, run).await
    };
    let later = async |environment: &[&str]| {
        let first = counted(environment, &services.plain, 1).await?;
        let all = counted(environment, &services.plain, 1 + LATER).await?;
        Result::Ok((all - first) / count(LATER))
    };
    let (mut started, mut answered) = (Vec::new(), Vec::new());
    // The keys of a handshake are random, and so is its cost.
    for _ in 0..rounds.div_ceil(8) {
        started.push(counted(&[], &services.tls, 0).await?);
        answered.push(counted(&[], &services.tls, 1).await?);
    }
    let [started, answered] = [started, answered].map(|totals| Spread::of(totals).median);
    let told = later(&[]).await?;
    let silent = later(&figures::SILENCE).await?;
    Ok([
        vec![answered / 1e6],
        vec![(answered - started) / 1e3],
        vec![told / 1e3],
        vec![(told - silent) / told * 100.0],
    ])
}
