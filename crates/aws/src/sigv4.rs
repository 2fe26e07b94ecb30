//! AWS Signature Version 4: verifying what a client has signed, and signing what Tidemill sends itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use chrono::NaiveDateTime;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use tidemill_clock::Timestamp;
use tidemill_iam::{AccessKey, Iam, Principal};

use crate::api::Service;
use crate::error::{AwsError, Result};

/// How far a client's clock may be off.
const SKEW: Duration = Duration::from_secs(15 * 60);
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// What an `Authorization` header says.
#[derive(Debug)]
pub(crate) struct Authorization<'h> {
    key: &'h str,
    region: &'h str,
    /// The service that the request is for.
    pub(crate) service: &'h str,
    signed: Vec<&'h str>,
    signature: &'h str,
}

impl<'h> Authorization<'h> {
    /// Reads the header; none if there is none of this form.
    pub(crate) fn read(headers: &'h HeaderMap) -> Option<Self> {
        let text = headers.get(http::header::AUTHORIZATION)?.to_str().ok()?.strip_prefix("AWS4-HMAC-SHA256")?;
        let part = |name: &str| text.split(',').find_map(|part| part.trim().strip_prefix(name)?.strip_prefix('='));
        let mut scope = part("Credential")?.split('/');
        let (key, _date, region, service) = (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        let signed = part("SignedHeaders")?.split(';').collect();
        Some(Self { key, region, service, signed, signature: part("Signature")? })
    }

    /// Who has signed the request, if the signature is right.
    pub(crate) fn verify(&self, iam: &Iam, now: Timestamp, request: &Parts, body: &[u8]) -> Result<Principal> {
        let query = Service::of_scope(self.service).is_some_and(Service::speaks_query);
        let Some((secret, principal)) = iam.access_key(self.key) else {
            return Err(refuse(
                query,
                ("InvalidClientTokenId", "UnrecognizedClientException"),
                "The security token included in the request is invalid.",
            ));
        };
        let time = self.time(&request.headers, now, query)?;
        let key = AccessKey { id: self.key.to_owned(), secret: secret.to_owned() };
        let host = request.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
        let host = host.or_else(|| request.uri.authority().map(http::uri::Authority::as_str)).unwrap_or_default();
        let uri = format!("http://{host}{}", request.uri.path_and_query().map_or("/", |path| path.as_str()));
        let headers = request.headers.iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?)));
        let headers = headers.filter(|(name, _)| self.signed.contains(name) && *name != "x-amz-date");
        let headers: Vec<_> = headers.collect();
        let scope = Scope { region: self.region, service: self.service, time };
        let expected = signature(&key, &scope, request.method.as_str(), &uri, &headers, body);
        match expected {
            Some((expected, _)) if constant_time_eq(expected.as_bytes(), self.signature.as_bytes()) => Ok(principal),
            _ => Err(refuse(
                query,
                ("SignatureDoesNotMatch", "InvalidSignatureException"),
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            )),
        }
    }

    fn time(&self, headers: &HeaderMap, now: Timestamp, query: bool) -> Result<SystemTime> {
        let date = headers.get("x-amz-date").and_then(|date| date.to_str().ok()).unwrap_or_default();
        let Ok(time) = NaiveDateTime::parse_from_str(date, DATE_FORMAT) else {
            return Err(refuse(
                query,
                ("IncompleteSignature", "IncompleteSignatureException"),
                "Date must be in ISO-8601 'basic format'.",
            ));
        };
        let millis = time.and_utc().timestamp_millis();
        if millis.abs_diff(now.millis()) > SKEW.as_millis() as u64 {
            let shown = chrono::DateTime::from_timestamp_millis(now.millis()).unwrap_or_default().format(DATE_FORMAT);
            let message = match millis < now.millis() {
                true => format!("Signature expired: {date} is now earlier than {shown} (minus 15 min.)"),
                false => format!("Signature not yet current: {date} is still later than {shown} (plus 15 min.)"),
            };
            return Err(refuse(query, ("SignatureDoesNotMatch", "InvalidSignatureException"), &message));
        }
        Ok(UNIX_EPOCH + Duration::from_millis(millis.unsigned_abs()))
    }
}

/// The error for a request that carries no signature.
pub(crate) fn missing(query: bool) -> AwsError {
    refuse(query, ("MissingAuthenticationToken", "MissingAuthenticationTokenException"), "Missing Authentication Token")
}

/// A refusal, by the code that the service's protocol has for it.
fn refuse(query: bool, (form, json): (&'static str, &'static str), message: &str) -> AwsError {
    match query {
        true => AwsError::new(form, message).with_status(StatusCode::FORBIDDEN),
        false => AwsError::new(json, message),
    }
}

/// What a signature is made for.
pub(crate) struct Scope<'s> {
    pub(crate) region: &'s str,
    pub(crate) service: &'s str,
    pub(crate) time: SystemTime,
}

/// The signature of a request, and the headers that carry it.
pub(crate) fn signature(
    key: &AccessKey,
    scope: &Scope<'_>,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Option<(String, Vec<(String, String)>)> {
    let identity = Credentials::new(&key.id, &key.secret, None, None, "tidemill").into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(scope.region)
        .name(scope.service)
        .time(scope.time)
        .settings(SigningSettings::default())
        .build()
        .ok()?
        .into();
    let request = SignableRequest::new(method, uri, headers.iter().copied(), SignableBody::Bytes(body)).ok()?;
    let (instructions, signature) = sign(request, &parameters).ok()?.into_parts();
    let headers = instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned()));
    Some((signature, headers.collect()))
}

fn constant_time_eq(left: &[u8], right: &[u8]) -> bool {
    left.len() == right.len()
        && left.iter().zip(right).fold(0, |differing, (left, right)| differing | (left ^ right)) == 0
}
