//! Adding, subtracting and multiplying integers, which is an error where the result does not fit; the engine's own wraps around.

use datafusion::arrow::array::{ArrayRef, Datum};
use datafusion::arrow::compute::kernels::numeric::{add, mul, sub};
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::error::ArrowError;
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::physical_expr_common::datum::apply;

use crate::error::{ErrorKind, SqlError};
use crate::types::SqlType;

/// The function that does `op` with two integers of one type; none if every result fits, or it is no arithmetic.
pub(crate) fn checked_operator(op: Operator) -> Option<ScalarUDF> {
    let (name, kernel): (_, Kernel) = match op {
        Operator::Plus => ("plus", add),
        Operator::Minus => ("minus", sub),
        Operator::Multiply => ("times", mul),
        _ => return None,
    };
    Some(ScalarUDF::from(Arithmetic { name, kernel, signature: Signature::any(2, Volatility::Immutable) }))
}

type Kernel = fn(&dyn Datum, &dyn Datum) -> Result<ArrayRef, ArrowError>;

#[derive(Debug, Clone)]
struct Arithmetic {
    name: &'static str,
    kernel: Kernel,
    signature: Signature,
}

impl PartialEq for Arithmetic {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Arithmetic {}

impl std::hash::Hash for Arithmetic {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Arithmetic {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(arguments[0].clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        apply(&args.args[0], &args.args[1], self.kernel).map_err(|error| match error {
            DataFusionError::ArrowError(error, _) if matches!(*error, ArrowError::ArithmeticOverflow(_)) => {
                let message = format!("{} out of range", SqlType::of_arrow(args.return_field.data_type()));
                SqlError::new(ErrorKind::NumericValueOutOfRange, message).into_engine()
            }
            error => error,
        })
    }
}
