//! Times as the protocols write them.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_cbor_2::tags::Tagged;
use tidemill_clock::Timestamp;

use super::cbor;

/// A time: seconds with a fraction in JSON, whole milliseconds under a tag in CBOR.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Time(pub(crate) Timestamp);

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.serialize_f64(self.0.seconds())
        } else {
            Tagged::new(Some(cbor::TIME), self.0.millis()).serialize(serializer)
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let millis = f64::deserialize(deserializer)? * 1000.0;
        if millis.abs() > 1e15 {
            return Err(Error::custom("the time is out of range"));
        }
        Ok(Self(Timestamp::from_millis(millis.round() as i64)))
    }
}
