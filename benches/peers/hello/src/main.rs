//! A minimal function on `lambda_http`: it always returns the same response.

use lambda_http::{Error, Request, service_fn, tracing};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    tracing::init_default_subscriber();
    let hello = |_: Request| async { Ok::<_, Error>("Hello, world!") };
    lambda_http::run_concurrent(service_fn(hello)).await
}
