//! Comparing and ordering SUPER values by what they are, not by their texts; and what is one of several values, of which some
//! are SUPER, is SUPER.
//!
//! Redshift: `=` of values of different types is false, `<` and its like are NULL; numbers are compared as numbers.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, InSubquery, ScalarFunction};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Operator, WindowFunctionDefinition, binary_expr, lit, when,
};
use datafusion::optimizer::AnalyzerRule;

use super::guards::is_arithmetic;
use super::named::rewrite_named;
use super::super_arithmetic::{arithmetic, negative};
use crate::error::SqlError;
use crate::functions::{
    DIVIDE, KNOWN_SUPER, NEGATIVE, cast_to, json_typeof, known_super, super_aggregate, super_key, super_key_text,
    takes_super,
};
use crate::types::{MAX_VARCHAR, SqlType};

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

pub(super) fn as_super(value: &Expr, sql_type: SqlType) -> Expr {
    match sql_type {
        SqlType::Super => value.clone(),
        _ => cast_to(value.clone(), SqlType::Super),
    }
}

pub(super) fn type_of(expr: &Expr, schema: &DFSchema) -> Option<SqlType> {
    match expr {
        // Never SUPER, and the field of a long one would have a long name.
        Expr::BinaryExpr(_) => Some(SqlType::of_arrow(&expr.get_type(schema).ok()?)),
        _ => Some(SqlType::of(&expr.to_field(schema).ok()?.1)),
    }
}

fn is_super(expr: &Expr, schema: &DFSchema) -> bool {
    type_of(expr, schema) == Some(SqlType::Super)
}

/// What [`compare`] does, for what must be comparable.
fn equal(left: &Expr, right: &Expr, schema: &DFSchema) -> Result<Expr> {
    Ok(compare(left, Operator::Eq, right, schema)?.unwrap_or_else(|| left.clone().eq(right.clone())))
}

/// The key of a value that is compared with SUPER values.
fn key(value: &Expr, schema: &DFSchema) -> Expr {
    super_key(as_super(value, type_of(value, schema).unwrap_or(SqlType::Super)))
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
            let (names, is_sort) = (NamePreserver::new(&plan), matches!(plan, LogicalPlan::Sort(_)));
            let rewritten = plan.map_expressions(|expr| {
                let expr = rewrite_named(expr, &names, &mut |expr| expr.transform_up(|expr| rewrite(expr, &schema)))?;
                Ok(match is_sort && is_super(&expr.data, &schema) {
                    true => Transformed::yes(super_key(expr.data)),
                    false => expr,
                })
            })?;
            // Whoever reads it sees what was found to be SUPER.
            rewritten.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(rewritten.data)
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_super = |expr: &Expr| is_super(expr, schema);
    Ok(Transformed::yes(match expr {
        // Of what has turned out to be SUPER only now.
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_of_super(op) && (is_super(&left) || is_super(&right)) =>
        {
            operation(*left, op, *right, schema)?
        }
        Expr::ScalarFunction(mut call) if call.name() == NEGATIVE && call.args.len() == 1 => {
            let value = call.args.swap_remove(0);
            if is_super(&value) { negative(&value) } else { Expr::Negative(Box::new(value)) }
        }
        Expr::InList(InList { expr: value, list, negated }) if is_super(&value) || list.iter().any(is_super) => {
            let equals = list.iter().map(|item| equal(&value, item, schema)).collect::<Result<Vec<_>>>()?;
            let is_in = equals.into_iter().reduce(Expr::or).unwrap_or_else(|| lit(false));
            if negated { !is_in } else { is_in }
        }
        Expr::InSubquery(query) => return in_subquery(query, schema),
        Expr::Between(Between { expr: value, negated, low, high })
            if is_super(&value) || is_super(&low) || is_super(&high) =>
        {
            let is_between = operation((*value).clone(), Operator::GtEq, *low, schema)?.and(operation(
                *value,
                Operator::LtEq,
                *high,
                schema,
            )?);
            if negated { !is_between } else { is_between }
        }
        Expr::Like(mut like) if is_super(&like.expr) || is_super(&like.pattern) => {
            (*like.expr, *like.pattern) = (as_text(*like.expr, schema), as_text(*like.pattern, schema));
            Expr::Like(like)
        }
        Expr::Case(Case { expr: Some(value), when_then_expr, else_expr })
            if is_super(&value) || when_then_expr.iter().any(|(when, _)| is_super(when)) =>
        {
            let branches =
                when_then_expr.into_iter().map(|(when, then)| Ok((Box::new(equal(&value, &when, schema)?), then)));
            let case = Case::new(None, branches.collect::<Result<_>>()?, else_expr);
            rewrite(Expr::Case(case), schema)?.data
        }
        Expr::Case(Case { expr, mut when_then_expr, mut else_expr })
            if when_then_expr.iter().any(|(_, then)| is_super(then))
                || else_expr.iter().any(|value| is_super(value)) =>
        {
            let values = when_then_expr.iter_mut().map(|(_, then)| then).chain(&mut else_expr);
            values.for_each(|value| into_super(value, schema));
            known_super(Expr::Case(Case { expr, when_then_expr, else_expr }))
        }
        Expr::ScalarFunction(call) if call.args.iter().any(is_super) => return of_super(call, schema),
        Expr::WindowFunction(mut window) => {
            if window.params.args.first().is_some_and(is_super)
                && let Some(aggregate) = super_aggregate(window.fun.name())
            {
                window.fun = WindowFunctionDefinition::AggregateUDF(aggregate);
            }
            for sort in window.params.order_by.iter_mut().filter(|sort| is_super(&sort.expr)) {
                sort.expr = super_key_text(sort.expr.clone());
            }
            Expr::WindowFunction(window)
        }
        Expr::AggregateFunction(mut call) if call.params.args.first().is_some_and(is_super) => {
            if let Some(aggregate) = super_aggregate(call.func.name()) {
                call.func = aggregate;
            }
            Expr::AggregateFunction(call)
        }
        other => return Ok(Transformed::no(other)),
    }))
}

