//! Values of several types where one is wanted: what Redshift makes of them, where the engine makes something else.
//!
//! Of a float and a DECIMAL the engine makes a DECIMAL that many floats do not fit into, of a DATE and a TIMESTAMP a count of
//! nanoseconds, which ends in the year 2262.

use std::sync::Arc;

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList};
use datafusion::logical_expr::logical_plan::Union;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, cast};
use datafusion::optimizer::AnalyzerRule;

use super::guards::is_arithmetic;
use super::named::rewrite_node;
use super::super_compare::is_comparison;
use crate::functions::{cast_to, interval_length};
use crate::types::{SqlType, common_type};

/// `value` as a value of the common type, if it is one of those that are converted to it. By the engine's own cast, which it sees
/// through where it looks at what files hold.
pub(super) fn converted(value: Expr, from: SqlType, common: SqlType) -> Expr {
    match from {
        SqlType::Decimal(..) | SqlType::Real | SqlType::Date if from != common => cast(value, common.arrow()),
        _ => value,
    }
}

/// Gives values that are compared, computed with or chosen from their common type.
#[derive(Debug)]
pub(super) struct CommonTypes;

impl AnalyzerRule for CommonTypes {
    fn name(&self) -> &str {
        "common_types"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let plan = match plan {
                LogicalPlan::Union(union) => of_widest(union)?,
                plan => plan,
            };
            let rewritten = rewrite_node(plan, |expr, schema| expr.transform_up(|expr| Ok(unified(expr, schema))))?;
            // Below it, something may have changed its type.
            rewritten.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(rewritten.data)
    }
}

/// A union whose texts, or bytes, have the length of the longest. The engine takes that of the last query.
fn of_widest(union: Union) -> Result<LogicalPlan> {
    let column = |input: &LogicalPlan, place: usize| SqlType::of(input.schema().field(place));
    let types = (0..union.schema.fields().len()).map(|place| {
        let told = union.inputs.iter().filter(|input| !input.schema().field(place).data_type().is_null());
        widest(told.map(|input| column(input, place)))
    });
    let types: Vec<Option<SqlType>> = types.collect();
    let with_types = |input: &Arc<LogicalPlan>| {
        let is_null = |place: usize| input.schema().field(place).data_type().is_null();
        let is_changed =
            |place: usize| types[place].is_some_and(|wanted| is_null(place) || wanted != column(input, place));
        if !(0..types.len()).any(is_changed) {
            return Ok(Arc::clone(input));
        }
        let columns = input.schema().iter().zip(&types).enumerate().map(|(place, (field, wanted))| {
            let value = Expr::Column(Column::from(field));
            match wanted {
                Some(wanted) if is_changed(place) => cast_to(value, *wanted).alias(field.1.name()),
                _ => value,
            }
        });
        Ok(Arc::new(LogicalPlanBuilder::from(Arc::clone(input)).project(columns.collect::<Vec<_>>())?.build()?))
    };
    let inputs = union.inputs.iter().map(with_types).collect::<Result<Vec<_>>>()?;
    // One above it looks at what this one has become.
    Ok(LogicalPlan::Union(Union::try_new_with_loose_types(inputs)?))
}

/// The type of texts, or of bytes, into which each of these fits; none for others.
fn widest(types: impl Iterator<Item = SqlType>) -> Option<SqlType> {
    types.map(Some).reduce(|one, other| match (one?, other?) {
        (SqlType::Char(one), SqlType::Char(other)) => Some(SqlType::Char(one.max(other))),
        (SqlType::Varbyte(one), SqlType::Varbyte(other)) => Some(SqlType::Varbyte(one.max(other))),
        (SqlType::Char(one) | SqlType::Varchar(one), SqlType::Char(other) | SqlType::Varchar(other)) => {
            Some(SqlType::Varchar(one.max(other)))
        }
        _ => None,
    })?
}

fn unified(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_comparison(*op) || is_arithmetic(*op) => {
            unify([&mut **left, right], schema)
        }
        Expr::Between(Between { expr, low, high, .. }) => {
            unify([&mut **expr, low, high], schema) || by_length([&mut **expr, low, high], schema)
        }
        Expr::InList(InList { expr, list, .. }) => {
            let mut values: Vec<&mut Expr> = std::iter::once(&mut **expr).chain(list).collect();
            unify(values.iter_mut().map(|value| &mut **value), schema) || by_length(values, schema)
        }
        Expr::Case(Case { expr, when_then_expr, else_expr }) => {
            let results = when_then_expr.iter_mut().map(|(_, result)| &mut **result);
            let is_result_changed = unify(results.chain(else_expr.iter_mut().map(|result| &mut **result)), schema);
            let compared = expr.iter_mut().map(|value| &mut **value);
            let is_simple = compared.len() > 0;
            let searched = when_then_expr.iter_mut().map(|(when, _)| &mut **when).filter(|_| is_simple);
            unify(compared.chain(searched), schema) || is_result_changed
        }
        Expr::ScalarFunction(call) if matches!(call.name(), "greatest" | "least") => unify(&mut call.args, schema),
        _ => false,
    };
    Transformed::new_transformed(expr, is_changed)
}

fn unify<'e>(values: impl IntoIterator<Item = &'e mut Expr>, schema: &DFSchema) -> bool {
    let values = with_types(values, schema);
    let Some(common) = common_type(values.iter().map(|(sql_type, _)| *sql_type)) else { return read_flags(values) };
    for (from, value) in values {
        *value = converted(std::mem::take(value), from, common);
    }
    true
}

/// Reads the texts that are written out beside BOOLEANs as such.
fn read_flags(values: Vec<(SqlType, &mut Expr)>) -> bool {
    let is_among_flags = values.iter().any(|(sql_type, _)| *sql_type == SqlType::Boolean);
    for (_, value) in values.into_iter().filter(|_| is_among_flags) {
        *value = read_flag(std::mem::take(value));
    }
    is_among_flags
}

/// A text that is written out as a BOOLEAN.
pub(super) fn read_flag(value: Expr) -> Expr {
    match &value {
        Expr::Literal(text, _) if text.data_type().is_string() => cast_to(value, SqlType::Boolean),
        _ => value,
    }
}

/// Has intervals compared by their lengths.
fn by_length<'e>(values: impl IntoIterator<Item = &'e mut Expr>, schema: &DFSchema) -> bool {
    let values = with_types(values, schema);
    if !values.iter().all(|(sql_type, _)| *sql_type == SqlType::Interval) {
        return false;
    }
    for (_, value) in values {
        *value = interval_length(std::mem::take(value));
    }
    true
}

fn with_types<'e>(values: impl IntoIterator<Item = &'e mut Expr>, schema: &DFSchema) -> Vec<(SqlType, &'e mut Expr)> {
    let typed = values.into_iter().filter_map(|value| {
        let kept = value.get_type(schema).ok()?;
        Some((SqlType::of_arrow(&kept), value))
    });
    typed.collect()
}
