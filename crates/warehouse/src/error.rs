//! Errors as an SQL client sees them: a SQLSTATE, a message, and where in the statement.

use std::fmt;

use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, SchemaError};

/// The result of running SQL.
pub type Result<T, E = SqlError> = std::result::Result<T, E>;

/// What kind of error it is; each has its SQLSTATE (PostgreSQL: appendix A).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names are PostgreSQL's condition names")]
pub enum ErrorKind {
    FeatureNotSupported,
    ConnectionDoesNotExist,
    InvalidTransactionState,
    InFailedTransaction,
    InvalidAuthorization,
    DivisionByZero,
    DatatypeMismatch,
    StringDataRightTruncation,
    NumericValueOutOfRange,
    InvalidTextRepresentation,
    NotNullViolation,
    InvalidDatetimeFormat,
    DatetimeFieldOverflow,
    InvalidParameterValue,
    InvalidRegularExpression,
    CardinalityViolation,
    DependentObjectsStillExist,
    SerializationFailure,
    SyntaxError,
    InsufficientPrivilege,
    UndefinedColumn,
    UndefinedFunction,
    UndefinedTable,
    UndefinedObject,
    UndefinedSchema,
    UndefinedDatabase,
    AmbiguousColumn,
    DuplicateTable,
    DuplicateSchema,
    DuplicateColumn,
    DuplicateObject,
    InvalidObjectDefinition,
    WrongObjectType,
    GroupingError,
    InvalidGrantOperation,
    ObjectInUse,
    OutOfMemory,
    StatementTooComplex,
    QueryCanceled,
    Io,
    Internal,
}

impl ErrorKind {
    /// Whether a value was at fault (SQLSTATE class 22).
    pub(crate) fn is_of_data(self) -> bool {
        self.sqlstate().starts_with("22")
    }

    /// The five characters.
    pub fn sqlstate(self) -> &'static str {
        match self {
            Self::FeatureNotSupported => "0A000",
            Self::ConnectionDoesNotExist => "08003",
            Self::InvalidTransactionState => "25001",
            Self::InFailedTransaction => "25P02",
            Self::InvalidAuthorization => "28000",
            Self::DivisionByZero => "22012",
            Self::DatatypeMismatch => "42804",
            Self::StringDataRightTruncation => "22001",
            Self::NumericValueOutOfRange => "22003",
            Self::InvalidTextRepresentation => "22P02",
            Self::NotNullViolation => "23502",
            Self::InvalidDatetimeFormat => "22007",
            Self::DatetimeFieldOverflow => "22008",
            Self::InvalidParameterValue => "22023",
            Self::InvalidRegularExpression => "2201B",
            Self::CardinalityViolation => "21000",
            Self::DependentObjectsStillExist => "2BP01",
            Self::SerializationFailure => "40001",
            Self::SyntaxError => "42601",
            Self::InsufficientPrivilege => "42501",
            Self::UndefinedColumn => "42703",
            Self::UndefinedFunction => "42883",
            Self::UndefinedTable => "42P01",
            Self::UndefinedObject => "42704",
            Self::UndefinedSchema => "3F000",
            Self::UndefinedDatabase => "3D000",
            Self::AmbiguousColumn => "42702",
            Self::DuplicateTable => "42P07",
            Self::DuplicateSchema => "42P06",
            Self::DuplicateColumn => "42701",
            Self::DuplicateObject => "42710",
            Self::InvalidObjectDefinition => "42P17",
            Self::WrongObjectType => "42809",
            Self::GroupingError => "42803",
            Self::InvalidGrantOperation => "0LP01",
            Self::ObjectInUse => "55006",
            Self::OutOfMemory => "53200",
            Self::StatementTooComplex => "54001",
            Self::QueryCanceled => "57014",
            Self::Io => "58030",
            Self::Internal => "XX000",
        }
    }
}

/// Why a statement failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SqlError {
    /// What kind of error it is.
    pub kind: ErrorKind,
    /// What was wrong with which thing.
    pub message: String,
    /// More about it.
    pub detail: Option<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Where in the statement, in characters from 1.
    pub position: Option<usize>,
}

