//! `local-chime-sdk [--for-containers] COMMAND [ARGUMENT...]` runs a command together with an
//! in-memory version of AWS's service `chime-sdk-meetings`.
//!
//! The command's AWS SDK finds it by `AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS`. Its control Region is
//! `MEDIA_CONTROL_REGION` or `AWS_REGION`. If `AWS_SECRET_ACCESS_KEY` is set, it verifies the
//! signatures of requests with it. It exits with the command and forwards SIGTERM to it.
//!
//! With `--for-containers`, it listens on all interfaces and its name is `host.docker.internal`.

use std::env;
use std::process::ExitCode;

use beside::{Host, Result};
use local_chime_sdk::ChimeSdk;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (host, arguments) = Host::from_arguments(&arguments);
    let [command, arguments @ ..] = arguments else {
        eprintln!("usage: local-chime-sdk [--for-containers] COMMAND [ARGUMENT...]");
        return ExitCode::from(2);
    };
    beside::exit_code("local-chime-sdk", run(&host, command, arguments).await)
}

/// Runs `command` to its end and returns its exit code.
async fn run(host: &Host, command: &str, arguments: &[String]) -> Result<u8> {
    let region = variable("MEDIA_CONTROL_REGION").or_else(|| variable("AWS_REGION"));
    let region = region.as_deref().unwrap_or("us-east-1");
    let secret = variable("AWS_SECRET_ACCESS_KEY");
    let chime_sdk = ChimeSdk::start(host.address, region, secret).await?;
    let endpoint = host.url(chime_sdk.port);
    let variables = [("AWS_ENDPOINT_URL_CHIME_SDK_MEETINGS", &endpoint[..])];
    tokio::select! {
        code = beside::run(command, arguments, &variables) => code,
        never = discard_requests(&chime_sdk) => never,
    }
}

/// Requests are kept for tests, and discarded here.
async fn discard_requests(chime_sdk: &ChimeSdk) -> ! {
    loop {
        chime_sdk.received(1).await;
        drop(chime_sdk.take_requests());
    }
}

/// A variable of the environment. An empty one counts as unset.
fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}
