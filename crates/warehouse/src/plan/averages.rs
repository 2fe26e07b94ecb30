//! AVG becomes a quotient of SUM and COUNT: that is how Redshift defines its result, and how a view can keep it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, Result};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::logical_plan::{Aggregate, Projection};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::AnalyzerRule;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

use crate::functions;

/// Runs when the engine has settled all types.
#[derive(Debug)]
pub(super) struct RedshiftAverages;

impl AnalyzerRule for RedshiftAverages {
    fn name(&self) -> &str {
        "redshift_averages"
    }

    fn analyze(&self, plan: LogicalPlan, config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let plan = plan.recompute_schema()?;
            match &plan {
                LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().any(|expr| average(expr).is_some()) => {
                    Ok(Transformed::yes(split(aggregate)?))
                }
                _ => Ok(Transformed::no(plan)),
            }
        })?;
        match rewritten.transformed {
            true => TypeCoercion::new().analyze(rewritten.data, config),
            false => Ok(rewritten.data),
        }
    }
}

/// The call of AVG that an aggregate expression is.
fn average(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::Alias(alias) => average(&alias.expr),
        Expr::AggregateFunction(call) if call.func.name() == "avg" => Some(call),
        _ => None,
    }
}

fn split(aggregate: &Aggregate) -> Result<LogicalPlan> {
    // Sets of groups are one expression, and several columns.
    let groups = aggregate.schema.fields().len() - aggregate.aggr_expr.len();
    let mut calls: Vec<Expr> = Vec::new();
    let mut place_of = |call: Expr| {
        let place = calls.iter().position(|other| *other == call).unwrap_or(calls.len());
        if place == calls.len() {
            calls.push(call);
        }
        groups + place
    };
    // Of each output column: its parts among the new aggregate's columns and, for an average, the type averaged.
    let mut parts = Vec::new();
    for expr in &aggregate.aggr_expr {
        match average(expr) {
            None => parts.push((place_of(expr.clone()), None)),
            Some(call) => {
                let mut params = call.params.clone();
                params.args = params.args.into_iter().map(|value| averaged(value, aggregate)).collect::<Result<_>>()?;
                let averaged = params.args[0].get_type(aggregate.input.schema())?;
                let with = |function| AggregateFunction { func: function, params: params.clone() };
                let sum = place_of(Expr::AggregateFunction(with(functions::sum())));
                let count = place_of(Expr::AggregateFunction(with(count_udaf())));
                parts.push((sum, Some((count, averaged))));
            }
        }
    }
    let inner = Aggregate::try_new(Arc::clone(&aggregate.input), aggregate.group_expr.clone(), calls)?;
    let column = |place: usize| Expr::Column(Column::from(inner.schema.qualified_field(place)));
    let values = (0..groups).map(column).chain(parts.into_iter().map(|(place, average)| match average {
        None => column(place),
        Some((count, averaged)) => quotient(column(place), column(count), &averaged),
    }));
    let named = values.zip(aggregate.schema.iter()).map(|(value, (qualifier, field))| match value {
        Expr::Column(ref column) if column.name == *field.name() && column.relation.as_ref() == qualifier => value,
        value => value.alias_qualified(qualifier.cloned(), field.name()),
    });
    let named = named.collect();
    Ok(LogicalPlan::Projection(Projection::try_new(named, Arc::new(LogicalPlan::Aggregate(inner)))?))
}

/// What is averaged: the engine has cast integers to floating-point numbers.
fn averaged(value: Expr, aggregate: &Aggregate) -> Result<Expr> {
    match value {
        Expr::Cast(cast) if cast.expr.get_type(aggregate.input.schema())?.is_integer() => Ok(*cast.expr),
        value => Ok(value),
    }
}

/// Redshift: the average of integers is a BIGINT, of DECIMAL a DECIMAL of the same scale; both cut off what is behind.
fn quotient(sum: Expr, count: Expr, averaged: &DataType) -> Expr {
    use crate::types::SqlType;
    let quotient = functions::average(sum, count);
    match averaged {
        averaged if averaged.is_integer() => functions::cast_to(quotient, SqlType::BigInt),
        DataType::Decimal128(precision, scale) => {
            functions::cast_to(quotient, SqlType::Decimal(if *precision < 19 { 19 } else { 38 }, *scale))
        }
        _ => quotient,
    }
}
