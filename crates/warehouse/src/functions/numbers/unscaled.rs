//! DECIMAL of few digits as the 64-bit integer that it is without its point, and back.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, Decimal64Type, Decimal128Type, FieldRef, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::functions::function::map_first;
use crate::types::SqlType;

/// Digits of a DECIMAL that fits into 64 bits.
pub(crate) const UNSCALED_DIGITS: u8 = 18;

/// The integer of a DECIMAL of up to [`UNSCALED_DIGITS`] digits.
pub(crate) fn unscaled(decimal: Expr) -> Expr {
    ScalarUDF::from(Unscaled::new(SqlType::BigInt)).call(vec![decimal])
}

/// Whether a function gives the integer of a DECIMAL. It takes those of 64 bits, too.
pub(crate) fn is_unscaled(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<Unscaled>().is_some_and(|unscaled| unscaled.to == SqlType::BigInt)
}

/// The DECIMAL of such an integer.
pub(crate) fn scaled(integer: Expr, precision: u8, scale: i8) -> Expr {
    ScalarUDF::from(Unscaled::new(SqlType::Decimal(precision, scale))).call(vec![integer])
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Unscaled {
    /// BIGINT or a DECIMAL.
    to: SqlType,
    signature: Signature,
}

impl Unscaled {
    fn new(to: SqlType) -> Self {
        Self { to, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for Unscaled {
    fn name(&self) -> &str {
        match self.to {
            SqlType::BigInt => "unscaled",
            _ => "scaled",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.to.arrow())
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(self.to.field(self.name()).with_nullable(args.arg_fields[0].is_nullable())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        map_first(&args, |values| -> Result<ArrayRef> {
            Ok(match (&self.to, values.data_type()) {
                (SqlType::Decimal(precision, scale), _) => {
                    let decimals = values.as_primitive::<Int64Type>().unary::<_, Decimal128Type>(i128::from);
                    Arc::new(decimals.with_precision_and_scale(*precision, *scale)?)
                }
                (_, DataType::Decimal64(..)) => {
                    Arc::new(values.as_primitive::<Decimal64Type>().reinterpret_cast::<Int64Type>())
                }
                // So few digits fit.
                _ => Arc::new(values.as_primitive::<Decimal128Type>().unary::<_, Int64Type>(|value| value as i64)),
            })
        })
    }
}
