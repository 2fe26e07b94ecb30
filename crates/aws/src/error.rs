//! Errors as AWS clients know them.

use http::StatusCode;
use tidemill_iam::IamError;
use tidemill_warehouse::ClusterError;

/// The result of an operation.
pub(crate) type Result<T, E = AwsError> = std::result::Result<T, E>;

/// An error with the code that the service documents.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{code}: {message}")]
pub struct AwsError {
    /// The service's name of the error.
    pub code: &'static str,
    /// What was wrong.
    pub message: String,
    /// The HTTP status.
    pub status: StatusCode,
}

impl AwsError {
    /// An error of the caller's making.
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), status: StatusCode::BAD_REQUEST }
    }

    pub(crate) fn with_status(mut self, status: StatusCode) -> Self {
        self.status = status;
        self
    }

    /// A parameter that breaks the service's model (Kinesis: ValidationException).
    pub(crate) fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// A request that cannot be read.
    pub(crate) fn serialization(message: impl Into<String>) -> Self {
        Self::new("SerializationException", message)
    }

    /// A parameter that the service's model allows, but the service does not (Kinesis: InvalidArgumentException).
    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::new("InvalidArgumentException", message)
    }

    /// What is asked for is more than an account has (Kinesis: LimitExceededException).
    pub(crate) fn limit(message: impl Into<String>) -> Self {
        Self::new("LimitExceededException", message)
    }

    /// An error that is not the caller's fault. The caller is told no details.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        tracing::error!(%error, "an operation failed");
        Self::new("InternalFailure", "The request processing has failed because of an unknown error.")
            .with_status(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// What an error of an identity is called by IAM.
pub(crate) fn from_iam(error: IamError) -> AwsError {
    let (code, status) = match &error {
        IamError::NoSuchEntity(_) => ("NoSuchEntity", StatusCode::NOT_FOUND),
        IamError::EntityAlreadyExists(_) => ("EntityAlreadyExists", StatusCode::CONFLICT),
        IamError::DeleteConflict(_) => ("DeleteConflict", StatusCode::CONFLICT),
        IamError::MalformedPolicy(_) => ("MalformedPolicyDocument", StatusCode::BAD_REQUEST),
        IamError::Invalid(_) => ("ValidationError", StatusCode::BAD_REQUEST),
        IamError::LimitExceeded(_) => ("LimitExceeded", StatusCode::CONFLICT),
        _ => return AwsError::internal(error),
    };
    AwsError::new(code, error.to_string()).with_status(status)
}

/// What an error of a cluster is called by Redshift.
pub(crate) fn from_cluster(error: ClusterError) -> AwsError {
    match error {
        ClusterError::NotFound(_) => {
            AwsError::new("ClusterNotFound", error.to_string()).with_status(StatusCode::NOT_FOUND)
        }
        ClusterError::Exists => AwsError::new("ClusterAlreadyExists", error.to_string()),
        ClusterError::Invalid(message) => AwsError::new("InvalidParameterValue", message),
        other => AwsError::internal(other),
    }
}
