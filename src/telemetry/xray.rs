//! X-Ray: adds the calls of remote services to the trace of a request.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::LogEntry;
use crate::attempts::{Service, ServiceCall};
use crate::error::ErrorKind;

/// X-Ray's tracing header, as far as it is needed ("Concepts" in its developer guide).
#[derive(Clone, Copy, Debug)]
pub struct TraceHeader<'a> {
    /// The trace's ID.
    pub root: &'a str,
    /// The ID of the invocation's segment.
    parent: Option<&'a str>,
    is_sampled: bool,
}

impl<'a> TraceHeader<'a> {
    /// Parses a header such as `Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1`.
    /// Clients can send one, so only well-formed IDs are accepted.
    #[must_use]
    pub fn parse(header: &'a str) -> Option<Self> {
        let part = |name: &str| header.split(';').find_map(|part| part.trim().strip_prefix(name));
        let root = part("Root=").filter(|root| is_trace_id(root))?;
        let parent = part("Parent=").filter(|id| is_hex(id, 16));
        Some(Self { root, parent, is_sampled: part("Sampled=") == Some("1") })
    }
}

fn is_trace_id(id: &str) -> bool {
    let mut parts = id.split('-');
    let is_one = parts.next() == Some("1");
    let mut is_next_hex = |length| parts.next().is_some_and(|part| is_hex(part, length));
    is_one && is_next_hex(8) && is_next_hex(24) && parts.next().is_none()
}

fn is_hex(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// X-Ray's daemon, which Lambda runs beside a function whose tracing is enabled.
#[derive(Debug)]
pub struct Daemon(UdpSocket);

impl Daemon {
    /// The daemon at `address`, an IP address and a port.
    ///
    /// # Errors
    /// If it is not an IP address and a port, or the socket cannot be opened.
    pub fn connect(address: &str) -> io::Result<Self> {
        let address: SocketAddr = address.parse().map_err(io::Error::other)?;
        let any = if address.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        socket.connect(address)?;
        Ok(Self(socket))
    }

    /// Sends the calls of remote services, if the trace is sampled.
    pub fn send(&self, entry: &LogEntry) {
        let Some(TraceHeader { root, parent: Some(parent), is_sampled: true }) = entry.trace else {
            return;
        };
        for call in entry.calls {
            let mut datagram = br#"{"format":"json","version":1}"#.to_vec();
            datagram.push(b'\n');
            let subsegment = Subsegment::of(call, root, parent);
            if serde_json::to_writer(&mut datagram, &subsegment).is_ok() {
                // Datagrams may get lost. Then the trace lacks this call.
                let _ = self.0.send(&datagram);
            }
        }
    }
}

/// A call of a remote service, as a subsegment of the function's segment ("AWS X-Ray segment documents" in
/// X-Ray's developer guide).
#[derive(Serialize)]
struct Subsegment<'a> {
    r#type: &'static str,
    namespace: &'static str,
    name: &'static str,
    id: String,
    trace_id: &'a str,
    parent_id: &'a str,
    start_time: f64,
    end_time: f64,
    fault: bool,
    error: bool,
    throttle: bool,
    aws: Aws,
}

#[derive(Serialize)]
struct Aws {
    operation: &'static str,
    retries: u32,
}

impl<'a> Subsegment<'a> {
    fn of(call: &ServiceCall, root: &'a str, parent: &'a str) -> Self {
        let kind = call.failed_with;
        let throttle = kind == Some(ErrorKind::ThrottledClient);
        let fault = matches!(kind, Some(ErrorKind::ServiceFailure | ErrorKind::ServiceUnavailable));
        Self {
            r#type: "subsegment",
            namespace: "aws",
            name: match call.service {
                Service::DynamoDb => "DynamoDB",
                Service::ChimeSdkMeetings => "ChimeSDKMeetings",
            },
            id: format!("{:016x}", fastrand::u64(..)),
            trace_id: root,
            parent_id: parent,
            start_time: epoch_seconds(call.started_at),
            end_time: epoch_seconds(call.started_at + call.latency),
            fault,
            error: kind.is_some() && !fault,
            throttle,
            aws: Aws { operation: call.operation, retries: call.attempts.saturating_sub(1) },
        }
    }
}

fn epoch_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
