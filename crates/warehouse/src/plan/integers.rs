//! Numbers that are written out are INTEGERs in Redshift, if they fit. The engine takes them for BIGINTs.

use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::{BinaryExpr, Case};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, WindowFunctionDefinition, lit};
use datafusion::optimizer::AnalyzerRule;

use super::guards::is_arithmetic;
use super::named::rewrite_node;
use crate::functions::{BITWISE_NOT, CAST_AS, DIVIDE, NEGATIVE};

/// Makes INTEGERs of such numbers where the type of a result depends on theirs.
#[derive(Debug)]
pub(super) struct IntegerLiterals;

impl AnalyzerRule for IntegerLiterals {
    fn name(&self) -> &str {
        "integer_literals"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        // What such a query reads of itself has the types that it was planned with.
        let mut is_recursive = false;
        plan.apply_with_subqueries(|node| {
            is_recursive |= matches!(node, LogicalPlan::RecursiveQuery(_));
            Ok(if is_recursive { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
        })?;
        if is_recursive {
            return Ok(plan);
        }
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            let is_listed = matches!(plan, LogicalPlan::Projection(_));
            let rewritten = match plan {
                LogicalPlan::Values(_) => return Ok(Transformed::no(plan)),
                plan => rewrite_node(plan, |expr, schema| {
                    let mut expr = expr.transform_up(|expr| Ok(with_integers(expr, schema)))?;
                    expr.transformed |= is_listed && as_integer(listed(&mut expr.data));
                    Ok(expr)
                })?,
            };
            rewritten.map_data(LogicalPlan::recompute_schema)
        })?;
        Ok(rewritten.data)
    }
}

/// What a select list shows under a name.
fn listed(expr: &mut Expr) -> &mut Expr {
    match expr {
        Expr::Alias(alias) => listed(&mut alias.expr),
        expr => expr,
    }
}

/// An expression whose type is that of the numbers in it.
fn with_integers(mut expr: Expr, schema: &DFSchema) -> Transformed<Expr> {
    let is_changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right }) if is_arithmetic(*op) || is_of_bits(*op) => {
            let is_number =
                |side: &Expr| integer(side).is_some() || side.get_type(schema).is_ok_and(|kept| kept.is_numeric());
            let has_integer = integer(left).is_some() || integer(right).is_some();
            has_integer && is_number(left) && is_number(right) && all_as_integers([&mut **left, right])
        }
        Expr::Case(Case { when_then_expr, else_expr, .. }) => {
            let results = when_then_expr.iter_mut().map(|(_, result)| &mut **result);
            all_as_integers(results.chain(else_expr.iter_mut().map(|result| &mut **result)))
        }
        Expr::ScalarFunction(call) => match call.name() {
            "abs" | BITWISE_NOT | CAST_AS | "coalesce" | "fnv_hash" | "greatest" | "least" | "nullif" | NEGATIVE
            | DIVIDE => all_as_integers(&mut call.args),
            _ => false,
        },
        Expr::AggregateFunction(call) if is_of_numbers(call.func.name()) => all_as_integers(&mut call.params.args),
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) if is_of_numbers(function.name()) => {
                all_as_integers(&mut call.params.args)
            }
            _ => false,
        },
        _ => false,
    };
    Transformed::new_transformed(expr, is_changed)
}

fn is_of_bits(op: Operator) -> bool {
    use Operator::{BitwiseAnd, BitwiseOr, BitwiseShiftLeft, BitwiseShiftRight, BitwiseXor};
    matches!(op, BitwiseAnd | BitwiseOr | BitwiseXor | BitwiseShiftLeft | BitwiseShiftRight)
}

/// Whether the type of an aggregate's result depends on that of its argument.
fn is_of_numbers(aggregate: &str) -> bool {
    matches!(aggregate, "avg" | "max" | "min" | "sum")
}

fn all_as_integers<'e>(values: impl IntoIterator<Item = &'e mut Expr>) -> bool {
    // All of them, not up to the first.
    values.into_iter().filter_map(|value| as_integer(value).then_some(())).count() > 0
}

fn as_integer(value: &mut Expr) -> bool {
    match integer(value) {
        Some(number) => {
            *value = lit(number);
            true
        }
        None => false,
    }
}

/// The number that is written out, if it fits an INTEGER.
fn integer(value: &Expr) -> Option<i32> {
    match value {
        Expr::Literal(ScalarValue::Int64(Some(number)), _) => i32::try_from(*number).ok(),
        _ => None,
    }
}
