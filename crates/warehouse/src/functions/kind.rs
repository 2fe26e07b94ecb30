//! What functions take: arguments of the kinds that Redshift converts to one another.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Float64Array, Int64Array, IntervalMonthDayNanoArray,
    StringViewArray,
};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNanoType, Time64MicrosecondType, TimestampMicrosecondType,
};
use datafusion::common::Result;
use datafusion::logical_expr::ColumnarValue;

use super::casts::cast::cast;
use super::function::is_text;
use super::row::Argument;
use crate::types::SqlType;

/// What a function takes in one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A text, or what can be written as one.
    Text,
    /// An integer of any size.
    Whole,
    /// A number of any type, as a DOUBLE PRECISION.
    Number,
    Flag,
    /// A VARBYTE, or a text as the bytes of its characters.
    Bytes,
    /// A DATE, TIMESTAMP or TIMESTAMPTZ, or a text that says one: microseconds since the epoch. A TIME: microseconds since midnight.
    Moment,
    /// The same, but that a text says a TIMESTAMPTZ.
    Instant,
    WholeOrBytes,
    /// An interval, or the difference of two moments.
    Span,
    MomentOrSpan,
    /// A number, as a text, or a moment.
    Shown,
    /// A value of any scalar type, as SUPER.
    Super,
    /// A text that is JSON, or a SUPER value.
    Document,
}

impl Kind {
    /// The type that an argument is converted to; none if it is not taken.
    pub(super) fn accept(self, argument: &DataType) -> Option<DataType> {
        let is_moment = matches!(argument, DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..));
        let (is_taken, wanted) = match self {
            // Numbers and moments are written out.
            Self::Text if !argument.is_binary() => return Some(argument.clone()),
            Self::Text => (false, DataType::Utf8View),
            Self::Whole => (argument.is_integer() || is_text(argument), DataType::Int64),
            Self::Number => (argument.is_numeric() || is_text(argument), DataType::Float64),
            Self::Flag => (argument.is_null() || argument == &DataType::Boolean, DataType::Boolean),
            Self::Bytes => (is_text(argument) || argument.is_binary(), DataType::BinaryView),
            Self::Moment => (is_moment || is_text(argument), moment(SqlType::of_arrow(argument)).arrow()),
            Self::Instant => return Self::Moment.accept(argument),
            Self::Span => (is_span(argument) || argument.is_null(), SqlType::Interval.arrow()),
            Self::MomentOrSpan if is_span(argument) => (true, SqlType::Interval.arrow()),
            Self::MomentOrSpan => return Self::Moment.accept(argument),
            Self::WholeOrBytes if argument.is_integer() => (true, DataType::Int64),
            Self::WholeOrBytes => return Self::Bytes.accept(argument),
            Self::Shown if argument.is_numeric() => return Some(argument.clone()),
            Self::Shown => (is_moment || is_text(argument), moment(SqlType::of_arrow(argument)).arrow()),
            Self::Super => return Some(argument.clone()),
            Self::Document => (is_text(argument), DataType::Utf8View),
        };
        // A text is read when the function runs, with the errors that a cast of it has.
        let is_read = argument.is_string();
        is_taken.then_some(if is_read { DataType::Utf8View } else { wanted })
    }

    pub(super) fn column(self, given: &ColumnarValue, from: SqlType) -> Result<Argument> {
        let (values, step) = match given {
            ColumnarValue::Array(values) => (Arc::clone(values), 1),
            ColumnarValue::Scalar(value) => (value.to_array()?, 0),
        };
        let cast_to = |to: SqlType| cast(&values, from, to);
        let column = match self {
            Self::Text => Column::Text(cast_to(SqlType::Varchar(u32::MAX))?.as_string_view().clone()),
            Self::Whole => Column::Whole(cast_to(SqlType::BigInt)?.as_primitive::<Int64Type>().clone()),
            Self::Number => Column::Number(cast_to(SqlType::Double)?.as_primitive::<Float64Type>().clone()),
            Self::Flag => Column::Flag(cast_to(SqlType::Boolean)?.as_boolean().clone()),
            Self::Bytes => Column::Bytes(cast_to(SqlType::Varbyte(u32::MAX))?.as_binary_view().clone()),
            Self::Moment => Column::Whole(micros(&cast_to(moment(from))?)),
            Self::Instant if from.arrow().is_string() => Column::Whole(micros(&cast_to(SqlType::TimestampTz)?)),
            Self::Instant => return Self::Moment.column(given, from),
            Self::MomentOrSpan if from != SqlType::Interval => return Self::Moment.column(given, from),
            Self::Span | Self::MomentOrSpan => {
                let spans = cast_to(SqlType::Interval)?;
                Column::Span(spans.as_primitive::<IntervalMonthDayNanoType>().clone())
            }
            Self::WholeOrBytes if from.is_numeric() => return Self::Whole.column(given, from),
            Self::WholeOrBytes => return Self::Bytes.column(given, from),
            Self::Shown if from.is_numeric() || from == SqlType::Super => return Self::Text.column(given, from),
            Self::Shown => return Self::Moment.column(given, from),
            Self::Document if from == SqlType::Super => Column::Text(values.as_string_view().clone()),
            Self::Document => Column::Text(cast_to(SqlType::Varchar(u32::MAX))?.as_string_view().clone()),
            Self::Super => Column::Text(cast_to(SqlType::Super)?.as_string_view().clone()),
        };
        Ok(Argument { column, step, sql_type: from })
    }
}

/// The type in which a moment is kept that is given in another.
fn moment(given: SqlType) -> SqlType {
    match given {
        SqlType::Time | SqlType::TimestampTz => given,
        _ => SqlType::Timestamp,
    }
}

fn micros(moments: &ArrayRef) -> Int64Array {
    match moments.as_primitive_opt::<Time64MicrosecondType>() {
        Some(times) => times.reinterpret_cast(),
        None => moments.as_primitive::<TimestampMicrosecondType>().reinterpret_cast(),
    }
}

#[derive(Debug)]
pub(super) enum Column {
    Text(StringViewArray),
    Whole(Int64Array),
    Number(Float64Array),
    Flag(BooleanArray),
    Bytes(BinaryViewArray),
    Span(IntervalMonthDayNanoArray),
}

impl Column {
    pub(super) fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Text(values) => values.is_null(row),
            Self::Whole(values) => values.is_null(row),
            Self::Number(values) => values.is_null(row),
            Self::Flag(values) => values.is_null(row),
            Self::Bytes(values) => values.is_null(row),
            Self::Span(values) => values.is_null(row),
        }
    }
}

/// Whether an argument is an interval.
fn is_span(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}
