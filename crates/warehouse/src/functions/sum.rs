//! SUM with Redshift's result types: DECIMAL gives DECIMAL(38, scale), integers up to INTEGER give BIGINT, BIGINT gives
//! DECIMAL(38, 0). The adding is the engine's own, but for 64-bit integers that add up to a DECIMAL.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Decimal128Array};
use datafusion::arrow::datatypes::{DataType, Decimal128Type, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions_aggregate::sum::sum_udaf;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, EmitTo, GroupsAccumulator, ReversedUDAF, SetMonotonicity, Signature,
    TypeSignature, Volatility,
};
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::accumulate::NullState;
use datafusion_functions_aggregate_common::aggregate::groups_accumulator::nulls::filtered_null_mask;

const MOST_DIGITS: u8 = 38;

/// SUM as a query writes it. Once the types are known, that of integers becomes one of the others.
pub(crate) fn sum() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Sum { is_written: true, inner: sum_udaf() }))
}

/// SUM of integers that are no BIGINTs, as a BIGINT.
pub(crate) fn sum_of_integers() -> Arc<AggregateUDF> {
    Arc::new(AggregateUDF::from(Sum { is_written: false, inner: sum_udaf() }))
}

/// Whether a function is the SUM of a query.
pub(crate) fn is_sum(function: &AggregateUDF) -> bool {
    function.inner().downcast_ref::<Sum>().is_some_and(|sum| sum.is_written)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Sum {
    is_written: bool,
    inner: Arc<AggregateUDF>,
}

impl AggregateUDFImpl for Sum {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        match arguments {
            [DataType::Decimal128(_, scale)] => Ok(DataType::Decimal128(MOST_DIGITS, *scale)),
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

/// SUM of DECIMALs of this scale that are given as the integers that they are without their point; BIGINTs have scale 0.
pub(crate) fn sum_of_unscaled(scale: i8) -> Arc<AggregateUDF> {
    // The engine may add up sums: one of groups within groups.
    let sums = DataType::Decimal128(MOST_DIGITS, scale);
    let arguments = [DataType::Int64, sums].map(|argument| TypeSignature::Exact(vec![argument]));
    let signature = Signature::one_of(arguments.into(), Volatility::Immutable);
    Arc::new(AggregateUDF::from(SumOfUnscaled { scale, signature }))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SumOfUnscaled {
    scale: i8,
    signature: Signature,
}

impl AggregateUDFImpl for SumOfUnscaled {
    fn name(&self) -> &str {
        "sum"
    }

    fn signature(&self) -> &Signature {
        &self.signature
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
        Ok(Box::new(Totals { sums: Vec::new(), nulls: NullState::new(), scale: self.scale }))
    }
}

/// The sum of all rows. 2^63 sums of integers fit into 128 bits.
#[derive(Debug)]
struct Total {
    sum: Option<i128>,
    scale: i8,
}

impl Accumulator for Total {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let Some(values) = values[0].as_primitive_opt::<Int64Type>() else { return self.merge_batch(values) };
        if values.null_count() < values.len() {
            let sum: i128 = match values.null_count() {
                0 => values.values().iter().map(|value| i128::from(*value)).sum(),
                _ => values.iter().flatten().map(i128::from).sum(),
            };
            self.sum = Some(self.sum.unwrap_or(0) + sum);
        }
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
        for sum in states[0].as_primitive::<Decimal128Type>().iter().flatten() {
            self.sum = Some(self.sum.unwrap_or(0) + sum);
        }
        Ok(())
    }
}

/// The sum of each group.
struct Totals {
    sums: Vec<i128>,
    nulls: NullState,
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
        self.sums.resize(count, 0);
        let sums = self.sums.as_mut_slice();
        match values[0].as_primitive_opt::<Int64Type>() {
            Some(values) => {
                self.nulls.accumulate(groups, values, filter, count, |group, value| sums[group] += i128::from(value));
            }
            None => {
                let values = values[0].as_primitive::<Decimal128Type>();
                self.nulls.accumulate(groups, values, filter, count, |group, value| sums[group] += value);
            }
        }
        Ok(())
    }

    fn evaluate(&mut self, emit_to: EmitTo) -> Result<ArrayRef> {
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
