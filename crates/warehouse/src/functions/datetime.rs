//! TO_TIMESTAMP.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, TimestampMicrosecondBuilder};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::function::{Function, constant_text, is_text, map_first, no_match};
use super::template::Template;
use crate::error::{ErrorKind, SqlError};
use crate::types::SqlType;

pub(super) fn functions() -> Vec<Function> {
    vec![Function::new(
        "to_timestamp",
        |types| match types {
            [text, format] if is_text(text) && is_text(format) => Ok(vec![DataType::Utf8View; 2]),
            [text, format, DataType::Boolean] if is_text(text) && is_text(format) => {
                Ok(vec![DataType::Utf8View, DataType::Utf8View, DataType::Boolean])
            }
            types => no_match("to_timestamp", types),
        },
        |_| Ok(SqlType::TimestampTz.field_ref("to_timestamp")),
        to_timestamp,
    )]
}

fn to_timestamp(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let Some(format) = constant_text(args, 1) else {
        return Err(SqlError::unsupported("the format of TO_TIMESTAMP must be a constant").into_engine());
    };
    let template = Template::compile(format);
    map_first(args, |texts| read_all(texts.as_string_view(), &template, format))
}

fn read_all(texts: &StringViewArray, template: &Template, format: &str) -> Result<ArrayRef> {
    let mut times = TimestampMicrosecondBuilder::with_capacity(texts.len());
    for text in texts {
        match text {
            None => times.append_null(),
            Some(text) => {
                let time = template.read(text).map_err(|_| {
                    let message = format!("value '{text}' does not match the format '{format}' of TO_TIMESTAMP");
                    SqlError::new(ErrorKind::InvalidDatetimeFormat, message).into_engine()
                })?;
                times.append_value(time.and_utc().timestamp_micros());
            }
        }
    }
    Ok(Arc::new(times.finish().with_timezone("UTC")))
}
