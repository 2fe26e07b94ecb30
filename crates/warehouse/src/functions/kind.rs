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
    /// The kind that this one is for an argument of a type, if it is one of several.
    fn of(self, given: SqlType) -> Self {
        match self {
            Self::WholeOrBytes if given.is_numeric() => Self::Whole,
            Self::WholeOrBytes => Self::Bytes,
            Self::MomentOrSpan if given == SqlType::Interval => Self::Span,
            Self::MomentOrSpan => Self::Moment,
            Self::Shown if given.is_numeric() || given == SqlType::Super => Self::Text,
            Self::Shown => Self::Moment,
            Self::Document if given == SqlType::Super => Self::Super,
            Self::Document => Self::Text,
            simple => simple,
        }
    }

    /// The type that an argument is converted to; none if it is not taken.
    pub(super) fn accept(self, argument: &DataType) -> Option<DataType> {
        let given = SqlType::of_arrow(argument);
        let is_moment = matches!(argument, DataType::Date32 | DataType::Time64(_) | DataType::Timestamp(..));
        let (is_taken, wanted) = match self.of(given) {
            // Numbers and moments are written out.
            Self::Text => (!argument.is_binary(), argument.clone()),
            Self::Super => (true, argument.clone()),
            // It stays known how many bytes it has.
            Self::Whole => (argument.is_integer(), given.arrow()),
            Self::Number => (argument.is_numeric(), SqlType::Double.arrow()),
            Self::Flag => (argument == &DataType::Boolean, DataType::Boolean),
            Self::Bytes => (argument.is_binary(), DataType::BinaryView),
            Self::Moment | Self::Instant => (is_moment, moment(given).arrow()),
            _ => (given == SqlType::Interval, SqlType::Interval.arrow()),
        };
        // A text is read when the function runs, with the errors that a cast of it has.
        match is_text(argument) {
            true => Some(DataType::Utf8View),
            false => is_taken.then_some(wanted),
        }
    }

    /// The values of an argument.
    pub(super) fn column(self, given: &ColumnarValue, from: SqlType) -> Result<Argument> {
        let (values, step) = match given {
            ColumnarValue::Array(values) => (Arc::clone(values), 1),
            ColumnarValue::Scalar(value) => (value.to_array()?, 0),
        };
        let cast_to = |to: SqlType| cast(&values, from, to);
        let column = match self.of(from) {
            Self::Text => Column::Text(cast_to(SqlType::Varchar(u32::MAX))?.as_string_view().clone()),
            Self::Super => Column::Text(cast_to(SqlType::Super)?.as_string_view().clone()),
            Self::Whole => Column::Whole(cast_to(SqlType::BigInt)?.as_primitive::<Int64Type>().clone()),
            Self::Number => Column::Number(cast_to(SqlType::Double)?.as_primitive::<Float64Type>().clone()),
            Self::Flag => Column::Flag(cast_to(SqlType::Boolean)?.as_boolean().clone()),
            Self::Bytes => Column::Bytes(cast_to(SqlType::Varbyte(u32::MAX))?.as_binary_view().clone()),
            Self::Instant if from.arrow().is_string() => Column::Whole(micros(&cast_to(SqlType::TimestampTz)?)),
            Self::Moment | Self::Instant => Column::Whole(micros(&cast_to(moment(from))?)),
            _ => Column::Span(cast_to(SqlType::Interval)?.as_primitive::<IntervalMonthDayNanoType>().clone()),
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
