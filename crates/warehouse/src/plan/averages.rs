//! AVG becomes a quotient of SUM and COUNT: that is how Redshift defines its result, and how a view can keep it.

use std::sync::Arc;

use datafusion::arrow::datatypes::DataType;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{Column, DFSchema, Result, plan_datafusion_err};
use datafusion::functions_aggregate::count::count_udaf;
use datafusion::logical_expr::logical_plan::{Aggregate, Projection, Window};
use datafusion::logical_expr::{AggregateUDF, Expr, ExprSchemable, LogicalPlan, WindowFunctionDefinition};
use datafusion::optimizer::AnalyzerRule;

use crate::functions;
use crate::types::SqlType;

/// Runs when the engine has settled all types; it changes none.
#[derive(Debug)]
pub(super) struct RedshiftAverages;

impl AnalyzerRule for RedshiftAverages {
    fn name(&self) -> &str {
        "redshift_averages"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let plan = plan.recompute_schema()?;
            match &plan {
                LogicalPlan::Aggregate(aggregate) if aggregate.aggr_expr.iter().any(is_average) => {
                    let split = Split::of(&aggregate.aggr_expr, aggregate.input.schema())?;
                    let groups = aggregate.group_expr.clone();
                    let sums = Aggregate::try_new(Arc::clone(&aggregate.input), groups, split.calls.clone())?;
                    Ok(Transformed::yes(split.quotients(LogicalPlan::Aggregate(sums), &aggregate.schema)?))
                }
                LogicalPlan::Window(window) if window.window_expr.iter().any(is_average) => {
                    let split = Split::of(&window.window_expr, window.input.schema())?;
                    let sums = Window::try_new(split.calls.clone(), Arc::clone(&window.input))?;
                    Ok(Transformed::yes(split.quotients(LogicalPlan::Window(sums), &window.schema)?))
                }
                _ => Ok(Transformed::no(plan)),
            }
        })?;
        Ok(rewritten.data)
    }
}

/// The call of AVG that an expression is.
fn average(expr: &Expr) -> Option<&Expr> {
    let is_avg = match expr {
        Expr::Alias(alias) => return average(&alias.expr),
        Expr::AggregateFunction(call) => call.func.name() == "avg",
        Expr::WindowFunction(call) => call.fun.name() == "avg",
        _ => false,
    };
    is_avg.then_some(expr)
}

fn is_average(expr: &Expr) -> bool {
    average(expr).is_some()
}

/// Calls of aggregates with those of SUM and COUNT in the place of AVG.
#[derive(Default)]
struct Split {
    calls: Vec<Expr>,
    /// What each of the original calls is made of.
    parts: Vec<Made>,
}

/// Places among the new calls.
enum Made {
    Same(usize),
    Quotient { sum: usize, count: usize, averaged: DataType },
}

impl Split {
    fn of(calls: &[Expr], input: &DFSchema) -> Result<Self> {
        let mut split = Self::default();
        for expr in calls {
            let made = match average(expr) {
                None => Made::Same(split.place_of(expr.clone())),
                Some(call) => {
                    let averaged = argument(call)?.get_type(input)?;
                    let sum = split.place_of(with(call, functions::sum()));
                    let count = split.place_of(with(call, count_udaf()));
                    Made::Quotient { sum, count, averaged }
                }
            };
            split.parts.push(made);
        }
        Ok(split)
    }

    fn place_of(&mut self, call: Expr) -> usize {
        let known = self.calls.iter().position(|other| *other == call);
        known.unwrap_or_else(|| {
            self.calls.push(call);
            self.calls.len() - 1
        })
    }

    /// What the plan with the original calls gave, from the one with the new calls.
    fn quotients(self, sums: LogicalPlan, schema: &DFSchema) -> Result<LogicalPlan> {
        // Sets of groups are one expression, and several columns.
        let others = schema.fields().len() - self.parts.len();
        let column = |place: usize| Expr::Column(Column::from(sums.schema().qualified_field(place)));
        let values = (0..others).map(column).chain(self.parts.into_iter().map(|made| match made {
            Made::Same(call) => column(others + call),
            Made::Quotient { sum, count, averaged } => {
                quotient(column(others + sum), column(others + count), &averaged)
            }
        }));
        let named = values.zip(schema.iter()).map(|(value, (qualifier, field))| match value {
            Expr::Column(ref column) if column.name == *field.name() && column.relation.as_ref() == qualifier => value,
            value => value.alias_qualified(qualifier.cloned(), field.name()),
        });
        let named = named.collect();
        Ok(LogicalPlan::Projection(Projection::try_new(named, Arc::new(sums))?))
    }
}

/// The call with another function.
fn with(call: &Expr, function: Arc<AggregateUDF>) -> Expr {
    let mut call = call.clone();
    match &mut call {
        Expr::AggregateFunction(call) => call.func = function,
        Expr::WindowFunction(call) => call.fun = WindowFunctionDefinition::AggregateUDF(function),
        _ => {}
    }
    call
}

/// What a call averages.
fn argument(call: &Expr) -> Result<&Expr> {
    let arguments = match call {
        Expr::AggregateFunction(call) => call.params.args.as_slice(),
        Expr::WindowFunction(call) => call.params.args.as_slice(),
        _ => &[],
    };
    arguments.first().ok_or_else(|| plan_datafusion_err!("AVG takes one argument"))
}

/// Redshift: the average of integers is a BIGINT, of DECIMAL a DECIMAL of the same scale; both cut off what is behind.
fn quotient(sum: Expr, count: Expr, averaged: &DataType) -> Expr {
    match averaged {
        averaged if averaged.is_integer() => {
            let sum = functions::cast_to(sum, SqlType::Decimal(38, 0));
            functions::cast_to(functions::average(sum, count), SqlType::BigInt)
        }
        DataType::Decimal128(precision, scale) => {
            let precision = if *precision < 19 { 19 } else { 38 };
            functions::cast_to(functions::average(sum, count), SqlType::Decimal(precision, *scale))
        }
        _ => functions::average(sum, count),
    }
}
