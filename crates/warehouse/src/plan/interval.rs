//! Interval literals (Redshift: `INTERVAL '1 day, 2 h'`, `INTERVAL '1-2' YEAR TO MONTH`), written in the words that the engine knows.

use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Interval, Value};

use crate::functions::{DatePart, Span};
use crate::sql::text;

/// The same interval in units of months, days and seconds; none if it is written in another way.
pub(super) fn plain_interval(interval: &Interval) -> Option<Expr> {
    let Expr::Value(value) = interval.value.as_ref() else { return None };
    let written = match &value.value {
        Value::SingleQuotedString(text) => text,
        Value::Number(number, _) => number,
        _ => return None,
    };
    let part =
        |field: &Option<DateTimeField>| field.as_ref().and_then(|field| DatePart::parse(&field.to_string()).ok());
    let span = Span::parse(written, part(&interval.leading_field), part(&interval.last_field))?;
    Some(Expr::Interval(Interval {
        value: Box::new(text(&span.words())),
        leading_field: None,
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    }))
}
