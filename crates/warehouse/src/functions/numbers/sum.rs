//! SUM with Redshift's result types: DECIMAL gives DECIMAL(38, scale), integers up to INTEGER give BIGINT, BIGINT gives
//! DECIMAL(38, 0). What becomes a DECIMAL is added up here; the rest is the engine's own.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue, internal_err};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::udaf_default_return_field;
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
    Volatility,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::NullState;
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::nulls::filtered_null_mask;

use crate::functions::casts::cast::overflow;
use crate::functions::function::no_match;
use crate::types::SqlType;

const MOST_DIGITS: u8 = 38;

/// SUM as a query writes it. It tells what it gives; that of integers is made by one of the others.
pub(crate) fn sum() -> Arc<AggregateUDF> {
    let signature = Signature::user_defined(Volatility::Immutable);
    Arc::new(AggregateUDF::from(Sum { is_written: true, signature, inner: sum_udaf() }))
}

/// SUM of 64-bit integers as a BIGINT, which that of shorter ones is.
pub(crate) fn sum_of_integers() -> Arc<AggregateUDF> {
    let signature = Signature::exact(vec![DataType::Int64], Volatility::Immutable);
    Arc::new(AggregateUDF::from(Sum { is_written: false, signature, inner: sum_udaf() }))
}

/// Whether a function is the SUM of a query.
pub(crate) fn is_sum(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<Sum>().is_some_and(|sum| sum.is_written)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    is_written: bool,
    signature: Signature,
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        let [argument] = arguments else { return no_match("sum", arguments) };
        Ok(vec![match argument {
            kept if kept.is_signed_integer() || kept.is_decimal() || kept.is_temporal() => kept.clone(),
            integer if integer.is_integer() || integer.is_null() => DataType::Int64,
            float if float.is_floating() => DataType::Float64,
            text if text.is_string() => DataType::Utf8View,
            _ => return no_match("sum", arguments),
        }])
    }

    fn return_field(&self, arguments: &[FieldRef]) -> Result<FieldRef> {
        match of_super(self.name(), arguments)? {
            Some(field) => Ok(field),
            None => udaf_default_return_field(self, arguments),
        }
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Decimal128(_, scale)] => Ok(DataType::Decimal128(MOST_DIGITS, *scale)),
            [DataType::Int64] if self.is_written => Ok(DataType::Decimal128(MOST_DIGITS, 0)),
            [integer] if integer.is_integer() => Ok(DataType::Int64),
            arguments => self.inner.return_type(arguments),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        ReversedUDAF::Identical
    }

    fn set_monotonicity(&self, data_type: &DataType) -> SetMonotonicity {
        self.inner.inner().set_monotonicity(data_type)
    }
}

/// What an aggregate of numbers gives for SUPER, until [`super_aggregate`](crate::functions::super_aggregate) takes its place. Fails for other texts.
pub(crate) fn of_super(name: &str, arguments: &[FieldRef]) -> Result<Option<FieldRef>> {
    let types: Vec<DataType> = arguments.iter().map(|field| field.data_type().clone()).collect();
    match arguments.first() {
        Some(field) if SqlType::of(field) == SqlType::Super => Ok(Some(SqlType::Super.field_ref(name))),
        Some(field) if field.data_type().is_string() => no_match(name, &types),
        _ => Ok(None),
    }
}

/// SUM of BIGINTs, or of DECIMALs of this scale. DECIMALs may be given as the integers that they are without their point.
pub(crate) fn exact_sum(scale: i8) -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(ExactSum { scale, signature: Signature::user_defined(Volatility::Immutable) }))
}

/// Whether a function is [`exact_sum`].
pub(crate) fn is_exact_sum(function: &AggregateUDF) -> bool {
    function.inner().is::<ExactSum>()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ExactSum {
    scale: i8,
    signature: Signature,
}

impl AggregateUDFImpl for ExactSum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        Ok(arguments.to_vec())
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Decimal128(MOST_DIGITS, self.scale))
    }

    fn accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(Total { sum: None, scale: self.scale }))
    }

    fn groups_accumulator_supported(&self, _args: AccumulatorArgs<'_>) -> bool {
        true
    }

    fn create_groups_accumulator(&self, _args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        Ok(Box::new(Totals { sums: Vec::new(), nulls: NullState::new(), overflows: false, scale: self.scale }))
    }
}

