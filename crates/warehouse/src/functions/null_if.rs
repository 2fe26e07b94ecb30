//! NULLIF. Its value is computed once, and keeps its type.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, Scalar};
use datafusion::arrow::compute::kernels::cmp::eq;
use datafusion::arrow::compute::kernels::numeric::add;
use datafusion::arrow::compute::nullif;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

use super::casts::cast::{cast, convert};
use super::dates::arithmetic::interval_lengths;
use super::function::{Function, no_match};
use super::super_values::key::keys;
use super::texts::comparable::Collation;
use crate::types::{MAX_VARBYTE, SqlType, common_type};

pub(super) fn null_if() -> Function {
    let function = Function::new(
        "nullif",
        |types| if types.len() == 2 { Ok(types.to_vec()) } else { no_match("nullif", types) },
        |args| Ok(Arc::new(args.arg_fields[0].as_ref().clone().with_nullable(true))),
        run,
    );
    function.of_super().by_type()
}

fn run(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let (value_field, other_field) = (&args.arg_fields[0], &args.arg_fields[1]);
    // NULL is equal to nothing.
    if value_field.data_type().is_null() || other_field.data_type().is_null() {
        return Ok(args.args[0].clone());
    }
    let keys = |given: &ColumnarValue, field, other| match given {
        ColumnarValue::Array(values) => comparable(values, field, other),
        ColumnarValue::Scalar(value) => comparable(&value.to_array()?, field, other),
    };
    let (left, right) =
        (keys(&args.args[0], value_field, other_field)?, keys(&args.args[1], other_field, value_field)?);
    let is_other = match (&args.args[0], &args.args[1]) {
        (ColumnarValue::Array(_), ColumnarValue::Scalar(_)) => eq(&left, &Scalar::new(right))?,
        (ColumnarValue::Scalar(_), ColumnarValue::Array(_)) => eq(&Scalar::new(left), &right)?,
        _ => eq(&left, &right)?,
    };
    let nulled = nullif(&args.args[0].to_array(is_other.len())?, &is_other)?;
    Ok(match args.args.iter().all(|argument| matches!(argument, ColumnarValue::Scalar(_))) {
        true => ColumnarValue::Scalar(ScalarValue::try_from_array(&nulled, 0)?),
        false => ColumnarValue::Array(nulled),
    })
}

/// The type as which a text is read that is compared with values of another: it is not cut, nor rounded.
fn whole(sql_type: SqlType) -> SqlType {
    match sql_type {
        SqlType::Varbyte(_) => SqlType::Varbyte(MAX_VARBYTE),
        SqlType::Decimal(..) => SqlType::Decimal(38, 18),
        other => other,
    }
}

fn zero(data_type: &DataType) -> Result<Scalar<ArrayRef>> {
    ScalarValue::new_zero(data_type)?.to_scalar()
}

/// What values are compared by with those of the other field.
fn comparable(values: &ArrayRef, field: &FieldRef, other_field: &FieldRef) -> Result<ArrayRef> {
    let (own, other) = (SqlType::of(field), SqlType::of(other_field));
    let (is_text, is_other_text) = (field.data_type().is_string(), other_field.data_type().is_string());
    match (own, other) {
        (SqlType::Super, _) | (_, SqlType::Super) => keys(&cast(values, own, SqlType::Super)?),
        _ if is_text && is_other_text => {
            let collations = [field, other_field].map(|field| Collation::of(field));
            let collation = collations.into_iter().max().unwrap_or(Collation::CaseSensitive);
            Ok(collation.keys(&convert(values, &SqlType::Name.arrow())?))
        }
        _ if is_text => cast(values, own, whole(other)),
        _ if is_other_text => cast(values, own, whole(own)),
        (SqlType::Interval, SqlType::Interval) => Ok(interval_lengths(values)),
        _ => {
            let common = common_type([own, other]).map(SqlType::arrow);
            match common.or_else(|| comparison_coercion(field.data_type(), other_field.data_type())) {
                // Zero is zero, whatever its sign.
                Some(common) if common.is_floating() => Ok(add(&convert(values, &common)?, &zero(&common)?)?),
                Some(common) => convert(values, &common),
                None => no_match("nullif", &[field.data_type().clone(), other_field.data_type().clone()]),
            }
        }
    }
}
