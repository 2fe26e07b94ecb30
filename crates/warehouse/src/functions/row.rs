//! Functions that are computed row by row from typed values, most of which need not be more than a few lines.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BinaryViewArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array,
    IntervalMonthDayNanoArray, StringViewArray, TimestampMicrosecondArray,
};
use datafusion::arrow::datatypes::{
    DataType, Float64Type, Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::casts::cast::cast;
use super::function::{Function, is_text, no_match};
use crate::types::{MAX_VARBYTE, MAX_VARCHAR, SqlType};

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
    fn accept(self, argument: &DataType) -> Option<DataType> {
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

    fn column(self, given: &ColumnarValue, from: SqlType) -> Result<Argument> {
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
enum Column {
    Text(StringViewArray),
    Whole(Int64Array),
    Number(Float64Array),
    Flag(BooleanArray),
    Bytes(BinaryViewArray),
    Span(IntervalMonthDayNanoArray),
}

impl Column {
    fn is_null(&self, row: usize) -> bool {
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

#[derive(Debug)]
struct Argument {
    column: Column,
    /// By how many values of the column a row is ahead of the one before: a constant has one value for all.
    step: usize,
    sql_type: SqlType,
}

/// The arguments of one call. Arguments that are left out are empty, 0 or false.
#[derive(Debug)]
pub(super) struct Row<'c> {
    arguments: &'c [Argument],
    row: usize,
}

impl<'c> Row<'c> {
    /// How many arguments there are.
    pub(super) fn len(&self) -> usize {
        self.arguments.len()
    }

    fn at(&self, place: usize) -> Option<(&'c Column, usize)> {
        self.arguments.get(place).map(|argument| (&argument.column, self.row * argument.step))
    }

    /// The type that an argument was given in.
    pub(super) fn sql_type(&self, place: usize) -> Option<SqlType> {
        self.arguments.get(place).map(|argument| argument.sql_type)
    }

    pub(super) fn is_null(&self, place: usize) -> bool {
        self.at(place).is_none_or(|(column, row)| column.is_null(row))
    }

    fn has_null(&self) -> bool {
        (0..self.len()).any(|place| self.is_null(place))
    }

    pub(super) fn text(&self, place: usize) -> &'c str {
        match self.at(place) {
            Some((Column::Text(values), row)) => values.value(row),
            _ => "",
        }
    }

    /// A number without a fraction, or a moment.
    pub(super) fn whole(&self, place: usize) -> i64 {
        match self.at(place) {
            Some((Column::Whole(values), row)) => values.value(row),
            _ => 0,
        }
    }

    pub(super) fn number(&self, place: usize) -> f64 {
        match self.at(place) {
            Some((Column::Number(values), row)) => values.value(row),
            _ => 0.0,
        }
    }

    pub(super) fn flag(&self, place: usize) -> bool {
        match self.at(place) {
            Some((Column::Flag(values), row)) => values.value(row),
            _ => false,
        }
    }

    pub(super) fn span(&self, place: usize) -> Option<IntervalMonthDayNano> {
        match self.at(place) {
            Some((Column::Span(values), row)) => Some(values.value(row)),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, place: usize) -> &'c [u8] {
        match self.at(place) {
            Some((Column::Bytes(values), row)) => values.value(row),
            _ => &[],
        }
    }
}

/// Whether an argument is an interval.
fn is_span(data_type: &DataType) -> bool {
    matches!(data_type, DataType::Interval(_) | DataType::Duration(_))
}

/// A value that a function gives back.
pub(super) trait Cell: Sized {
    const TYPE: SqlType;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef>;
}

/// A TIMESTAMP, in microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) i64);

/// A DATE, in days since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day(pub(super) i32);

/// A SUPER value.
#[derive(Debug)]
pub(super) struct Json(pub(super) String);

impl Cell for String {
    const TYPE: SqlType = SqlType::Varchar(MAX_VARCHAR);

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<StringViewArray>>()?))
    }
}

impl Cell for Json {
    const TYPE: SqlType = SqlType::Super;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        String::collect(values.map(|value| Ok(value?.map(|json| json.0))))
    }
}

impl Cell for Vec<u8> {
    const TYPE: SqlType = SqlType::Varbyte(MAX_VARBYTE);

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<BinaryViewArray>>()?))
    }
}

impl Cell for bool {
    const TYPE: SqlType = SqlType::Boolean;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<BooleanArray>>()?))
    }
}

impl Cell for i32 {
    const TYPE: SqlType = SqlType::Integer;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<Int32Array>>()?))
    }
}

impl Cell for i64 {
    const TYPE: SqlType = SqlType::BigInt;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
    }
}

impl Cell for f64 {
    const TYPE: SqlType = SqlType::Double;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
    }
}

