//! Grouping by a DECIMAL of few digits becomes grouping by a 64-bit integer, which is hashed and compared in half the time.

use datafusion::arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::logical_expr::logical_plan::{Aggregate, Projection};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use crate::functions::{UNSCALED_DIGITS, scaled, unscaled};

#[derive(Debug)]
pub(in crate::plan) struct NarrowGroups;

impl OptimizerRule for NarrowGroups {
    fn name(&self) -> &str {
        "narrow_groups"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::BottomUp)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        // With several columns the engine groups by rows of bytes, whatever their types.
        let LogicalPlan::Aggregate(aggregate) = &plan else { return Ok(Transformed::no(plan)) };
        let [group] = aggregate.group_expr.as_slice() else { return Ok(Transformed::no(plan)) };
        match group {
            Expr::GroupingSet(_) => Ok(Transformed::no(plan)),
            group => match group.get_type(aggregate.input.schema())? {
                DataType::Decimal128(precision, scale) if precision <= UNSCALED_DIGITS => {
                    Ok(Transformed::yes(narrow(aggregate, group, precision, scale)?))
                }
                _ => Ok(Transformed::no(plan)),
            },
        }
    }
}

fn narrow(aggregate: &Aggregate, group: &Expr, precision: u8, scale: i8) -> Result<LogicalPlan> {
    let integer = unscaled(group.clone().unalias());
    let narrow = Aggregate::try_new(aggregate.input.clone(), vec![integer], aggregate.aggr_expr.clone())?;
    let narrow = LogicalPlan::Aggregate(narrow);
    let columns = narrow.schema().iter().zip(aggregate.schema.iter()).enumerate().map(|(place, (new, old))| {
        let value = Expr::Column(Column::from(new));
        match place {
            0 => scaled(value, precision, scale).alias_qualified(old.0.cloned(), old.1.name()),
            _ => value,
        }
    });
    let columns = columns.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(columns, narrow.into())?))
}
