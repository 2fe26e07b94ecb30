//! Comparing and ordering SUPER values by what they are, not by their texts.
//!
//! Redshift: `=` of values of different types is false, `<` and its like are NULL; numbers are compared as numbers.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::expr::{Between, Case, InList};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, when};
use datafusion::optimizer::AnalyzerRule;

use super::named::rewrite_named;
use crate::error::SqlError;
use crate::functions::{cast_to, json_typeof, super_key};
use crate::types::SqlType;

/// `left op right` where one of them is SUPER; none where neither is.
pub(super) fn compare(left: &Expr, op: Operator, right: &Expr, schema: &DFSchema) -> Result<Option<Expr>> {
    let (Some(left_type), Some(right_type)) = (type_of(left, schema), type_of(right, schema)) else { return Ok(None) };
    Ok(match (left_type, right_type) {
        (SqlType::Super, other) if is_moment(other) => {
            Some(binary_expr(cast_to(left.clone(), other), op, right.clone()))
        }
        (other, SqlType::Super) if is_moment(other) => {
            Some(binary_expr(left.clone(), op, cast_to(right.clone(), other)))
        }
        (SqlType::Super, _) | (_, SqlType::Super) => {
            let (left, right) = (as_super(left, left_type), as_super(right, right_type));
            let keys = binary_expr(super_key(left.clone()), op, super_key(right.clone()));
            match op {
                Operator::Eq | Operator::NotEq => Some(keys),
                _ => Some(when(json_typeof(left).eq(json_typeof(right)), keys).end()?),
            }
        }
        _ => None,
    })
}

/// SUPER has no values of these types: its strings are read as such.
fn is_moment(sql_type: SqlType) -> bool {
    matches!(sql_type, SqlType::Date | SqlType::Time | SqlType::Timestamp | SqlType::TimestampTz)
}

fn as_super(value: &Expr, sql_type: SqlType) -> Expr {
    match sql_type {
        SqlType::Super => value.clone(),
        _ => cast_to(value.clone(), SqlType::Super),
    }
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Option<SqlType> {
    let (_, field) = expr.to_field(schema).ok()?;
    Some(SqlType::of(&field))
}

fn is_super(expr: &Expr, schema: &DFSchema) -> bool {
    type_of(expr, schema) == Some(SqlType::Super)
}

/// Comparisons that are not binary operators, and ORDER BY.
#[derive(Debug)]
pub(super) struct CompareSuper;

impl AnalyzerRule for CompareSuper {
    fn name(&self) -> &str {
        "compare_super"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let schema = merge_schema(&plan.inputs());
            if !schema.fields().iter().any(|field| SqlType::of(field) == SqlType::Super) {
                return Ok(Transformed::no(plan));
            }
            let (names, is_sort) = (NamePreserver::new(&plan), matches!(plan, LogicalPlan::Sort(_)));
            plan.map_expressions(|expr| match is_sort && is_super(&expr, &schema) {
                true => Ok(Transformed::yes(super_key(expr))),
                false => rewrite_named(expr, &names, &mut |expr| expr.transform_up(|expr| rewrite(expr, &schema))),
            })
        })?;
        rewritten.data.recompute_schema()
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    match &expr {
        Expr::InList(InList { expr: value, list, negated }) if is_super(value, schema) => {
            let key = |item: &Expr| type_of(item, schema).map(|sql_type| super_key(as_super(item, sql_type)));
            let Some(list) = list.iter().map(key).collect() else { return Ok(Transformed::no(expr)) };
            Ok(Transformed::yes(Expr::InList(InList::new(Box::new(super_key((**value).clone())), list, *negated))))
        }
        Expr::Between(Between { expr: value, negated, low, high }) if is_super(value, schema) => {
            let above = compare(value, Operator::GtEq, low, schema)?;
            let below = compare(value, Operator::LtEq, high, schema)?;
            let (Some(above), Some(below)) = (above, below) else { return Ok(Transformed::no(expr)) };
            let between = above.and(below);
            Ok(Transformed::yes(if *negated { !between } else { between }))
        }
        Expr::Like(like) if is_super(&like.expr, schema) => {
            let mut like = like.clone();
            *like.expr = cast_to(*like.expr, SqlType::Varchar(crate::types::MAX_VARCHAR));
            Ok(Transformed::yes(Expr::Like(like)))
        }
        Expr::Case(Case { expr: Some(value), when_then_expr, else_expr }) if is_super(value, schema) => {
            let branches = when_then_expr.iter().map(|(when, then)| {
                let equal = compare(value, Operator::Eq, when, schema)?
                    .unwrap_or_else(|| (**value).clone().eq((**when).clone()));
                Ok((Box::new(equal), then.clone()))
            });
            Ok(Transformed::yes(Expr::Case(Case::new(None, branches.collect::<Result<_>>()?, else_expr.clone()))))
        }
        Expr::WindowFunction(window) if window.params.order_by.iter().any(|sort| is_super(&sort.expr, schema)) => {
            let mut window = window.clone();
            for sort in window.params.order_by.iter_mut().filter(|sort| is_super(&sort.expr, schema)) {
                sort.expr = super_key(sort.expr.clone());
            }
            Ok(Transformed::yes(Expr::WindowFunction(window)))
        }
        Expr::AggregateFunction(call) if matches!(call.func.name(), "min" | "max" | "sum" | "avg") => {
            match call.params.args.first().is_some_and(|value| is_super(value, schema)) {
                true => Err(SqlError::unsupported(format!("function {}(super) is not supported", call.func.name()))
                    .with_hint("Cast the value to a number or a text first.")
                    .into_engine()),
                false => Ok(Transformed::no(expr)),
            }
        }
        _ => Ok(Transformed::no(expr)),
    }
}