/// Fails for DECIMALs of another scale, which the plan would have promised as this one.
fn check_scale(values: &ArrayRef, scale: i8) -> Result<()> {
    match values.data_type() {
        DataType::Decimal128(_, other) if *other != scale => {
            internal_err!("values of scale {other} are added up as of scale {scale}")
        }
        _ => Ok(()),
    }
}

/// Whether a sum has too many digits.
fn is_too_large(sum: i128) -> bool {
    sum.unsigned_abs() >= 10_u128.pow(u32::from(MOST_DIGITS))
}

/// The sum of all rows.
#[derive(Debug)]
struct Total {
    sum: Option<i128>,
    scale: i8,
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values[0].as_primitive_opt::<Int64Type>() else { return self.merge_batch(values) };
        // So many integers as there may be rows fit into 128 bits.
        let sum: i128 = match values.null_count() {
            0 => values.values().iter().map(|value| i128::from(*value)).sum(),
            nulls if nulls == values.len() => return Ok(()),
            _ => values.iter().flatten().map(i128::from).sum(),
        };
        self.sum = Some(self.sum.unwrap_or(0) + sum);
        Ok(())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(ScalarValue::Decimal128(self.sum, MOST_DIGITS, self.scale))
    }

    fn size(&self) -> usize {
        size_of::<Self>()
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![self.evaluate()?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        check_scale(&states[0], self.scale)?;
        for value in states[0].as_primitive::<Decimal128Type>().iter().flatten() {
            let sum = self.sum.unwrap_or(0).checked_add(value).filter(|sum| !is_too_large(*sum));
            self.sum = Some(sum.ok_or_else(|| overflow().into_engine())?);
        }
        Ok(())
    }
}

/// The sum of each group.
struct Totals {
    sums: Vec<i128>,
    nulls: NullState,
    /// Whether a sum has become too large for 128 bits.
    overflows: bool,
    scale: i8,
}

impl GroupsAccumulator for Totals {
    fn update_batch(
        &mut self,
        values: &[ArrayRef],
        groups: &[usize],
        filter: Option<&BooleanArray>,
        count: usize,
    ) -> Result<()> {
        check_scale(&values[0], self.scale)?;
        self.sums.resize(count, 0);
        let (sums, overflows) = (self.sums.as_mut_slice(), &mut self.overflows);
        match values[0].as_primitive_opt::<Int64Type>() {
            Some(values) => {
                self.nulls.accumulate(groups, values, filter, count, |group, value| sums[group] += i128::from(value));
            }
            None => {
                let values = values[0].as_primitive::<Decimal128Type>();
                self.nulls.accumulate(groups, values, filter, count, |group, value| {
                    let (sum, overflowing) = sums[group].overflowing_add(value);
                    sums[group] = sum;
                    *overflows |= overflowing;
                });
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
        if self.overflows || self.sums.iter().any(|sum| is_too_large(*sum)) {
            return Err(overflow().into_engine());
        }
        let sums = emit_to.take_needed(&mut self.sums);
        let sums = Decimal128Array::new(sums.into(), self.nulls.build(emit_to));
        Ok(Arc::new(sums.with_precision_and_scale(MOST_DIGITS, self.scale)?))
    }

    fn state(&mut self, emit_to: EmitTo) -> Result<Vec<ArrayRef>> {
        Ok(vec![self.evaluate(emit_to)?])
    }

    fn merge_batch(&mut self, states: &[ArrayRef], groups: &[usize], count: usize) -> Result<()> {
        self.update_batch(states, groups, None, count)
    }

    fn convert_to_state(&self, values: &[ArrayRef], filter: Option<&BooleanArray>) -> Result<Vec<ArrayRef>> {
        let nulls = filtered_null_mask(filter, &values[0]);
        let sums = match values[0].as_primitive_opt::<Int64Type>() {
            Some(values) => values.values().iter().map(|value| i128::from(*value)).collect(),
            None => values[0].as_primitive::<Decimal128Type>().values().clone(),
        };
        let sums = Decimal128Array::new(sums, nulls);
        Ok(vec![Arc::new(sums.with_precision_and_scale(MOST_DIGITS, self.scale)?)])
    }

    fn size(&self) -> usize {
        self.sums.capacity() * size_of::<i128>() + self.nulls.size()
    }
}
