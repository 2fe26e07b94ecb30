//! Casts as Redshift does them: texts are cut to a VARCHAR's bytes, digits checked, SUPER cast leniently.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, StringViewArray, StringViewBuilder};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{DataType, FieldRef, IntervalMonthDayNanoType, TimestampMicrosecondType};
use datafusion::arrow::util::display::FormatOptions;
use datafusion::common::{Result, internal_err, plan_err};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::decimal_text::text_to_decimal;
use super::from_text::from_text;
use super::integer_bytes;
use super::super_value::{from_super, to_super};
use crate::error::{ErrorKind, SqlError};
use crate::functions::dates::interval::interval_text;
use crate::functions::function::map_first;
use crate::types::SqlType;

/// `value` cast to `to`.
pub(crate) fn cast_to(value: Expr, to: SqlType) -> Expr {
    ScalarUDF::from(Cast { to, signature: Signature::any(1, Volatility::Immutable) }).call(vec![value])
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
    signature: Signature,
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
        let from = SqlType::of(&args.arg_fields[0]);
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
        (SqlType::SmallInt | SqlType::Integer | SqlType::BigInt, SqlType::Varbyte(_)) => {
            integer_bytes::to_bytes(values, from)
        }
        (SqlType::Varbyte(_), SqlType::SmallInt | SqlType::Integer | SqlType::BigInt) => {
            integer_bytes::from_bytes(values.as_binary_view(), to)
        }
        (SqlType::Varbyte(_), SqlType::Varbyte(length)) => Ok(cut_bytes(values, length as usize)?),
        (from, to) if from.is_numeric() && to.is_numeric() => number_to_number(values, from, to),
        (_, to) => convert(values, &to.arrow()),
    }
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
    if from == SqlType::Boolean {
        let texts = values.as_boolean().iter().map(|value| value.map(|value| if value { "true" } else { "false" }));
        return Ok(texts.collect());
    }
    if let SqlType::Interval = from {
        let spans = convert(values, &SqlType::Interval.arrow())?;
        let spans = spans.as_primitive::<IntervalMonthDayNanoType>().iter();
        return Ok(spans.map(|span| span.map(interval_text)).collect());
    }
    if values.data_type().is_binary() {
        let bytes = convert(values, &DataType::BinaryView)?;
        let text = bytes.as_binary_view().clone().to_string_view();
        return text.map_err(|_| failed("the VARBYTE value is not valid UTF-8".into()));
    }
    let format = FormatOptions::default()
        .with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"))
        .with_timestamp_tz_format(Some("%Y-%m-%d %H:%M:%S%.f+00"));
    let options = CastOptions { safe: false, format_options: format };
    Ok(cast_with_options(values, &DataType::Utf8View, &options)?.as_string_view().clone())
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

fn cut_bytes(values: &ArrayRef, length: usize) -> Result<ArrayRef> {
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
