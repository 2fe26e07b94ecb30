//! AWS Signature Version 4: verifying what a client has signed, and signing what Tidemill sends itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4::{self, calculate_signature, generate_signing_key};
use chrono::NaiveDateTime;
use http::request::Parts;
use http::{HeaderMap, StatusCode};
use sha2::{Digest, Sha256};
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
        let date = header(&request.headers, "x-amz-date").unwrap_or_default();
        let expected = self.canonical_request(request, body).map(|canonical| {
            let day = date.get(..8).unwrap_or_default();
            let scope = format!("{day}/{}/{}/aws4_request", self.region, self.service);
            let text = format!("AWS4-HMAC-SHA256\n{date}\n{scope}\n{}", sha256(canonical.as_bytes()));
            calculate_signature(generate_signing_key(secret, time, self.region, self.service), text.as_bytes())
        });
        match expected {
            Some(expected) if constant_time_eq(expected.as_bytes(), self.signature.as_bytes()) => Ok(principal),
            _ => Err(refuse(
                query,
                ("SignatureDoesNotMatch", "InvalidSignatureException"),
                "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
                 Access Key and signing method. Consult the service documentation for details.",
            )),
        }
    }

    /// What the client has signed, in the form of Signature Version 4. None if it signed a header that it did not send,
    /// or not for which host the request is.
    fn canonical_request(&self, request: &Parts, body: &[u8]) -> Option<String> {
        let mut canonical = format!("{}\n{}\n{}\n", request.method, request.uri.path(), canonical_query(request)?);
        for name in &self.signed {
            canonical.push_str(name);
            canonical.push(':');
            match *name {
                // HTTP/2 clients sign it under this name, and HTTP/1.1 clients as `host`.
                ":authority" | "host" => canonical.push_str(host(request)?),
                name => {
                    let values = request.headers.get_all(name).iter().map(|value| value.to_str().ok());
                    let values: Vec<_> = values.map(|value| Some(trimmed(value?))).collect::<Option<_>>()?;
                    canonical.push_str(&values.join(","));
                    if values.is_empty() {
                        return None;
                    }
                }
            }
            canonical.push('\n');
        }
        let names_host = self.signed.iter().any(|name| matches!(*name, ":authority" | "host"));
        canonical.push('\n');
        canonical.push_str(&self.signed.join(";"));
        canonical.push('\n');
        canonical.push_str(&sha256(body));
        names_host.then_some(canonical)
    }

    fn time(&self, headers: &HeaderMap, now: Timestamp, query: bool) -> Result<SystemTime> {
        let date = header(headers, "x-amz-date").unwrap_or_default();
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

fn header<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// Which host a request is for.
fn host(request: &Parts) -> Option<&str> {
    header(&request.headers, "host").or_else(|| request.uri.authority().map(http::uri::Authority::as_str))
}

/// A header's value without needless spaces.
fn trimmed(value: &str) -> String {
    value.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// The parameters of a query, encoded in one way and sorted.
fn canonical_query(request: &Parts) -> Option<String> {
    let pairs = request.uri.query().unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let encoded = |text: &str| urlencoding::decode(text).map(|text| urlencoding::encode(&text).into_owned()).ok();
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((encoded(name)?, encoded(value)?))
    };
    let mut pairs = pairs.map(pair).collect::<Option<Vec<_>>>()?;
    pairs.sort();
    Some(pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&"))
}

fn sha256(bytes: &[u8]) -> String {
    tidemill_clock::hex(&Sha256::digest(bytes))
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
#[derive(Debug, Clone, Copy)]
pub struct Scope<'s> {
    /// The region that is called.
    pub region: &'s str,
    /// The service, such as `kinesis`.
    pub service: &'s str,
    /// When the request is sent.
    pub time: SystemTime,
}

/// The signature of a request, and the headers that carry it. None if the request is not one that can be signed.
pub fn signature(
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_over_http_2_is_signed_for_its_authority() {
        let body = br#"{"StreamName":"s","ShardCount":1}"#;
        let signed = ":authority;amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;\
                      x-amz-content-sha256;x-amz-date;x-amz-target;x-amz-user-agent";
        let signature = "609e435700047a3a9fb19d2fc81584854ab3763dff02cbe31bf722f8d018c2aa";
        let request = http::Request::post("http://127.0.0.1:38733/")
            .header("amz-sdk-invocation-id", "071279f5-cf8d-419b-8155-a27e0daaa102")
            .header("amz-sdk-request", "attempt=1; max=1")
            .header("content-length", "33")
            .header("content-type", "application/x-amz-json-1.1")
            .header("x-amz-content-sha256", "4da83cb871be75619b30f021ce5dd2b700b5a87a04ccc992d5f801aead833fb2")
            .header("x-amz-date", "20261124T001157Z")
            .header("x-amz-target", "Kinesis_20131202.CreateStream")
            .header("x-amz-user-agent", "aws-sdk-js/3.1142.0");
        let (head, ()) = request.body(()).unwrap().into_parts();
        let (key, region, service) = ("A", "us-east-1", "kinesis");
        let authorization = Authorization { key, region, service, signed: signed.split(';').collect(), signature };
        let canonical = authorization.canonical_request(&head, body).unwrap();
        let text = format!(
            "AWS4-HMAC-SHA256\n20261124T001157Z\n20261124/us-east-1/kinesis/aws4_request\n{}",
            sha256(canonical.as_bytes())
        );
        let time = UNIX_EPOCH + Duration::from_secs(1_795_479_117);
        let key = generate_signing_key("B", time, region, service);
        assert_eq!(calculate_signature(key, text.as_bytes()), signature);
    }

    #[test]
    fn a_query_is_sorted_and_encoded_in_one_way() {
        let (head, ()) = http::Request::get("/?b=x+y&a=%7e&c").body(()).unwrap().into_parts();
        assert_eq!(canonical_query(&head).unwrap(), "a=~&b=x%2By&c=");
    }
}
