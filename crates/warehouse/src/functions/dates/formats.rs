//! Dates and times from texts and to texts, by format strings: TO_DATE, TO_TIMESTAMP, TO_CHAR.

use datafusion::common::Result;

use super::part::{DAY, date_time, micros_of};
use super::template::{Template, Unreadable};
use crate::error::{ErrorKind, SqlError};
use crate::functions::function::Function;
use crate::functions::numbers::format::NumberFormat;
use crate::functions::row::Kind::{Flag, Shown, Text};
use crate::functions::row::{Day, Memo, Moment, Row, by_row_with};
use crate::functions::super_values::number::Number;
use crate::types::SqlType;

pub(crate) fn functions() -> Vec<Function> {
    type Formats = (Memo<Template>, Memo<NumberFormat>);
    vec![
        by_row_with("to_timestamp", &[Text, Text], &[Flag], |formats: &mut Memo<Template>, row| {
            Ok(Some(Moment(read(formats, row)?)))
        })
        .returning(|_| Some(SqlType::TimestampTz)),
        by_row_with("to_date", &[Text, Text], &[Flag], |formats: &mut Memo<Template>, row| {
            Ok(Some(Day(read(formats, row)?.div_euclid(DAY) as i32)))
        }),
        by_row_with("to_char", &[Shown, Text], &[], |formats: &mut Formats, row| {
            let format = row.text(1);
            match row.sql_type(0) {
                Some(number) if number.is_numeric() || number == SqlType::Super => {
                    let format = formats.1.get(&[format], || Ok(NumberFormat::compile(format)))?;
                    Ok(Number::parse(row.text(0)).map(|_| format.write(row.text(0))))
                }
                _ => {
                    let template = formats.0.get(&[format], || Ok(Template::compile(format)))?;
                    Ok(Some(template.write(date_time(row.whole(0))?)))
                }
            }
        }),
    ]
}

/// Reads the first argument by the format that is the second, strictly if the third says so.
fn read(formats: &mut Memo<Template>, row: &Row<'_>) -> Result<i64> {
    let (text, format) = (row.text(0), row.text(1));
    let template = formats.get(&[format], || Ok(Template::compile(format)))?;
    let time = template.read(text, row.flag(2)).map_err(|error| match error {
        Unreadable::Mismatch => {
            let message = format!("value '{text}' does not match the format '{format}'");
            SqlError::new(ErrorKind::InvalidDatetimeFormat, message)
        }
        Unreadable::OutOfRange(message) => SqlError::new(ErrorKind::DatetimeFieldOverflow, message),
        Unreadable::WriteOnly => SqlError::unsupported(format!("the format '{format}' can only be written, not read")),
    })?;
    Ok(micros_of(time))
}
