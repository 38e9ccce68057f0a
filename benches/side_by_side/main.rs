//! The function beside others: what a start and an invocation cost, and how many there are in a second.
//!
//! `make bench` runs it. Each argument is `NAME=COMMAND`; the first is the function, the second what
//! the cold starts of all are compared to.

mod dynamodb;
mod figures;
mod program;
mod report;
mod runtime_api;
mod stand_in;
mod statistics;
mod table;

use std::error::Error;
use std::process::ExitCode;
use std::time::Duration;

use dynamodb::DynamoDb;
use program::Program;

/// Anything that can go wrong: it ends the measurement.
type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// The longest that anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

#[tokio::main]
async fn main() -> ExitCode {
    match measure().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure() -> Result<()> {
    let programs = std::env::args().skip(1).map(|argument| {
        Program::parse(&argument).ok_or_else(|| format!("{argument} is not NAME=COMMAND"))
    });
    let programs = programs.collect::<std::result::Result<Vec<_>, _>>()?;
    if programs.len() < 2 {
        return Err(
            "there must be two programs at least: the function, and one to compare it to".into()
        );
    }
    let dynamodb = DynamoDb::start().await?;
    report::machine()?;
    report::cold_starts(&programs, &dynamodb).await?;
    report::throughput(&programs, &dynamodb).await?;
    report::costs(&programs, &dynamodb).await
}
