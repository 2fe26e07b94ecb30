//! Casts as Redshift does them: texts are cut to a VARCHAR's bytes, digits checked, SUPER cast leniently.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayAccessor, ArrayIter, ArrayRef, AsArray, BinaryViewArray, StringViewArray, StringViewBuilder,
};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    DataType, FieldRef, Float32Type, Float64Type, IntervalMonthDayNanoType, Time64MicrosecondType,
    TimestampMicrosecondType,
};
use datafusion::arrow::util::display::FormatOptions;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::decimal_text::text_to_decimal;
use super::from_text::from_text;
use super::integer_bytes;
use super::shown::{float_text, interval_text, time_text, timestamp_text};
use super::super_value::{from_super, to_super};
use crate::error::{ErrorKind, SqlError};
use crate::functions::function::map_first;
use crate::types::SqlType;

/// `value` cast to `to`.
pub(crate) fn cast_to(value: Expr, to: SqlType) -> Expr {
    ScalarUDF::from(Cast::new(to, None)).call(vec![value])
}

/// What a function casts its argument to, if it is a cast.
pub(crate) fn cast_target(function: &ScalarUDF) -> Option<SqlType> {
    function.inner().downcast_ref::<Cast>().map(|cast| cast.to)
}

/// The name of a cast in a plan.
pub(crate) const CAST: &str = "cast";

/// The name of a cast in a statement's syntax tree, whose second argument is the type. The engine's own casts have the names of
/// what they cast, so that it would take `sum(x::int)` and `sum(x::float)` for one column.
pub(crate) const CAST_AS: &str = "cast_as";

/// [`CAST_AS`] for the planner; [`written_cast`] takes its place.
pub(crate) fn cast_as() -> ScalarUDF {
    ScalarUDF::from(CastAs { signature: Signature::any(2, Volatility::Immutable) })
}

