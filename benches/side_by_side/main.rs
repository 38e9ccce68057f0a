//! The function compared with others: the cost of a start and of an invocation, and the throughput.
//!
//! `make bench` runs it. The first argument is the number of cold starts per program. Each
//! further argument is `NAME=COMMAND`: first the function, then the floor that all are compared
//! with, then other programs. The function and the floor are measured with both media planes.

mod certificates;
mod costs;
mod figures;
mod program;
mod report;
mod services;
mod stand_in;
mod statistics;
mod table;

use std::process::ExitCode;

use local::Result;
use program::Program;
use services::Services;

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
    let mut arguments = std::env::args().skip(1);
    let rounds: usize = arguments.next().ok_or("the number of rounds is missing")?.parse()?;
    let programs = arguments.map(|argument| {
        Program::parse(&argument).ok_or_else(|| format!("{argument} is not NAME=COMMAND"))
    });
    let mut programs = programs.collect::<std::result::Result<Vec<_>, _>>()?;
    let [function, floor, ..] = &programs[..] else {
        return Err("at least two programs are required: the function and the floor".into());
    };
    programs.extend([function.with_chime_sdk(), floor.with_chime_sdk()]);
    let services = Services::start().await?;
    report::machine()?;
    report::times(&programs, &services, rounds).await?;
    report::throughput(&programs, &services, rounds).await?;
    let within = costs::report(&programs, &services, rounds).await;
    report::discarded(&services);
    within
}