impl SqlError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), detail: None, hint: None, position: None }
    }

    /// The same with more about it.
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The same with advice.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same with a place in the statement, counted in characters from 1.
    pub fn at(mut self, position: Option<usize>) -> Self {
        self.position = self.position.or(position);
        self
    }

    /// A thing that Tidemill does not do (yet).
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::FeatureNotSupported, message)
    }

    /// A statement that breaks the grammar.
    pub fn syntax(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::SyntaxError, message)
    }

    /// The error to return from inside the engine, so that it comes out again as itself.
    pub fn into_engine(self) -> DataFusionError {
        DataFusionError::External(Box::new(self))
    }
}

impl fmt::Display for SqlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        if let Some(detail) = &self.detail {
            write!(f, ": {detail}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SqlError {}

impl From<SqlError> for DataFusionError {
    fn from(error: SqlError) -> Self {
        error.into_engine()
    }
}

impl From<sqlx::Error> for SqlError {
    fn from(error: sqlx::Error) -> Self {
        Self::new(ErrorKind::Io, format!("catalog: {error}"))
    }
}

impl From<std::io::Error> for SqlError {
    fn from(error: std::io::Error) -> Self {
        Self::new(ErrorKind::Io, format!("disk: {error}"))
    }
}

impl From<tidemill_stream::StreamError> for SqlError {
    fn from(error: tidemill_stream::StreamError) -> Self {
        let kind = match error {
            tidemill_stream::StreamError::NotFound(_) => ErrorKind::UndefinedTable,
            _ => ErrorKind::Io,
        };
        Self::new(kind, error.to_string())
    }
}

impl From<tidemill_iam::IamError> for SqlError {
    fn from(error: tidemill_iam::IamError) -> Self {
        Self::new(ErrorKind::InvalidAuthorization, error.to_string())
    }
}

impl From<parquet::errors::ParquetError> for SqlError {
    fn from(error: parquet::errors::ParquetError) -> Self {
        Self::new(ErrorKind::Io, format!("data file: {error}"))
    }
}

impl From<ArrowError> for SqlError {
    fn from(error: ArrowError) -> Self {
        match error {
            ArrowError::ExternalError(error) => from_external(error),
            error => of_values(&error).unwrap_or_else(|| Self::new(ErrorKind::Internal, error.to_string())),
        }
    }
}

/// The error of values that a computation does not take.
fn of_values(error: &ArrowError) -> Option<SqlError> {
    match error {
        ArrowError::DivideByZero => Some(SqlError::new(ErrorKind::DivisionByZero, "division by zero")),
        ArrowError::ArithmeticOverflow(message) => Some(SqlError::new(ErrorKind::NumericValueOutOfRange, message)),
        ArrowError::CastError(message) | ArrowError::ParseError(message) => {
            Some(SqlError::new(ErrorKind::InvalidTextRepresentation, message))
        }
        ArrowError::ComputeError(message) => of_condition(message),
        _ => None,
    }
}

/// The error of a condition that the engine has evaluated while it read a file. It tells it as text only.
fn of_condition(text: &str) -> Option<SqlError> {
    const KINDS: [ErrorKind; 8] = [
        ErrorKind::DivisionByZero,
        ErrorKind::StringDataRightTruncation,
        ErrorKind::NumericValueOutOfRange,
        ErrorKind::InvalidTextRepresentation,
        ErrorKind::InvalidDatetimeFormat,
        ErrorKind::DatetimeFieldOverflow,
        ErrorKind::InvalidParameterValue,
        ErrorKind::InvalidRegularExpression,
    ];
    if text.contains("ArrowError(DivideByZero") {
        return of_values(&ArrowError::DivideByZero);
    }
    if text.contains("ArrowError(ArithmeticOverflow(") {
        return of_values(&ArrowError::ArithmeticOverflow("value out of range".into()));
    }
    if let Some((_, message)) = text.split_once("Execution(\"") {
        let message = message.split_once("\")").map_or(message, |(message, _)| message);
        return Some(SqlError::new(ErrorKind::InvalidParameterValue, message));
    }
    let (_, error) = text.split_once("SqlError { kind: ")?;
    let (name, error) = error.split_once(", message: \"")?;
    let (message, _) = error.split_once("\", detail: ")?;
    let kind = KINDS.into_iter().find(|kind| format!("{kind:?}") == name)?;
    Some(SqlError::new(kind, message.replace("\\\"", "\"")))
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        match error {
            DataFusionError::ArrowError(error, _) => (*error).into(),
            DataFusionError::External(error) => from_external(error),
            DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error) => (*error).into(),
            DataFusionError::Shared(error) => match std::sync::Arc::try_unwrap(error) {
                Ok(error) => error.into(),
                Err(shared) => from_chain(&*shared),
            },
            // A condition that is evaluated while a file is read.
            DataFusionError::ParquetError(error) => from_chain(&*error),
            DataFusionError::SchemaError(error, _) => from_schema(*error),
            DataFusionError::NotImplemented(message) => Self::unsupported(message),
            DataFusionError::ResourcesExhausted(message) => Self::new(ErrorKind::OutOfMemory, message),
            DataFusionError::SQL(error, _) => Self::syntax(error.to_string()),
            DataFusionError::Plan(message) => from_plan(message),
            DataFusionError::Collection(errors) => {
                let first = errors.into_iter().next();
                first.map_or_else(|| Self::new(ErrorKind::Internal, "several errors"), Self::from)
            }
            DataFusionError::Execution(message) => Self::new(ErrorKind::InvalidParameterValue, message),
            error => Self::new(ErrorKind::Internal, error.strip_backtrace()),
        }
    }
}