/// Whether an operator does something else with SUPER.
fn is_of_super(op: Operator) -> bool {
    use Operator::{IsDistinctFrom, IsNotDistinctFrom, StringConcat};
    is_comparison(op) || is_arithmetic(op) || matches!(op, IsDistinctFrom | IsNotDistinctFrom | StringConcat)
}

/// `left op right`, one of which is SUPER.
fn operation(left: Expr, op: Operator, right: Expr, schema: &DFSchema) -> Result<Expr> {
    let planned = match op {
        Operator::StringConcat => return Ok(binary_expr(as_text(left, schema), op, as_text(right, schema))),
        Operator::IsDistinctFrom | Operator::IsNotDistinctFrom => {
            return Ok(binary_expr(key(&left, schema), op, key(&right, schema)));
        }
        op if is_arithmetic(op) => arithmetic(&left, op, &right, schema),
        op => compare(&left, op, &right, schema)?,
    };
    Ok(planned.unwrap_or_else(|| binary_expr(left, op, right)))
}

/// IN with a query, by keys if one side is SUPER.
fn in_subquery(query: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let rows = &query.subquery.subquery;
    let column = Expr::Column(Column::from(rows.schema().qualified_field(0)));
    if !is_super(&query.expr, schema) && !is_super(&column, rows.schema()) {
        return Ok(Transformed::no(Expr::InSubquery(query)));
    }
    let rows_key = key(&column, rows.schema());
    Ok(Transformed::yes(in_keys(query, rows_key, |value| key(&value, schema))?))
}

/// IN with a query, by keys: `rows_key` is that of the query's column.
pub(super) fn in_keys(query: InSubquery, rows_key: Expr, value_key: impl FnOnce(Expr) -> Expr) -> Result<Expr> {
    let rows = LogicalPlanBuilder::from((*query.subquery.subquery).clone()).project(vec![rows_key])?.build()?;
    let (value, rows) = (value_key(*query.expr), query.subquery.with_plan(Arc::new(rows)));
    Ok(Expr::InSubquery(InSubquery::new(Box::new(value), rows, query.negated)))
}

pub(super) fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq)
}

/// A call of a function with SUPER values among its arguments. The engine's own take texts: they get what a string says, not its JSON.
fn of_super(mut call: ScalarFunction, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let is_known = |value: &Expr| matches!(value, Expr::ScalarFunction(call) if call.name() == KNOWN_SUPER);
    let name = call.name().to_owned();
    Ok(Transformed::yes(match (name.as_str(), call.args.as_mut_slice()) {
        (DIVIDE, [left, right]) => match arithmetic(left, Operator::Divide, right, schema) {
            Some(quotient) => quotient,
            None => return Ok(Transformed::no(Expr::ScalarFunction(call))),
        },
        (KNOWN_SUPER, [value]) if is_known(value) => call.args.swap_remove(0),
        ("coalesce", values) => {
            values.iter_mut().for_each(|value| into_super(value, schema));
            Expr::ScalarFunction(call)
        }
        // The engine would compare them as texts.
        (name @ ("greatest" | "least"), _) => {
            let error = SqlError::unsupported(format!("function {name}(super) is not supported"));
            return Err(error.with_hint("Cast the values to a number or a text first.").into_engine());
        }
        _ if takes_super(&call.func) => return Ok(Transformed::no(Expr::ScalarFunction(call))),
        (_, values) => {
            values.iter_mut().for_each(|value| *value = as_text(std::mem::take(value), schema));
            Expr::ScalarFunction(call)
        }
    }))
}

/// What a SUPER value says, without the quotes of a string; any other value as it is.
fn as_text(value: Expr, schema: &DFSchema) -> Expr {
    match is_super(&value, schema) {
        true => cast_to(value, SqlType::Varchar(MAX_VARCHAR)),
        false => value,
    }
}

/// Casts what is not SUPER yet.
fn into_super(value: &mut Expr, schema: &DFSchema) {
    if !is_super(value, schema) {
        *value = cast_to(value.clone(), SqlType::Super);
    }
}
