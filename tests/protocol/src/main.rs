//! Explores one scenario, by its name, or plays one of its orders again: SCENARIO [FAULTS ORDER].

use std::env;
use std::process::ExitCode;

use protocol::Result;
use protocol::explore::{explore, play};
use protocol::scenario::{MORE, SCENARIOS};

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match run(&arguments) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<String> {
    let mut scenarios = SCENARIOS.iter().chain(&MORE);
    let name = arguments.first().map_or("", String::as_str);
    let Some(scenario) = scenarios.find(|it| it.name == name) else {
        let names: Vec<_> = SCENARIOS.iter().chain(&MORE).map(|it| it.name).collect();
        return Err(format!("the first argument must be one of {}", names.join(", ")).into());
    };
    match &arguments[1..] {
        [] => Ok(explore(scenario)?.to_string()),
        [faults, order] => {
            let order: std::result::Result<Vec<_>, _> = order.split('.').map(str::parse).collect();
            play(scenario, faults.parse()?, &order?)
        }
        _ => Err("the arguments must be SCENARIO or SCENARIO FAULTS ORDER".into()),
    }
}
