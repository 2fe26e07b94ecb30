//! SUM is made by the function for the type: of BIGINT and DECIMAL one that adds up exactly and gives a DECIMAL of 38 digits, of
//! shorter integers one that gives a BIGINT, of others the engine's.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::AnalyzerRule;

use super::named::rewrite_node;
use crate::functions::{cast_to, exact_sum, is_sum, sum_of_integers};
use crate::types::SqlType;

/// Runs when the engine has settled all types; it changes none.
#[derive(Debug)]
pub(super) struct RedshiftSums;

impl AnalyzerRule for RedshiftSums {
    fn name(&self) -> &str {
        "redshift_sums"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            if !matches!(plan, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)) {
                return Ok(Transformed::no(plan));
            }
            rewrite_node(plan, |expr, input| expr.transform_up(|expr| typed(expr, input)))
        })?;
        Ok(rewritten.data)
    }
}

/// The expression as the sum that the type of its argument calls for, if it is one.
fn typed(mut expr: Expr, input: &DFSchema) -> Result<Transformed<Expr>> {
    let is_changed = match &mut expr {
        Expr::AggregateFunction(call) if call.params.distinct => {
            add_up(&mut call.func, &mut call.params.args, input, false)?
        }
        Expr::AggregateFunction(call) => add_up(&mut call.func, &mut call.params.args, input, true)?,
        Expr::WindowFunction(call) => match &mut call.fun {
            WindowFunctionDefinition::AggregateUDF(function) => add_up(function, &mut call.params.args, input, false)?,
            WindowFunctionDefinition::WindowUDF(_) => false,
        },
        _ => false,
    };
    Ok(Transformed::new_transformed(expr, is_changed))
}

/// Makes of a call of SUM the one for its argument. Only `in_groups` can integers be added up to a DECIMAL; elsewhere they
/// become one before.
fn add_up(function: &mut Arc<AggregateUDF>, args: &mut [Expr], input: &DFSchema, in_groups: bool) -> Result<bool> {
    let (true, [argument]) = (is_sum(function), args) else { return Ok(false) };
    match argument.get_type(input)? {
        DataType::Int8 | DataType::Int16 | DataType::Int32 => {
            *function = sum_of_integers();
            *argument = cast_to(argument.clone(), SqlType::BigInt);
        }
        DataType::Int64 if in_groups => *function = exact_sum(0),
        DataType::Decimal128(_, scale) if in_groups => *function = exact_sum(scale),
        DataType::Int64 => *argument = cast_to(argument.clone(), SqlType::Decimal(19, 0)),
        _ => return Ok(false),
    }
    Ok(true)
}