/// What a call of [`CAST_AS`] casts and to what.
pub(crate) fn written_cast(call: &ScalarFunction) -> Option<(&Expr, SqlType)> {
    match call.args.as_slice() {
        [value, Expr::Literal(to, _)] if call.name() == CAST_AS => Some((value, SqlType::parse(to.try_as_str()??)?)),
        _ => None,
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CastAs {
    signature: Signature,
}

impl ScalarUDFImpl for CastAs {
    fn name(&self) -> &str {
        CAST_AS
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        internal_err!("the type of a cast is one of its arguments")
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        let to = args.scalar_arguments[1].and_then(|to| SqlType::parse(to.try_as_str()??));
        to.map_or_else(|| plan_err!("the type of a cast must be a constant"), |to| Ok(to.field_ref("cast")))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        match args {
            [value, Expr::Literal(to, _)] => Ok(name_of(value, to.try_as_str().flatten().unwrap_or_default())),
            _ => plan_err!("the type of a cast must be a constant"),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let (from, to) = (SqlType::of(&args.arg_fields[0]), SqlType::of(&args.return_field));
        map_first(&args, |values| cast(values, from, to))
    }
}

/// The name of the column that a cast is.
fn name_of(value: &Expr, to: &str) -> String {
    format!("CAST({} AS {to})", value.schema_name())
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Cast {
    to: SqlType,
    /// What is cast, where that is more than Arrow's type and might be forgotten.
    from: Option<SqlType>,
    signature: Signature,
}

impl Cast {
    fn new(to: SqlType, from: Option<SqlType>) -> Self {
        Self { to, from, signature: Signature::any(1, Volatility::Immutable) }
    }
}

/// The same cast of values of a type, whatever field it is given; none if it is no cast.
pub(crate) fn pinned(function: &ScalarUDF, types: impl Fn() -> Option<Vec<SqlType>>) -> Option<ScalarUDF> {
    let to = cast_target(function)?;
    Some(ScalarUDF::from(Cast::new(to, types()?.first().copied())))
}

impl ScalarUDFImpl for Cast {
    fn name(&self) -> &str {
        CAST
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.to.arrow())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(self.to.field_ref("cast"))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        Ok(args.first().map(|value| name_of(value, &self.to.to_string())).unwrap_or_default())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let from = self.from.unwrap_or_else(|| SqlType::of(&args.arg_fields[0]));
        map_first(&args, |values| cast(values, from, self.to))
    }
}

pub(crate) fn cast(values: &ArrayRef, from: SqlType, to: SqlType) -> Result<ArrayRef> {
    if values.data_type().is_null() {
        return Ok(datafusion::arrow::array::new_null_array(&to.arrow(), values.len()));
    }
    match (from, to) {
        (SqlType::Super, SqlType::Super) => Ok(Arc::clone(values)),
        (SqlType::Super, to) => from_super(values.as_string_view(), to),
        (from, SqlType::Super) => to_super(values, from),
        (from, to) if from.is_numeric() && is_moment(to) || is_moment(from) && to.is_numeric() => {
            let message = format!("cannot cast type {from} to {to}");
            Err(SqlError::new(ErrorKind::DatatypeMismatch, message).into_engine())
        }
        (_, SqlType::Varchar(length)) => Ok(cut(&as_text(values, from)?, length as usize)),
        (_, SqlType::Char(length)) => Ok(cut(&as_text(values, from)?, length as usize)),
        (SqlType::Varchar(_) | SqlType::Char(_), SqlType::Decimal(precision, scale)) => {
            text_to_decimal(&as_text(values, from)?, precision, scale)
        }
        (SqlType::Varchar(_) | SqlType::Char(_), to) => from_text(&as_text(values, from)?, to),
        (SqlType::Timestamp, SqlType::TimestampTz) if values.data_type() == &SqlType::Timestamp.arrow() => {
            let moments = values.as_primitive::<TimestampMicrosecondType>();
            Ok(Arc::new(moments.clone().with_timezone("UTC")))
        }
        (SqlType::SmallInt | SqlType::Integer | SqlType::BigInt, SqlType::Varbyte(length)) => {
            Ok(cut_bytes(&integer_bytes::to_bytes(values, from)?, length as usize)?)
        }
        (SqlType::Varbyte(_), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt) => {
            integer_bytes::from_bytes(values.as_binary_view(), to)
        }
        (SqlType::Varbyte(_), SqlType::Varbyte(length)) => Ok(cut_bytes(values, length as usize)?),
        (from, to) if from.is_numeric() && to.is_numeric() => number_to_number(values, from, to),
        (_, to) => convert(values, &to.arrow()),
    }
}

fn is_moment(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz)
}

/// Surplus digits of a fraction round half away from zero.
fn number_to_number(values: &ArrayRef, from: SqlType, to: SqlType) -> Result<ArrayRef> {
    let is_rounded =
        matches!((from, to), (SqlType::Decimal(..), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt));
    let converted = match is_rounded {
        true => convert(values, &DataType::Decimal128(38, 0)).and_then(|whole| convert(&whole, &to.arrow())),
        false => convert(values, &to.arrow()),
    };
    converted.map_err(|_| match to {
        SqlType::Decimal(..) => overflow().into_engine(),
        to => SqlError::new(ErrorKind::NumericValueOutOfRange, format!("{to} out of range")).into_engine(),
    })
}

/// The error for a DECIMAL of too many digits.
pub(crate) fn overflow() -> SqlError {
    SqlError::new(ErrorKind::NumericValueOutOfRange, "Numeric data overflow (result precision)")
}

/// The engine's own conversion; a value that cannot be converted is an error.
pub(crate) fn convert(values: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = CastOptions { safe: false, format_options: FormatOptions::default() };
    Ok(cast_with_options(values, to, &options)?)
}

pub(crate) fn as_text(values: &ArrayRef, from: SqlType) -> Result<StringViewArray> {
    let values = match from {
        SqlType::Interval => convert(values, &from.arrow())?,
        _ => Arc::clone(values),
    };
    Ok(match from {
        SqlType::Boolean => written(values.as_boolean(), |flag| if flag { "true" } else { "false" }.to_owned()),
        SqlType::Interval => written(values.as_primitive::<IntervalMonthDayNanoType>(), interval_text),
        SqlType::Real => written(values.as_primitive::<Float32Type>(), |float| float_text(f64::from(float), 6)),
        SqlType::Double => written(values.as_primitive::<Float64Type>(), |float| float_text(float, 15)),
        SqlType::Time => written(convert(&values, &from.arrow())?.as_primitive::<Time64MicrosecondType>(), time_text),
        SqlType::Timestamp | SqlType::TimestampTz => {
            let moments = convert(&values, &from.arrow())?;
            let zone = if from == SqlType::TimestampTz { "+00" } else { "" };
            written(moments.as_primitive::<TimestampMicrosecondType>(), |moment| timestamp_text(moment) + zone)
        }
        _ if values.data_type().is_binary() => {
            let text = convert(&values, &DataType::BinaryView)?.as_binary_view().clone().to_string_view();
            text.map_err(|_| failed("the VARBYTE value is not valid UTF-8".into()))?
        }
        _ => convert(&values, &DataType::Utf8View)?.as_string_view().clone(),
    })
}

fn written<A: ArrayAccessor>(values: A, write: impl Fn(A::Item) -> String) -> StringViewArray {
    ArrayIter::new(values).map(|value| value.map(&write)).collect()
}

/// Cuts texts to `length` bytes, at a character's end (Redshift: an explicit cast truncates silently).
/// Nothing is copied: a shorter text is another view on the same bytes.
pub(crate) fn cut(texts: &StringViewArray, length: usize) -> ArrayRef {
    if texts.lengths().all(|bytes| bytes as usize <= length) {
        return Arc::new(texts.clone());
    }
    let mut cut = StringViewBuilder::with_capacity(texts.len());
    for text in texts {
        cut.append_option(text.map(|text| &text[..text.floor_char_boundary(length)]));
    }
    Arc::new(cut.finish())
}

pub(super) fn cut_bytes(values: &ArrayRef, length: usize) -> Result<ArrayRef> {
    let bytes = convert(values, &DataType::BinaryView)?;
    if bytes.as_binary_view().lengths().all(|bytes| bytes as usize <= length) {
        return Ok(bytes);
    }
    let cut = bytes.as_binary_view().iter().map(|bytes| bytes.map(|bytes| &bytes[..bytes.len().min(length)]));
    Ok(Arc::new(cut.collect::<BinaryViewArray>()))
}

fn failed(message: String) -> datafusion::common::DataFusionError {
    SqlError::new(ErrorKind::InvalidTextRepresentation, message).into_engine()
}
