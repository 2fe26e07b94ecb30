//! DECIMALs of few digits are grouped and added up as 64-bit integers, in half the time. The projection that makes integers of
//! them goes into the scan, and files have them as integers.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::logical_plan::{Aggregate, Projection};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::functions::{UNSCALED_DIGITS, is_exact_sum, scaled, unscaled};

#[derive(Debug)]
pub(in crate::plan) struct NarrowDecimals;

impl OptimizerRule for NarrowDecimals {
    fn name(&self) -> &str {
        "narrow_decimals"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        Ok(narrow(aggregate)?.map_or_else(|| Transformed::no(plan), Transformed::yes))
    }
}

/// The same as `aggregate`, over integers; none if it has no use for them.
fn narrow(aggregate: &Aggregate) -> Result<Option<LogicalPlan>> {
    let mut integers = Integers { of: aggregate, decimals: Vec::new() };
    let (key, groups) = match aggregate.group_expr.as_slice() {
        [group] if !matches!(group, Expr::GroupingSet(_)) => {
            let key = integers.decimal_type(group)?;
            (key, vec![if key.is_some() { integers.integer(group) } else { group.clone() }])
        }
        // With several columns the engine groups by rows of bytes, whatever their types.
        groups => (None, groups.to_vec()),
    };
    let calls = aggregate.aggr_expr.iter().map(|call| Ok(integers.call(call)?.unwrap_or_else(|| call.clone())));
    let calls = calls.collect::<Result<Vec<_>>>()?;
    if integers.decimals.is_empty() {
        return Ok(None);
    }
    let narrow = Aggregate::try_new(integers.plan()?.into(), groups, calls)?;
    let columns =
        narrow.schema.iter().zip(aggregate.schema.iter()).enumerate().map(|(place, (new, (qualifier, old)))| {
            let value = Expr::Column(Column::from(new));
            match (place, key) {
                (0, Some((precision, scale))) => {
                    scaled(value, precision, scale).alias_qualified(qualifier.cloned(), old.name())
                }
                _ if new.1.name() == old.name() && new.0 == qualifier => value,
                _ => value.alias_qualified(qualifier.cloned(), old.name()),
            }
        });
    let columns = columns.collect();
    let narrow = LogicalPlan::Aggregate(narrow);
    Ok(Some(LogicalPlan::Projection(Projection::try_new(columns, narrow.into())?)))
}

fn is_count(call: &AggregateFunction) -> bool {
    call.func.name() == "count" && !call.params.distinct
}

/// The DECIMALs that an aggregate wants as integers.
struct Integers<'a> {
    of: &'a Aggregate,
    decimals: Vec<Expr>,
}

impl Integers<'_> {
    /// Precision and scale of a DECIMAL that fits into an integer.
    fn decimal_type(&self, expr: &Expr) -> Result<Option<(u8, i8)>> {
        Ok(match expr.get_type(self.of.input.schema())? {
            DataType::Decimal128(precision, scale) if precision <= UNSCALED_DIGITS => Some((precision, scale)),
            _ => None,
        })
    }

    /// The column that will hold the integers of a DECIMAL.
    fn integer(&mut self, decimal: &Expr) -> Expr {
        let decimal = decimal.clone().unalias();
        let known = self.decimals.iter().position(|known| *known == decimal);
        let place = known.unwrap_or(self.decimals.len());
        if known.is_none() {
            self.decimals.push(decimal);
        }
        Expr::Column(Column::new_unqualified(Self::name(place)))
    }

    fn name(place: usize) -> String {
        format!("__unscaled_{place}")
    }

    /// The sum or the count of a column of such DECIMALs as one of integers; none for any other call.
    fn call(&mut self, call: &Expr) -> Result<Option<Expr>> {
        match call {
            Expr::Alias(alias) => self.call(&alias.expr),
            Expr::AggregateFunction(call) if is_exact_sum(&call.func) || is_count(call) => {
                let [column @ Expr::Column(_)] = call.params.args.as_slice() else { return Ok(None) };
                if self.decimal_type(column)?.is_none() {
                    return Ok(None);
                }
                let mut of_integers = call.clone();
                of_integers.params.args = vec![self.integer(column)];
                Ok(Some(Expr::AggregateFunction(of_integers)))
            }
            _ => Ok(None),
        }
    }

    /// The aggregate's input with the integers.
    fn plan(self) -> Result<LogicalPlan> {
        let columns = self.of.input.schema().columns().into_iter().map(Expr::Column);
        let integers = self.decimals.into_iter().enumerate();
        let integers = integers.map(|(place, decimal)| unscaled(decimal).alias(Self::name(place)));
        LogicalPlanBuilder::from(self.of.input.clone()).project(columns.chain(integers))?.build()
    }
}
