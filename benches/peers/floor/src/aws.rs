//! An AWS service: its endpoint, signed requests (Signature Version 4), and `DynamoDB`'s
//! attributes.

use std::env;
use std::fmt::Write;
use std::net::TcpStream;
use std::time::{SystemTime, UNIX_EPOCH};

use ring::{digest, hmac};
use serde_json::{Map, Value, json};

use crate::Result;
use crate::connection::Connection;

pub struct Service {
    name: &'static str,
    host: String,
    region: String,
    access_key: String,
    secret: String,
    connection: Connection,
}

impl Service {
    /// Connects to the URL in `variable`.
    pub fn connect(name: &'static str, variable: &str) -> Result<Self> {
        let url = env::var(variable)?;
        let (scheme, host) = url.split_once("://").ok_or("the endpoint is not a URL")?;
        let tcp = TcpStream::connect(host)?;
        let connection = if scheme == "https" {
            let domain = host.split(':').next().unwrap_or(host);
            Connection::with_tls(tcp, domain, &env::var("AWS_CA_BUNDLE")?)?
        } else {
            Connection::new(tcp)?
        };
        Ok(Self {
            name,
            host: host.into(),
            region: env::var("AWS_REGION")?,
            access_key: env::var("AWS_ACCESS_KEY_ID")?,
            secret: env::var("AWS_SECRET_ACCESS_KEY")?,
            connection,
        })
    }

    /// Sends a signed request, and returns the status and the body of the response.
    pub fn post(
        &mut self,
        path: &str,
        target: Option<&str>,
        request: &Value,
    ) -> Result<(u16, Value)> {
        let body = request.to_string();
        let date = Date::of(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs());
        let time = date.basic();
        let content_type = target.map_or("application/json", |_| "application/x-amz-json-1.0");
        let mut headers =
            vec![("content-type", content_type), ("host", &self.host), ("x-amz-date", &time)];
        headers.extend(target.map(|target| ("x-amz-target", target)));
        let authorization = self.authorization(path, &headers, &body, &time)?;
        headers.push(("authorization", &authorization));
        let response = self.connection.call("POST", path, &headers, body.as_bytes())?;
        Ok((response.status, serde_json::from_slice(&response.body)?))
    }

    fn authorization(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
        time: &str,
    ) -> Result<String> {
        let (day, region, service) = (&time[..8], &self.region, self.name);
        let names: Vec<_> = headers.iter().map(|header| header.0).collect();
        let names = names.join(";");
        let mut canonical = format!("POST\n{path}\n\n");
        for (name, value) in headers {
            writeln!(canonical, "{name}:{value}")?;
        }
        write!(canonical, "\n{names}\n{}", sha256(body.as_bytes()))?;
        let scope = format!("{day}/{region}/{service}/aws4_request");
        let to_sign =
            format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", sha256(canonical.as_bytes()));
        let mut key = format!("AWS4{}", self.secret).into_bytes();
        for part in [day, region, service, "aws4_request", &to_sign] {
            let signing = hmac::Key::new(hmac::HMAC_SHA256, &key);
            key = hmac::sign(&signing, part.as_bytes()).as_ref().into();
        }
        let (access_key, signature) = (&self.access_key, hex(&key));
        Ok(format!(
            "AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={names}, \
             Signature={signature}"
        ))
    }
}

/// The digest of `bytes`, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    hex(digest::digest(&digest::SHA256, bytes).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A moment in UTC.
pub struct Date([u64; 6]);

impl Date {
    /// From a Unix time in seconds.
    pub fn of(seconds: u64) -> Self {
        let days = seconds / 86_400;
        // Years begin in March here, so that the leap day is the last day of a year.
        let from_march = days + 719_468;
        let (era, day) = (from_march / 146_097, from_march % 146_097);
        let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        let year = year + 400 * era + u64::from(month <= 2);
        let [hour, minute, second] = [seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60];
        Self([year, month, day, hour, minute, second])
    }

    fn basic(&self) -> String {
        let [year, month, day, hour, minute, second] = self.0;
        format!("{year}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z")
    }

    pub fn extended(&self) -> String {
        let [year, month, day, hour, minute, second] = self.0;
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

/// JSON as an attribute of an item.
pub fn attribute(value: &Value) -> Value {
    match value {
        Value::Null => json!({"NULL": true}),
        Value::Bool(value) => json!({ "BOOL": value }),
        Value::Number(number) => json!({"N": number.to_string()}),
        Value::String(text) => json!({ "S": text }),
        Value::Array(elements) => {
            json!({"L": elements.iter().map(attribute).collect::<Vec<_>>()})
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.clone(), attribute(value)));
            json!({"M": members.collect::<Map<_, _>>()})
        }
    }
}

/// An item, or a map in one, as JSON. Numbers stay strings.
pub fn plain(members: &Value) -> Value {
    let plain_value = |attribute: &Value| match attribute.get("M") {
        Some(members) => plain(members),
        None => attribute.as_object().and_then(|it| it.values().next()).cloned().into(),
    };
    let members = members.as_object().into_iter().flatten();
    members.map(|(name, value)| (name.clone(), plain_value(value))).collect()
}
