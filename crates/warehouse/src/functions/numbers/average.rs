//! AVG, and the quotient of a sum and a count, which it is.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Float64Type, Int64Type};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::function::AccumulatorArgs;
use datafusion::logical_expr::udaf_default_return_field;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, ColumnarValue, Expr, ScalarUDF, Signature, Volatility,
};

use super::sum::of_super;
use crate::functions::Function;
use crate::functions::function::no_match;
use crate::types::SqlType;

/// AVG as a query writes it: it tells what it gives (Redshift: the average of integers is a BIGINT, of DECIMAL a DECIMAL of the
/// same scale). A quotient takes its place.
pub(crate) fn avg() -> AggregateUDF {
    AggregateUDF::from(Avg { signature: Signature::user_defined(Volatility::Immutable) })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Avg {
    signature: Signature,
}

impl AggregateUDFImpl for Avg {
    fn name(&self) -> &str {
        "avg"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [argument] = arguments else { return no_match("avg", arguments) };
        Ok(vec![match argument {
            kept if kept.is_signed_integer() || kept.is_decimal() => kept.clone(),
            integer if integer.is_integer() || integer.is_null() => DataType::Int64,
            float if float.is_floating() => DataType::Float64,
            text if text.is_string() => DataType::Utf8View,
            _ => return no_match("avg", arguments),
        }])
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        match of_super(self.name(), arguments)? {
            Some(field) => Ok(field),
            None => udaf_default_return_field(self, arguments),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(match &arguments[0] {
            DataType::Decimal128(precision, scale) => {
                DataType::Decimal128(if *precision < 19 { 19 } else { 38 }, *scale)
            }
            integer if integer.is_integer() => DataType::Int64,
            _ => DataType::Float64,
        })
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        internal_err!("AVG is computed as a quotient")
    }
}

/// `sum / count`, NULL where nothing was counted. A DECIMAL keeps its scale; digits behind are cut off.
pub(crate) fn average(sum: Expr, count: Expr) -> Expr {
    let quotient = Function::new(
        "average",
        |types| {
            let sum = match &types[0] {
                DataType::Decimal128(precision, scale) => DataType::Decimal128(*precision, *scale),
                sum if sum.is_integer() => DataType::Decimal128(38, 0),
                _ => DataType::Float64,
            };
            Ok(vec![sum, DataType::Int64])
        },
        |args| Ok(SqlType::of_arrow(args.arg_fields[0].data_type()).field_ref("average")),
        |args| {
            let sums = args.args[0].to_array(args.number_rows)?;
            let counts = args.args[1].to_array(args.number_rows)?;
            Ok(ColumnarValue::Array(divide(&sums, &counts)?))
        },
    );
    ScalarUDF::from(quotient).call(vec![sum, count])
}

fn divide(sums: &ArrayRef, counts: &ArrayRef) -> Result<ArrayRef> {
    let counts = counts.as_primitive::<Int64Type>().iter().map(|count| count.filter(|count| *count != 0));
    Ok(match sums.data_type() {
        DataType::Decimal128(precision, scale) => {
            let sums = sums.as_primitive::<Decimal128Type>();
            let quotients = sums.iter().zip(counts).map(|(sum, count)| Some(sum? / i128::from(count?)));
            Arc::new(quotients.collect::<Decimal128Array>().with_precision_and_scale(*precision, *scale)?)
        }
        _ => {
            let sums = cast(sums, &DataType::Float64)?;
            let sums = sums.as_primitive::<Float64Type>();
            let quotients = sums.iter().zip(counts).map(|(sum, count)| Some(sum? / count? as f64));
            Arc::new(quotients.collect::<Float64Array>())
        }
    })
}
