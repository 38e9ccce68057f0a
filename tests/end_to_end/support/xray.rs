//! A stand-in for X-Ray's daemon.

use serde_json::Value;
use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::PATIENCE;

pub struct XRay {
    /// The address for the function.
    pub address: String,
    socket: UdpSocket,
}

impl XRay {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind(("127.0.0.1", 0)).await.unwrap();
        Self { address: socket.local_addr().unwrap().to_string(), socket }
    }

    /// The next segment document.
    pub async fn received(&self) -> Value {
        let mut datagram = vec![0; 65_536];
        let received = timeout(PATIENCE, self.socket.recv(&mut datagram)).await;
        datagram.truncate(received.expect("a datagram").unwrap());
        let text = String::from_utf8(datagram).unwrap();
        let (header, document) = text.split_once('\n').unwrap();
        assert_eq!(header, r#"{"format":"json","version":1}"#);
        serde_json::from_str(document).unwrap()
    }
}
