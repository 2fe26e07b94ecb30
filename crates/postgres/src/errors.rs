//! Errors and notices as the protocol says them.

use pgwire::error::{ErrorInfo, PgWireError};
use pgwire::messages::response::NoticeResponse;
use tidemill_warehouse::SqlError;

/// An error for the client.
pub(crate) fn to_wire(error: SqlError) -> PgWireError {
    let mut info = ErrorInfo::new("ERROR".into(), error.kind.sqlstate().into(), error.message);
    info.detail = error.detail;
    info.hint = error.hint;
    info.position = error.position.map(|position| position.to_string());
    PgWireError::UserError(Box::new(info))
}

/// An error that ends the connection.
pub(crate) fn fatal(sqlstate: &str, message: String) -> PgWireError {
    PgWireError::UserError(Box::new(ErrorInfo::new("FATAL".into(), sqlstate.into(), message)))
}

/// A message that comes beside a result.
pub(crate) fn notice(message: String) -> NoticeResponse {
    let (severity, message) = match message.strip_prefix("WARNING: ") {
        Some(message) => ("WARNING", message.to_owned()),
        None => ("INFO", message),
    };
    ErrorInfo::new(severity.into(), "00000".into(), message).into()
}
