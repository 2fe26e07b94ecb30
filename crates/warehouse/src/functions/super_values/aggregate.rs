//! SUM, AVG, MIN and MAX of SUPER values, which give SUPER. Sums leave out what is not a number.

use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::datatypes::{DataType, FieldRef, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility};

use super::key::key;
use super::number::{Number, compute};
use crate::error::SqlError;
use crate::types::SqlType;

/// The aggregate that takes the place of `name` for SUPER values; none if that takes them itself.
pub(crate) fn super_aggregate(name: &str) -> Option<Arc<AggregateUDF>> {
    let (name, what) = match name {
        "sum" => ("super_sum", What::Sum),
        "avg" => ("super_avg", What::Average),
        "min" => ("super_min", What::Least),
        "max" => ("super_max", What::Greatest),
        _ => return None,
    };
    let signature = Signature::exact(vec![DataType::Utf8View], Volatility::Immutable);
    Some(Arc::new(AggregateUDF::from(SuperAggregate { name, what, signature })))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum What {
    Sum,
    Average,
    Least,
    Greatest,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct SuperAggregate {
    name: &'static str,
    what: What,
    signature: Signature,
}

impl AggregateUDFImpl for SuperAggregate {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(SqlType::Super.arrow())
    }

    fn return_field(&self, _arguments: &[FieldRef]) -> Result<FieldRef> {
        Ok(SqlType::Super.field_ref(self.name))
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct && matches!(self.what, What::Sum | What::Average) {
            return Err(
                SqlError::unsupported("SUM(DISTINCT) and AVG(DISTINCT) of SUPER are not supported").into_engine()
            );
        }
        Ok(Box::new(State { what: self.what, value: None, count: 0 }))
    }

    fn state_fields(&self, _args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        Ok(vec![SqlType::Super.field_ref("value"), SqlType::BigInt.field_ref("count")])
    }
}

#[derive(Debug)]
struct State {
    what: What,
    /// The sum, or the value so far.
    value: Option<String>,
    /// How many values it is made of.
    count: i64,
}

impl State {
    fn add(&mut self, value: &str, count: i64) -> Result<()> {
        let is_sum = matches!(self.what, What::Sum | What::Average);
        if value == "null" || is_sum && Number::parse(value).is_none() {
            return Ok(());
        }
        self.count += count;
        self.value = Some(match self.value.take() {
            None => value.to_owned(),
            Some(so_far) if is_sum => compute(&so_far, "+", value)?.unwrap_or(so_far),
            Some(so_far) => match (self.what, key(value) < key(&so_far)) {
                (What::Least, true) | (What::Greatest, false) => value.to_owned(),
                _ => so_far,
            },
        });
        Ok(())
    }
}

impl Accumulator for State {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        values[0].as_string_view().iter().flatten().try_for_each(|value| self.add(value, 1))
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let value = match (&self.value, self.what) {
            (Some(sum), What::Average) => compute(sum, "/", &self.count.to_string())?,
            (value, _) => value.clone(),
        };
        Ok(ScalarValue::Utf8View(value))
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.value.as_ref().map_or(0, String::capacity)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        Ok(vec![ScalarValue::Utf8View(self.value.clone()), ScalarValue::Int64(Some(self.count))])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let (values, counts) = (states[0].as_string_view(), states[1].as_primitive::<Int64Type>());
        (0..values.len())
            .filter(|row| values.is_valid(*row))
            .try_for_each(|row| self.add(values.value(row), counts.value(row)))
    }
}
