//! HTTP/1.1 on one keep-alive connection.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned, crypto};

use crate::Result;

pub struct Connection(BufReader<Box<dyn Stream>>);

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

pub struct Response {
    pub status: u16,
    /// The Runtime API's ID of the invocation.
    pub request_id: Option<String>,
    pub body: Vec<u8>,
}

impl Connection {
    pub fn new(tcp: TcpStream) -> Result<Self> {
        tcp.set_nodelay(true)?;
        Ok(Self(BufReader::new(Box::new(tcp))))
    }

    /// A TLS connection to `host`, whose certificate is verified with the file `ca_bundle`.
    pub fn with_tls(mut tcp: TcpStream, host: &str, ca_bundle: &str) -> Result<Self> {
        tcp.set_nodelay(true)?;
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca_bundle)? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder_with_provider(crypto::ring::default_provider().into())
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let host = ServerName::try_from(host)?.to_owned();
        let mut tls = ClientConnection::new(Arc::new(config), host)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut tcp)?;
        }
        Ok(Self(BufReader::new(Box::new(StreamOwned::new(tls, tcp)))))
    }

    pub fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Response> {
        let mut request = Vec::new();
        write!(request, "{method} {path} HTTP/1.1\r\ncontent-length: {}\r\n", body.len())?;
        for (name, value) in headers {
            write!(request, "{name}: {value}\r\n")?;
        }
        request.extend([b"\r\n", body].concat());
        self.0.get_mut().write_all(&request)?;
        self.0.get_mut().flush()?;
        self.read()
    }

    fn read(&mut self) -> Result<Response> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        let status = line.split(' ').nth(1).ok_or("the connection was closed")?.parse()?;
        let (mut request_id, mut length) = (None, 0);
        loop {
            line.clear();
            self.0.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse()?;
            } else if name.eq_ignore_ascii_case("lambda-runtime-aws-request-id") {
                request_id = Some(value.to_owned());
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok(Response { status, request_id, body })
    }
}
