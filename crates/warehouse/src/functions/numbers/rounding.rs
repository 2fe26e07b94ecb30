//! ABS, CEIL, FLOOR, ROUND, SIGN and TRUNC: functions of a number whose result is of the number's type, and TRUNC of a moment.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, Decimal128Array, Float64Array, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs};

use crate::functions::casts::cast::{cast, overflow};
use crate::functions::function::{Function, map_first, no_match};
use crate::functions::super_values::number::{Exact, Number, float_text};
use crate::types::SqlType;

/// What becomes of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Abs,
    Sign,
    Up,
    Down,
    Nearest,
    TowardsZero,
}

impl Change {
    /// Whether the places behind the point that are to stay may be told.
    fn takes_places(self) -> bool {
        matches!(self, Self::Nearest | Self::TowardsZero)
    }

    /// The places behind the point that stay if none are told; none for those that do not change.
    fn default_places(self) -> Option<i64> {
        (self != Self::Abs).then_some(0)
    }

    /// `value` over `unit`, as a whole number.
    fn exact(self, value: i128, unit: i128) -> i128 {
        match self {
            Self::Abs => value.abs(),
            Self::Sign => value.signum(),
            Self::Up => -(-value).div_euclid(unit),
            Self::Down => value.div_euclid(unit),
            Self::Nearest => (value + value.signum() * (unit / 2)) / unit,
            Self::TowardsZero => value / unit,
        }
    }

    fn float(self, value: f64, places: i64) -> f64 {
        if !value.is_finite() {
            return if self == Self::Sign {
                value.signum()
            } else if self == Self::Abs {
                value.abs()
            } else {
                value
            };
        }
        let unit = 10_f64.powi(places.clamp(-400, 400) as i32);
        let scaled = |round: fn(f64) -> f64| {
            let rounded = round(value * unit) / unit;
            // So many places that nothing is cut off, or so few that nothing stays.
            if rounded.is_finite() {
                rounded
            } else if places > 0 {
                value
            } else {
                0.0
            }
        };
        match self {
            Self::Abs => value.abs(),
            Self::Sign if value == 0.0 => 0.0,
            Self::Sign => value.signum(),
            Self::Up => value.ceil(),
            Self::Down => value.floor(),
            Self::Nearest => scaled(f64::round),
            Self::TowardsZero => scaled(f64::trunc),
        }
    }
}

pub(crate) fn functions() -> Vec<Function> {
    vec![
        function("abs", Change::Abs),
        function("sign", Change::Sign),
        function("ceil", Change::Up).also(&["ceiling"]),
        function("floor", Change::Down),
        function("round", Change::Nearest),
        function("trunc", Change::TowardsZero),
    ]
}

fn function(name: &'static str, change: Change) -> Function {
    let arguments = move |types: &[DataType]| {
        let places = match types {
            [_] => Vec::new(),
            [_, places @ ..] if change.takes_places() && (1..=2).contains(&places.len()) && are_places(places) => {
                vec![DataType::Int64; places.len()]
            }
            types => return no_match(name, types),
        };
        let value = match &types[0] {
            DataType::Date32 | DataType::Timestamp(..) if change == Change::TowardsZero && places.is_empty() => {
                DataType::Date32
            }
            text if text.is_string() => DataType::Utf8View,
            DataType::Float32 | DataType::Float64 => types[0].clone(),
            number if number.is_numeric() => SqlType::of_arrow(number).arrow(),
            DataType::Null => DataType::Float64,
            _ => return no_match(name, types),
        };
        Ok([vec![value], places].concat())
    };
    Function::new(name, arguments, move |args| Ok(returns(name, change, args)), move |args| run(change, args))
        .of_super()
        .by_type()
}

fn are_places(types: &[DataType]) -> bool {
    types.iter().all(|places| places.is_integer() || places.is_null())
}

/// A DECIMAL has as many places as the third argument says, which is there where they are written out (`plan/spelled_calls.rs`).
fn returns(name: &str, change: Change, args: &ReturnFieldArgs<'_>) -> FieldRef {
    let result = match SqlType::of(&args.arg_fields[0]) {
        SqlType::Varchar(_) | SqlType::Char(_) => SqlType::Double,
        SqlType::Decimal(..) if change == Change::Sign => SqlType::Decimal(1, 0),
        SqlType::Decimal(precision, scale) => {
            let places = match args.scalar_arguments {
                [_] => change.default_places(),
                [_, _, Some(ScalarValue::Int64(Some(places)))] => Some(*places),
                _ => None,
            };
            SqlType::Decimal(precision, places.map_or(scale, |places| places.clamp(0, i64::from(scale)) as i8))
        }
        same => same,
    };
    result.field_ref(name)
}

