//! Errors of what is done within a stream.

use tidemill_stream::StreamError;

use super::stream_ref::from_stream;
use crate::Api;
use crate::error::AwsError;

/// Why something was not done to a stream: the stream refused, or the request is not fit for it.
#[derive(Debug)]
pub(super) enum Refused {
    Stream(StreamError),
    Request(AwsError),
}

impl From<StreamError> for Refused {
    fn from(error: StreamError) -> Self {
        Self::Stream(error)
    }
}

impl From<AwsError> for Refused {
    fn from(error: AwsError) -> Self {
        Self::Request(error)
    }
}

impl Refused {
    /// The error that Kinesis has for it.
    pub(super) fn of(self, api: &Api) -> AwsError {
        match self {
            Self::Stream(error) => from_stream(api, error),
            Self::Request(error) => error,
        }
    }
}
