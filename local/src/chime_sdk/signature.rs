//! AWS Signature Version 4, from the service's side.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::SigningParams;
use aws_smithy_types::date_time::{DateTime, Format};

use super::error::Error;
use super::request::Request;

/// Rejects a request that is not signed for `chime` in `region`, and, with a secret access key, one
/// whose signature is wrong.
pub fn verify(request: &Request, region: &str, secret: Option<&str>) -> Result<(), Error> {
    let authorization = header(request, "authorization").ok_or_else(|| {
        Error::new(403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    })?;
    let signature = Signature::parse(authorization).ok_or_else(|| {
        Error::new(403, "IncompleteSignatureException", "Malformed Authorization header")
    })?;
    if signature.service != "chime" {
        return Err(invalid("Credential should be scoped to correct service: 'chime'."));
    }
    if signature.region != region {
        let message = "Credential should be scoped to a valid region, not ";
        return Err(invalid(format!("{message}'{}'.", signature.region)));
    }
    match secret {
        Some(secret) if signature.expected(request, secret).as_deref() != Some(signature.value) => {
            Err(invalid("The request signature we calculated does not match the one you provided."))
        }
        _ => Ok(()),
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(403, "InvalidSignatureException", message)
}

fn header<'a>(request: &'a Request, name: &str) -> Option<&'a str> {
    request.headers.get(name)?.to_str().ok()
}

/// The contents of an `Authorization` header.
struct Signature<'a> {
    access_key: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    value: &'a str,
}

impl<'a> Signature<'a> {
    fn parse(authorization: &'a str) -> Option<Self> {
        let parameters = authorization.strip_prefix("AWS4-HMAC-SHA256 ")?;
        let parameter = |name: &str| {
            let mut parameters = parameters.split(',').map(str::trim);
            parameters.find_map(|parameter| parameter.strip_prefix(name)?.strip_prefix('='))
        };
        let credential: Vec<_> = parameter("Credential")?.split('/').collect();
        let [access_key, _date, region, service, "aws4_request"] = credential[..] else {
            return None;
        };
        let signed_headers = parameter("SignedHeaders")?;
        Some(Self { access_key, region, service, signed_headers, value: parameter("Signature")? })
    }

    /// The signature that the request should have, if it can be signed at all.
    fn expected(&self, request: &Request, secret: &str) -> Option<String> {
        let identity = Credentials::from_keys(self.access_key, secret, None).into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(time(header(request, "x-amz-date")?)?)
            .settings(SigningSettings::default())
            .build()
            .ok()?;
        let url = format!("http://{}{}?{}", header(request, "host")?, request.path, request.query);
        let headers = self.signed_headers.split(';');
        let headers = headers.map(|name| Some((name, header(request, name)?)));
        let headers: Vec<_> = headers.collect::<Option<_>>()?;
        let body = SignableBody::Bytes(&request.body);
        let signable =
            SignableRequest::new(&request.method, url, headers.into_iter(), body).ok()?;
        Some(sign(signable, &params.into()).ok()?.signature().to_owned())
    }
}

/// Parses a time such as `20261126T123000Z`.
fn time(date: &str) -> Option<SystemTime> {
    let part = |from, to| date.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    let date = format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z");
    DateTime::from_str(&date, Format::DateTime).ok()?.try_into().ok()
}