impl Cell for Moment {
    const TYPE: SqlType = SqlType::Timestamp;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let values = values.map(|value| Ok(value?.map(|moment| moment.0)));
        Ok(Arc::new(values.collect::<Result<TimestampMicrosecondArray>>()?))
    }
}

impl Cell for Day {
    const TYPE: SqlType = SqlType::Date;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let values = values.map(|value| Ok(value?.map(|day| day.0)));
        Ok(Arc::new(values.collect::<Result<Date32Array>>()?))
    }
}

/// Something costly that is made of texts, kept for as long as these stay the same: mostly they are constants.
#[derive(Debug)]
pub(super) struct Memo<M> {
    last: Option<(Vec<String>, M)>,
}

impl<M> Default for Memo<M> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<M> Memo<M> {
    pub(super) fn get(&mut self, of: &[&str], make: impl FnOnce() -> Result<M>) -> Result<&M> {
        let is_last = self.last.as_ref().is_some_and(|(last, _)| last == of);
        let (_, made) = match self.last.take().filter(|_| is_last) {
            Some(last) => self.last.insert(last),
            None => self.last.insert((of.iter().map(|&text| text.to_owned()).collect(), make()?)),
        };
        Ok(made)
    }
}

/// What a function takes.
#[derive(Debug, Clone, Copy)]
struct Takes {
    required: &'static [Kind],
    optional: &'static [Kind],
    /// And as many more of this kind as there are.
    rest: Option<Kind>,
    /// Whether it looks at NULLs. Else one of them makes the result NULL.
    nulls: bool,
}

impl Takes {
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        let told = self.required.iter().chain(self.optional).copied();
        told.chain(self.rest.into_iter().flat_map(std::iter::repeat))
    }

    /// The types that arguments are converted to; none if they are not taken.
    fn accept(&self, types: &[DataType]) -> Option<Vec<DataType>> {
        if types.len() < self.required.len() || self.kinds().take(types.len()).count() < types.len() {
            return None;
        }
        types.iter().zip(self.kinds()).map(|(argument, kind)| kind.accept(argument)).collect()
    }
}

/// A function that takes `required` arguments and may take `optional` ones, and is NULL where one of them is.
pub(super) fn by_row<R: Cell + 'static>(
    name: &'static str,
    required: &'static [Kind],
    optional: &'static [Kind],
    compute: fn(&Row<'_>) -> Result<Option<R>>,
) -> Function {
    by_row_with(name, required, optional, move |(), row| compute(row))
}

/// The same with something that is kept from row to row of a batch.
pub(super) fn by_row_with<S: Default + 'static, R: Cell + 'static>(
    name: &'static str,
    required: &'static [Kind],
    optional: &'static [Kind],
    compute: impl Fn(&mut S, &Row<'_>) -> Result<Option<R>> + Send + Sync + 'static,
) -> Function {
    function(name, Takes { required, optional, rest: None, nulls: false }, compute)
}

/// A function that looks at NULLs.
pub(super) fn by_row_of_nulls<R: Cell + 'static>(
    name: &'static str,
    required: &'static [Kind],
    optional: &'static [Kind],
    compute: impl Fn(&Row<'_>) -> Result<Option<R>> + Send + Sync + 'static,
) -> Function {
    function(name, Takes { required, optional, rest: None, nulls: true }, move |(), row| compute(row))
}

/// A function of any number of arguments, NULLs among them.
pub(super) fn by_row_of_many<R: Cell + 'static>(
    name: &'static str,
    kind: Kind,
    compute: fn(&Row<'_>) -> Result<Option<R>>,
) -> Function {
    function(name, Takes { required: &[], optional: &[], rest: Some(kind), nulls: true }, move |(), row| compute(row))
}

fn function<S: Default + 'static, R: Cell + 'static>(
    name: &'static str,
    takes: Takes,
    compute: impl Fn(&mut S, &Row<'_>) -> Result<Option<R>> + Send + Sync + 'static,
) -> Function {
    let accept = move |types: &[DataType]| takes.accept(types).map_or_else(|| no_match(name, types), Ok);
    let run = move |args: &ScalarFunctionArgs| {
        let arguments = takes.kinds().zip(&args.args).zip(&args.arg_fields);
        let arguments = arguments.map(|((kind, values), field)| kind.column(values, SqlType::of(field)));
        let arguments: Vec<Argument> = arguments.collect::<Result<_>>()?;
        let is_constant = arguments.iter().all(|argument| argument.step == 0);
        let mut state = S::default();
        let values = R::collect((0..if is_constant { 1 } else { args.number_rows }).map(|row| {
            let row = Row { arguments: &arguments, row };
            if !takes.nulls && row.has_null() { Ok(None) } else { compute(&mut state, &row) }
        }))?;
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    };
    Function::new(name, accept, move |_| Ok(R::TYPE.field_ref(name)), run).of_super()
}
