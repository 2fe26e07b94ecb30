//! Comparing texts as Redshift does: by what is comparable of them (see [`Collation`]).

use datafusion::arrow::datatypes::Field;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList, InSubquery};
use datafusion::logical_expr::{Expr, ExprSchemable, JoinConstraint, LogicalPlan, Operator, lit};
use datafusion::optimizer::AnalyzerRule;

use super::named::rewrite_node;
use super::super_compare::{in_keys, is_comparison};
use crate::error::SqlError;
use crate::functions::{Collation, comparable, is_comparable};
use crate::types::SqlType;

#[derive(Debug)]
pub(super) struct CompareTexts;

impl AnalyzerRule for CompareTexts {
    fn name(&self) -> &str {
        "compare_texts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let rewritten = plan.transform_up_with_subqueries(|plan| {
            check_groups(&plan)?;
            let is_sort = matches!(plan, LogicalPlan::Sort(_));
            let plan = rewrite_node(plan, |expr, schema| {
                let expr = expr.transform_up(|expr| rewrite(expr, schema))?;
                if is_sort && let Some(texts @ Texts(Collation::CaseInsensitive)) = Texts::of([&expr.data], schema) {
                    return Ok(Transformed::yes(texts.key(expr.data)));
                }
                Ok(expr)
            })?;
            plan.transform_data(join_by_keys)
        })?;
        Ok(rewritten.data)
    }
}

/// Texts, and the collation in which they are compared.
#[derive(Debug, Clone, Copy)]
struct Texts(Collation);

impl Texts {
    /// Texts that are compared with one another; none if not all values are texts, or the keys are made already. Columns of a query
    /// around are left as they are: the engine joins by them as long as they are plain.
    fn of<'e>(values: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Option<Self> {
        let mut collation = Collation::CaseSensitive;
        for value in values {
            // The field of a long chain of operators would have a long name.
            let is_no_text = matches!(value, Expr::BinaryExpr(BinaryExpr { op, .. }) if *op != Operator::StringConcat);
            if is_no_text || is_comparable(value) || value.contains_outer() {
                return None;
            }
            let (_, field) = value.to_field(schema).ok()?;
            if !(field.data_type().is_string() && matches!(SqlType::of(&field), SqlType::Varchar(_) | SqlType::Char(_)))
            {
                return None;
            }
            if Collation::of(&field) == Collation::CaseInsensitive {
                collation = Collation::CaseInsensitive;
            }
        }
        Some(Self(collation))
    }

    /// What a value is compared by.
    fn key(self, value: Expr) -> Expr {
        match text_of(&value) {
            Some(text) => lit(self.0.key(text).into_owned()),
            None => comparable(value, self.0),
        }
    }

    /// Both of them, compared with one another.
    fn with(self, other: Self) -> Self {
        if self.0 == Collation::CaseSensitive { other } else { self }
    }
}

/// The text that is written out.
fn text_of(value: &Expr) -> Option<&str> {
    match value {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

fn rewrite(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let mut expr = match expr {
        Expr::InSubquery(query) => return in_subquery(query, schema),
        expr => expr,
    };
    let is_changed = match &mut expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_comparison(*op) || matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) =>
        {
            compare([&mut **left, right], schema)
        }
        Expr::Between(Between { expr, low, high, .. }) => compare([&mut **expr, low, high], schema),
        Expr::InList(InList { expr, list, .. }) => compare(std::iter::once(&mut **expr).chain(list), schema),
        Expr::Case(Case { expr: Some(value), when_then_expr, .. }) => {
            let searched = when_then_expr.iter_mut().map(|(searched, _)| &mut **searched);
            compare(std::iter::once(&mut **value).chain(searched), schema)
        }
        Expr::Like(like) if !like.case_insensitive => {
            let texts = Texts::of([&*like.expr, &like.pattern], schema);
            like.case_insensitive = matches!(texts, Some(Texts(Collation::CaseInsensitive)));
            like.case_insensitive
        }
        _ => false,
    };
    Ok(Transformed::new_transformed(expr, is_changed))
}

/// Has values compared by their keys, if all are texts.
fn compare<'e>(values: impl IntoIterator<Item = &'e mut Expr>, schema: &DFSchema) -> bool {
    let values: Vec<&mut Expr> = values.into_iter().collect();
    let Some(texts) = Texts::of(values.iter().map(|value| &**value), schema) else { return false };
    values.into_iter().for_each(|value| *value = texts.key(std::mem::take(value)));
    true
}

fn in_subquery(query: InSubquery, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let rows = query.subquery.subquery.schema();
    let column = Expr::Column(Column::from(rows.qualified_field(0)));
    match (Texts::of([&*query.expr], schema), Texts::of([&column], rows)) {
        (Some(texts), Some(others)) => {
            let texts = texts.with(others);
            Ok(Transformed::yes(in_keys(query, texts.key(column), |value| texts.key(value))?))
        }
        _ => Ok(Transformed::no(Expr::InSubquery(query))),
    }
}

/// A join of columns that are named alike, by their keys.
fn join_by_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
    let (left, right) = (join.left.schema(), join.right.schema());
    for (one, other) in &mut join.on {
        if let (Some(texts), Some(others)) = (Texts::of([&*one], left), Texts::of([&*other], right)) {
            let texts = texts.with(others);
            (*one, *other) = (texts.key(std::mem::take(one)), texts.key(std::mem::take(other)));
            // Of columns only, the engine takes it for one of names.
            join.join_constraint = JoinConstraint::On;
        }
    }
    Ok(Transformed::yes(LogicalPlan::Join(join)))
}

/// Fails for what groups or orders case-insensitive texts: which of those that are equal would stand for all is not told.
fn check_groups(plan: &LogicalPlan) -> Result<()> {
    let input = plan.inputs().first().map(|input| input.schema());
    let grouped: Vec<&Expr> = match plan {
        LogicalPlan::Aggregate(aggregate) => {
            aggregate.group_expr.iter().chain(aggregate.aggr_expr.iter().flat_map(compared_in)).collect()
        }
        LogicalPlan::Window(window) => window.window_expr.iter().flat_map(compared_in).collect(),
        _ => Vec::new(),
    };
    let is_insensitive = |field: &Field| Collation::of(field) == Collation::CaseInsensitive;
    let mut fields = grouped.iter().filter_map(|expr| Some(expr.to_field(input?).ok()?.1));
    let mut distinct = plan.schema().fields().iter().filter(|_| matches!(plan, LogicalPlan::Distinct(_)));
    if fields.any(|field| is_insensitive(&field)) || distinct.any(|field| is_insensitive(field)) {
        let message = "case-insensitive texts cannot be grouped, and are ordered by ORDER BY only";
        return Err(SqlError::unsupported(message).with_hint("Use LOWER of the text.").into_engine());
    }
    Ok(())
}

/// What an aggregate or a window compares with one another.
fn compared_in(call: &Expr) -> Vec<&Expr> {
    match call {
        Expr::Alias(alias) => compared_in(&alias.expr),
        Expr::AggregateFunction(call) if call.params.distinct || matches!(call.func.name(), "max" | "min") => {
            call.params.args.iter().collect()
        }
        Expr::WindowFunction(window) => {
            let ordered = window.params.order_by.iter().map(|sort| &sort.expr);
            window.params.partition_by.iter().chain(ordered).collect()
        }
        _ => Vec::new(),
    }
}
