//! Several paths into one JSON text are taken in one pass.
//!
//! `json_extract_path_text(x, 'a')`, `json_extract_path_text(x, 'b')`, `payload.c.d` and `payload.e::int` of one plan node, where
//! two or more have the same text, become fields of one `json_paths(x)` in a projection below the node. A single path into a
//! column becomes one, too: the projection goes into the scan, which may have the path as a column of the file.

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result, ScalarValue};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, Operator, ScalarUDF};
use datafusion::optimizer::optimizer::ApplyOrder;
use datafusion::optimizer::{OptimizerConfig, OptimizerRule};

use super::named::rewrite_named;
use crate::functions::{EXTRACT_PATH_TEXT, Form, JsonPath, JsonPaths, PathField, SUPER_GET, Step, cast_target};

#[derive(Debug)]
pub(super) struct FuseJsonPaths;

impl OptimizerRule for FuseJsonPaths {
    fn name(&self) -> &str {
        "fuse_json_paths"
    }

    fn apply_order(&self) -> Option<ApplyOrder> {
        Some(ApplyOrder::TopDown)
    }

    fn supports_rewrite(&self) -> bool {
        true
    }

    fn rewrite(&self, plan: LogicalPlan, _config: &dyn OptimizerConfig) -> Result<Transformed<LogicalPlan>> {
        if !matches!(plan, LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_)) {
            return Ok(Transformed::no(plan));
        }
        let groups = groups_of(&plan)?;
        if groups.is_empty() {
            return Ok(Transformed::no(plan));
        }
        let input = plan.inputs()[0].clone();
        let columns = input.schema().columns().into_iter().map(Expr::Column);
        let fused = groups.iter().enumerate().map(|(place, group)| group.call(place));
        let below = LogicalPlanBuilder::from(input).project(columns.chain(fused))?.build()?;
        let names = NamePreserver::new(&plan);
        let mut fuse = |expr: Expr| expr.transform_down(|expr| replace(expr, &groups));
        let expressions = plan.expressions().into_iter().map(|expr| Ok(rewrite_named(expr, &names, &mut fuse)?.data));
        let expressions = expressions.collect::<Result<Vec<_>>>()?;
        Ok(Transformed::yes(plan.with_new_exprs(expressions, vec![below])?))
    }
}

/// Paths into one text.
struct Group {
    text: Expr,
    null_if_invalid: bool,
    paths: Vec<JsonPath>,
}

impl Group {
    fn alias(place: usize) -> String {
        format!("__json_paths_{place}")
    }

    fn call(&self, place: usize) -> Expr {
        let function = ScalarUDF::from(JsonPaths::new(self.paths.clone(), self.null_if_invalid));
        function.call(vec![self.text.clone()]).alias(Self::alias(place))
    }
}

/// The groups of paths in a node's expressions that are worth a projection.
fn groups_of(plan: &LogicalPlan) -> Result<Vec<Group>> {
    let mut groups: Vec<Group> = Vec::new();
    plan.apply_expressions(|expr| {
        expr.apply(|expr| {
            if is_guard(expr) {
                return Ok(TreeNodeRecursion::Jump);
            }
            let Some((text, path, null_if_invalid)) = path_of(expr) else { return Ok(TreeNodeRecursion::Continue) };
            let same = groups.iter_mut().find(|group| group.text == *text && group.null_if_invalid == null_if_invalid);
            match same {
                Some(group) if group.paths.contains(&path) => {}
                Some(group) => group.paths.push(path),
                None => groups.push(Group { text: text.clone(), null_if_invalid, paths: vec![path] }),
            }
            Ok(TreeNodeRecursion::Jump)
        })
    })?;
    groups.retain(|group| group.paths.len() > 1 || matches!(group.text, Expr::Column(_)));
    Ok(groups)
}

fn replace(expr: Expr, groups: &[Group]) -> Result<Transformed<Expr>> {
    let Some((text, path, null_if_invalid)) = path_of(&expr) else { return Ok(Transformed::no(expr)) };
    let group = groups.iter().position(|group| group.text == *text && group.null_if_invalid == null_if_invalid);
    let place = group.and_then(|group| Some((group, groups[group].paths.iter().position(|other| *other == path)?)));
    let Some((group, place)) = place else { return Ok(Transformed::no(expr)) };
    let fused = Expr::Column(Column::new_unqualified(Group::alias(group)));
    let value = ScalarUDF::from(PathField::new(place, path.form)).call(vec![fused]);
    Ok(Transformed::new(value, true, TreeNodeRecursion::Jump))
}

/// Whether an expression evaluates its parts for some rows only: a path in it may be taken where its text is no JSON, so it is
/// not taken for all rows.
fn is_guard(expr: &Expr) -> bool {
    match expr {
        Expr::Case(_) => true,
        Expr::BinaryExpr(binary) => matches!(binary.op, Operator::And | Operator::Or),
        Expr::ScalarFunction(call) => call.func.short_circuits(),
        Expr::AggregateFunction(call) => call.params.filter.is_some(),
        _ => false,
    }
}

/// The text, the path into it and how invalid text is treated, if `expr` takes a constant path.
fn path_of(expr: &Expr) -> Option<(&Expr, JsonPath, bool)> {
    let Expr::ScalarFunction(call) = expr else { return None };
    match call.name() {
        EXTRACT_PATH_TEXT => {
            let (text, rest) = call.args.split_first()?;
            let (keys, null_if_invalid) = match rest {
                [keys @ .., Expr::Literal(ScalarValue::Boolean(flag), _)] => (keys, *flag == Some(true)),
                keys => (keys, false),
            };
            let steps = keys.iter().map(constant_step).collect::<Option<Vec<_>>>()?;
            Some((text, JsonPath { steps, form: Form::Text }, null_if_invalid))
        }
        SUPER_GET => {
            let (mut text, mut steps) = (expr, Vec::new());
            while let Expr::ScalarFunction(call) = text
                && call.name() == SUPER_GET
            {
                steps.push(constant_step(&call.args[1])?);
                text = &call.args[0];
            }
            steps.reverse();
            Some((text, JsonPath { steps, form: Form::Json }, true))
        }
        _ => {
            let to = cast_target(&call.func)?;
            let (text, path, null_if_invalid) = path_of(call.args.first()?)?;
            // A cast of SUPER never fails; one of a text may, and is left where it is.
            (path.form == Form::Json).then_some((text, JsonPath { form: Form::of_cast(to), ..path }, null_if_invalid))
        }
    }
}

fn constant_step(expr: &Expr) -> Option<Step> {
    match expr {
        Expr::Literal(value, _) => Step::of(value),
        _ => None,
    }
}