/// The places behind the point that stay, by row.
type Places<'p> = dyn Fn(usize) -> Option<i64> + 'p;

fn run(change: Change, args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let from = SqlType::of(&args.arg_fields[0]);
    let to = SqlType::of(&args.return_field);
    match args.args.get(1) {
        Some(ColumnarValue::Array(places)) => {
            let places = places.as_primitive::<Int64Type>();
            let values = args.args[0].to_array(args.number_rows)?;
            let at = |row: usize| places.is_valid(row).then(|| places.value(row));
            Ok(ColumnarValue::Array(changed(change, &values, from, to, &at)?))
        }
        Some(ColumnarValue::Scalar(places)) => {
            let places = match places {
                ScalarValue::Int64(places) => *places,
                _ => None,
            };
            map_first(args, |values| changed(change, values, from, to, &|_| places))
        }
        None => {
            let places = change.default_places().unwrap_or(i64::from(i8::MAX));
            map_first(args, |values| changed(change, values, from, to, &|_| Some(places)))
        }
    }
}

fn changed(change: Change, values: &ArrayRef, from: SqlType, to: SqlType, places: &Places<'_>) -> Result<ArrayRef> {
    match from {
        SqlType::Super => Ok(Arc::new(of_documents(change, values.as_string_view(), places))),
        SqlType::Varchar(_) | SqlType::Char(_) => floats(change, &cast(values, from, SqlType::Double)?, to, places),
        SqlType::Real | SqlType::Double => floats(change, values, to, places),
        // A moment, of which the engine has made its day.
        SqlType::Date => Ok(Arc::clone(values)),
        from => exact(change, values, from, to, places),
    }
}

fn floats(change: Change, values: &ArrayRef, to: SqlType, places: &Places<'_>) -> Result<ArrayRef> {
    let values = cast(values, SqlType::of_arrow(values.data_type()), SqlType::Double)?;
    let values = values.as_primitive::<Float64Type>().iter().enumerate();
    let changed = values.map(|(row, value)| Some(change.float(value?, places(row)?))).collect::<Float64Array>();
    cast(&(Arc::new(changed) as ArrayRef), SqlType::Double, to)
}

/// Integers and DECIMALs.
fn exact(change: Change, values: &ArrayRef, from: SqlType, to: SqlType, places: &Places<'_>) -> Result<ArrayRef> {
    let (scale, result_scale) = (scale_of(from), scale_of(to));
    let wide = cast(values, from, SqlType::Decimal(38, scale))?;
    let change_one = |(row, value): (usize, Option<i128>)| {
        let (Some(value), Some(places)) = (value, places(row)) else { return Ok(None) };
        one_exact(change, value, scale, result_scale, places).map(Some).ok_or_else(|| overflow().into_engine())
    };
    let changed = wide.as_primitive::<Decimal128Type>().iter().enumerate().map(change_one);
    let changed = changed.collect::<Result<Decimal128Array>>()?.with_precision_and_scale(38, result_scale)?;
    cast(&(Arc::new(changed) as ArrayRef), SqlType::Decimal(38, result_scale), to)
}

fn scale_of(sql_type: SqlType) -> i8 {
    match sql_type {
        SqlType::Decimal(_, scale) => scale,
        _ => 0,
    }
}

/// None if the result has more than 38 digits.
fn one_exact(change: Change, value: i128, scale: i8, result_scale: i8, places: i64) -> Option<i128> {
    if matches!(change, Change::Abs | Change::Sign) {
        return Some(change.exact(value, 1));
    }
    let places = places.min(i64::from(scale));
    let unit = |digits: i64| u32::try_from(digits).ok().and_then(|digits| 10_i128.checked_pow(digits));
    match unit(i64::from(scale).saturating_sub(places)) {
        Some(dropped) => {
            change.exact(value, dropped).checked_mul(unit(i64::from(result_scale).saturating_sub(places))?)
        }
        // Not a digit of it stays.
        None => Some(0),
    }
}

/// Numbers in SUPER stay what they are; NULL for what is none.
fn of_documents(change: Change, documents: &StringViewArray, places: &Places<'_>) -> StringViewArray {
    let change_one = |(row, document): (usize, Option<&str>)| {
        let (number, places) = (Number::parse(document?)?, places(row)?);
        match number {
            Number::Float(float) => Some(float_text(change.float(float, places))),
            Number::Exact(Exact { value, scale }) => {
                let kept = if change == Change::Abs { i64::from(scale) } else { places.clamp(0, i64::from(scale)) };
                let value = one_exact(change, value, scale as i8, kept as i8, places)?;
                Some(Exact { value, scale: if change == Change::Sign { 0 } else { kept as u32 } }.to_string())
            }
        }
    };
    documents.iter().enumerate().map(change_one).collect()
}
