//! The least that a function on `lambda_http` is: whatever comes, it answers the same.

use lambda_http::{Error, Request, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let hello = |_: Request| async { Ok::<_, Error>("Hello, world!") };
    lambda_http::run_concurrent(service_fn(hello)).await
}
