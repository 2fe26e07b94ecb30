//! SET, SHOW, RESET.

use datafusion::sql::sqlparser::ast::{Expr, Ident, Reset, ResetStatement, Set, Value};

use super::texts;
use crate::error::{Result, SqlError};
use crate::session::{Outcome, Session};

pub(super) fn set(session: &mut Session, set: &Set) -> Result<Outcome> {
    match set {
        Set::SingleAssignment { variable, values, .. } => {
            let values: Vec<String> = values.iter().map(value_text).collect();
            let name = variable.to_string();
            if let [value] = values.as_slice()
                && value.eq_ignore_ascii_case("default")
            {
                session.settings.reset(&name);
            } else {
                session.settings.set(&name, &values.join(", "))?;
            }
        }
        Set::SetTimeZone { value, .. } => session.settings.set("timezone", &value_text(value))?,
        Set::SetNames { .. } | Set::SetTransaction { .. } | Set::SetSessionParam(_) => {}
        other => return Err(SqlError::unsupported(format!("{other} is not supported"))),
    }
    Ok(Outcome::Done("SET".into()))
}

pub(super) fn show(session: &Session, variable: &[Ident]) -> Result<Outcome> {
    let name = name(variable);
    let value = session.settings.get(&name)?.to_owned();
    texts(&name, [value])
}

pub(super) fn reset(session: &mut Session, reset: &ResetStatement) -> Result<Outcome> {
    match &reset.reset {
        Reset::ALL => session.settings.reset_all(),
        Reset::ConfigurationParameter(name) => session.settings.reset(&name.to_string()),
    }
    Ok(Outcome::Done("RESET".into()))
}

/// The name of the setting that SHOW names.
pub(super) fn name(variable: &[Ident]) -> String {
    let words: Vec<&str> = variable.iter().map(|word| word.value.as_str()).collect();
    match words.as_slice() {
        ["transaction", "isolation", "level"] => "transaction_isolation".into(),
        ["time", "zone"] => "timezone".into(),
        words => words.join("."),
    }
}

fn value_text(value: &Expr) -> String {
    match value {
        Expr::Value(value) => match &value.value {
            Value::SingleQuotedString(text) => text.clone(),
            other => other.to_string(),
        },
        Expr::Identifier(ident) => ident.value.clone(),
        other => other.to_string(),
    }
}