fn from_external(error: Box<dyn std::error::Error + Send + Sync>) -> SqlError {
    let error = match error.downcast::<SqlError>() {
        Ok(own) => return *own,
        Err(error) => error,
    };
    match error.downcast::<DataFusionError>() {
        Ok(engine) => (*engine).into(),
        Err(error) => of_pattern(error.to_string()),
    }
}

/// The error of an operator's regular expression, of which the engine has a text only, or one of the engine's own.
fn of_pattern(message: String) -> SqlError {
    let is_pattern = message.starts_with("regex parse error");
    SqlError::new(if is_pattern { ErrorKind::InvalidRegularExpression } else { ErrorKind::Internal }, message)
}

/// The error at the bottom of others that cannot be taken apart.
fn from_chain(error: &(dyn std::error::Error + 'static)) -> SqlError {
    let mut causes = std::iter::successors(Some(error), |error| error.source());
    let own = causes.find_map(|cause| match cause.downcast_ref::<SqlError>() {
        Some(own) => Some(own.clone()),
        None => cause.downcast_ref::<ArrowError>().and_then(of_values),
    });
    own.unwrap_or_else(|| SqlError::new(ErrorKind::Internal, error.to_string()))
}

fn from_schema(error: SchemaError) -> SqlError {
    match error {
        SchemaError::FieldNotFound { field, .. } => {
            let name = field.flat_name();
            let message = match &field.relation {
                Some(relation) => format!("column {}.{} does not exist", relation.table(), field.name),
                None => format!("column \"{}\" does not exist", name.trim_matches('"')),
            };
            let column = SqlError::new(ErrorKind::UndefinedColumn, message);
            SqlError { position: None, ..column }
        }
        SchemaError::AmbiguousReference { field } => {
            SqlError::new(ErrorKind::AmbiguousColumn, format!("column reference \"{}\" is ambiguous", field.name))
        }
        error => SqlError::new(ErrorKind::DuplicateColumn, error.to_string()),
    }
}

/// The planner tells most things in words only.
fn from_plan(message: String) -> SqlError {
    let quoted = || message.split('\'').nth(1).unwrap_or_default().to_owned();
    if message.starts_with("table '") {
        let name = quoted();
        let name = name.strip_prefix("dev.").unwrap_or(&name);
        let name = name.strip_prefix("public.").unwrap_or(name);
        return SqlError::new(ErrorKind::UndefinedTable, format!("relation \"{name}\" does not exist"));
    }
    if message.starts_with("Invalid function '") {
        return SqlError::new(ErrorKind::UndefinedFunction, format!("function {}() does not exist", quoted()));
    }
    if message.contains("No function matches") {
        return SqlError::new(ErrorKind::UndefinedFunction, message);
    }
    if message.contains("must appear in the GROUP BY clause") {
        return SqlError::new(ErrorKind::GroupingError, message);
    }
    SqlError::new(ErrorKind::DatatypeMismatch, message)
}
