//! Tokens of lists that are given page by page.

use std::time::Duration;

use base64_simd::URL_SAFE_NO_PAD;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tidemill_clock::Timestamp;

use crate::error::{AwsError, Result};

/// How long a token can be used (Kinesis: five minutes).
const LIFETIME: Duration = Duration::from_secs(300);

/// Where a list goes on.
#[derive(Debug, Serialize, Deserialize)]
struct Token<T> {
    issued: Timestamp,
    next: T,
}

/// The token for `next`.
pub(super) fn issue(next: impl Serialize, now: Timestamp) -> Result<String> {
    let json = serde_json::to_vec(&Token { issued: now, next }).map_err(AwsError::internal)?;
    Ok(URL_SAFE_NO_PAD.encode_to_string(json))
}

/// Reads a token.
pub(super) fn read<T: DeserializeOwned>(token: &str, now: Timestamp) -> Result<T> {
    let invalid = || AwsError::invalid("NextToken is invalid.");
    let json = URL_SAFE_NO_PAD.decode_to_vec(token).map_err(|_| invalid())?;
    let token: Token<T> = serde_json::from_slice(&json).map_err(|_| invalid())?;
    if token.issued < now.minus(LIFETIME) {
        let message = "NextToken has expired. Tokens expire after 300 seconds.";
        return Err(AwsError::new("ExpiredNextTokenException", message));
    }
    Ok(token.next)
}
