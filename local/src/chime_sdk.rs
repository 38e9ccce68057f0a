//! AWS's service `chime-sdk-meetings` in memory, for local use and for tests.
//!
//! `request` finds the operation and its input. `signature` and `validation` reject what AWS would.
//! `dispatch` performs the operation, with `meetings`, `attendees` and `transcription`. `server` is the
//! HTTP server around it, where a test injects [`Fault`]s.
//!
//! Nobody can join these meetings: their URLs only look like AWS's. A meeting ends when it is deleted,
//! when a test ends it, or with the process.

mod attendees;
mod dispatch;
mod error;
mod faults;
mod media_placement;
mod meetings;
mod reply;
mod request;
mod server;
mod signature;
mod transcription;
mod validation;

use std::iter;
use std::net::Ipv4Addr;
use std::sync::Arc;

pub use faults::{Answer, Fault};
pub use meetings::Tokens;
pub use request::Request;
use serde_json::{Value, json};
use server::State;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::result::Result;

/// The service in one control Region. Dropping it stops it.
pub struct ChimeSdk {
    /// The port that it listens on.
    pub port: u16,
    state: Arc<State>,
    _server: JoinSet<()>,
}

impl ChimeSdk {
    /// Serves on a free port of `address`, for the control Region `region`.
    ///
    /// With the secret access key of every caller, it verifies the signature of each request. Without
    /// one, it verifies only the scope.
    ///
    /// # Errors
    /// If there is no free port.
    pub async fn start(address: Ipv4Addr, region: &str, secret: Option<String>) -> Result<Self> {
        let listener = TcpListener::bind((address, 0)).await?;
        let port = listener.local_addr()?.port();
        let state = Arc::new(State::new(region, secret)?);
        let mut server = JoinSet::new();
        server.spawn(server::serve(listener, state.clone()));
        Ok(Self { port, state, _server: server })
    }

    /// The endpoint for clients on this machine.
    #[must_use]
    pub fn endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Applies `faults` to the next requests, one each, and none to those after.
    pub fn set_faults(&self, faults: impl IntoIterator<Item = Fault, IntoIter: Send + 'static>) {
        *self.state.faults() = Box::new(faults.into_iter());
    }

    /// Applies `fault` to every request from now on.
    pub fn set_fault(&self, fault: Fault) {
        self.set_faults(iter::repeat(fault));
    }

    /// Sets the meaning of a repeated `ClientRequestToken`.
    pub fn set_tokens(&self, tokens: Tokens) {
        self.state.region().tokens = tokens;
    }

    /// Forgets the tokens that were used so far.
    pub fn forget_tokens(&self) {
        self.state.region().created.clear();
    }

    /// Ends a meeting, as AWS does when nobody attends it, and returns whether it existed.
    #[must_use]
    pub fn end_meeting(&self, meeting_id: &str) -> bool {
        self.state.region().delete_meeting(&json!({"MeetingId": meeting_id})).is_ok()
    }

    /// The meetings that have not ended, as `GetMeeting` returns them, the oldest first.
    #[must_use]
    pub fn meetings(&self) -> Vec<Value> {
        self.state.region().meetings.iter().map(|meeting| meeting.description.clone()).collect()
    }

    /// The requests received since this was last called.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        self.state.requests.send_replace(Vec::new())
    }

    /// The operations of the requests received since requests were last taken.
    #[must_use]
    pub fn take_operations(&self) -> Vec<&'static str> {
        self.take_requests().iter().map(Request::operation).collect()
    }

    /// How many requests for `operation` were received since requests were last taken.
    #[must_use]
    pub fn count(&self, operation: &str) -> usize {
        let requests = self.state.requests.borrow();
        requests.iter().filter(|request| request.operation() == operation).count()
    }

    /// Waits until this many requests were received since requests were last taken.
    pub async fn received(&self, requests: usize) {
        let mut received = self.state.requests.subscribe();
        // It fails only if the sender is gone, and that is in `self`.
        let _ = received.wait_for(|received| received.len() >= requests).await;
    }
}
