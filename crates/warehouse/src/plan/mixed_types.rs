//! Values of several types where one is wanted: what Redshift makes of them, where the engine makes something else.
//!
//! Of a float and a DECIMAL the engine makes a DECIMAL that many floats do not fit into, of a DATE and a TIMESTAMP a count of
//! nanoseconds, which ends in the year 2262.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Between, Case, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;

use super::named::rewrite_named;
use crate::functions::cast_to;
use crate::types::{SqlType, common_type};

/// `value` as a value of the common type, if it is one of those that are converted to it.
pub(super) fn converted(value: Expr, from: SqlType, common: SqlType) -> Expr {
    match from {
        SqlType::Decimal(..) | SqlType::Real | SqlType::Date if from != common => cast_to(value, common),
        _ => value,
    }
}

/// Gives values in BETWEEN, IN and CASE their common type, and those of GREATEST and LEAST.
#[derive(Debug)]
pub(super) struct CommonTypes;

impl AnalyzerRule for CommonTypes {
    fn name(&self) -> &str {
        "common_types"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let (names, schema) = (NamePreserver::new(&plan), merge_schema(&plan.inputs()));
            let mut unify = |expr: Expr| expr.transform_up(|expr| Ok(unified(expr, &schema)));
            let rewritten = plan.map_expressions(|expr| rewrite_named(expr, &names, &mut unify))?;
            match rewritten.transformed {
                true => rewritten.map_data(LogicalPlan::recompute_schema),
                false => Ok(rewritten),
            }
        })?;
        Ok(rewritten.data)
    }
}

fn unified(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_changed = match &mut expr {
        Expr::Between(Between { expr, low, high, .. }) => unify([&mut **expr, low, high], schema),
        Expr::InList(InList { expr, list, .. }) => unify(std::iter::once(&mut **expr).chain(list), schema),
        Expr::Case(Case { when_then_expr, else_expr, .. }) => {
            let results = when_then_expr.iter_mut().map(|(_, result)| &mut **result);
            unify(results.chain(else_expr.iter_mut().map(|result| &mut **result)), schema)
        }
        Expr::ScalarFunction(call) if matches!(call.name(), "greatest" | "least") => unify(&mut call.args, schema),
        _ => false,
    };
    Transformed::new_transformed(expr, is_changed)
}

fn unify<'e>(values: impl IntoIterator<Item = &'e mut Expr>, schema: &DFSchema) -> bool {
    let values = values.into_iter().filter_map(|value| {
        let kept = value.get_type(schema).ok()?;
        Some((SqlType::of_arrow(&kept), value))
    });
    let values: Vec<(SqlType, &mut Expr)> = values.collect();
    let Some(common) = common_type(values.iter().map(|(sql_type, _)| *sql_type)) else { return false };
    for (from, value) in values {
        *value = converted(std::mem::take(value), from, common);
    }
    true
}
