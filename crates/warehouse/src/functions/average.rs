//! The quotient of a sum and a count, which AVG is.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, Decimal128Array, Float64Array};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Decimal128Type, Float64Type, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarUDF};

use super::Function;
use crate::types::SqlType;

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
