//! What can go wrong with identities and policies.

/// The result of an operation on identities.
pub type Result<T, E = IamError> = std::result::Result<T, E>;

/// Why an operation on identities failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IamError {
    /// No such entity.
    #[error("{0} cannot be found.")]
    NoSuchEntity(String),
    /// An entity of this name exists already.
    #[error("{0} already exists.")]
    EntityAlreadyExists(String),
    /// The entity is still in use.
    #[error("{0}")]
    DeleteConflict(String),
    /// A policy document that breaks the grammar.
    #[error("{0}")]
    MalformedPolicy(String),
    /// A name, path or ARN of the wrong form.
    #[error("{0}")]
    Invalid(String),
    /// More of something than the account may have.
    #[error("{0}")]
    LimitExceeded(String),
    /// The control database refused.
    #[error("control database: {0}")]
    Control(#[from] sqlx::Error),
}
