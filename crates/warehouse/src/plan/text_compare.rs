//! Comparing texts as Redshift does: by what is comparable of them (see [`Collation`]).
//!
//! A filter keeps a comparison of the plain column beside the exact one: scans know of it which files have no rows for it.

use datafusion::arrow::datatypes::Field;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Column, DFSchema, Result};
use datafusion::logical_expr::expr::{Between, BinaryExpr, Case, InList};
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, Operator, binary_expr, lit};
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
            let is_filter = matches!(plan, LogicalPlan::Filter(_));
            let is_sort = matches!(plan, LogicalPlan::Sort(_));
            let plan = rewrite_node(plan, |expr, schema| {
                let expr = expr.transform_up(|expr| rewrite(expr, schema, is_filter))?;
                match Texts::of([&expr.data], schema) {
                    Some(texts @ Texts(Collation::CaseInsensitive)) if is_sort => {
                        Ok(Transformed::yes(texts.key(expr.data)))
                    }
                    _ => Ok(expr),
                }
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
    /// Texts that are compared with one another; none if not all values are texts, or the keys are made already.
    fn of<'e>(values: impl IntoIterator<Item = &'e Expr>, schema: &DFSchema) -> Option<Self> {
        let mut collation = Collation::CaseSensitive;
        for value in values {
            let is_other = is_comparable(value)
                || matches!(value, Expr::BinaryExpr(BinaryExpr { op, .. }) if *op != Operator::StringConcat);
            if is_other || value.contains_outer() {
                return None;
            }
            let (_, field) = value.to_field(schema).ok()?;
            if !matches!(SqlType::of(&field), SqlType::Varchar(_) | SqlType::Char(_)) {
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

    /// `exact`, beside what it says of the plain column: that it is from `low` on and not behind `high`, blanks at its end aside.
    fn beside_bounds(self, exact: Expr, column: &Expr, low: Option<&Expr>, high: Option<&Expr>) -> Expr {
        if !matches!(column, Expr::Column(_)) || self.0 != Collation::CaseSensitive {
            return exact;
        }
        let bound = |bound: Option<&Expr>| bound.and_then(text_of).map(|text| text.trim_end_matches(' ').to_owned());
        let low = bound(low).map(|low| column.clone().gt_eq(lit(low)));
        // The character after the blank.
        let high = bound(high).map(|high| column.clone().lt(lit(high + "!")));
        [low, high].into_iter().flatten().fold(exact, Expr::and)
    }
}

/// The text that is written out.
fn text_of(value: &Expr) -> Option<&str> {
    match value {
        Expr::Literal(value, _) => value.try_as_str().flatten(),
        _ => None,
    }
}

fn rewrite(expr: Expr, schema: &DFSchema, is_filter: bool) -> Result<Transformed<Expr>> {
    Ok(match expr {
        Expr::BinaryExpr(BinaryExpr { left, op, right })
            if is_comparison(op) || matches!(op, Operator::IsDistinctFrom | Operator::IsNotDistinctFrom) =>
        {
            match Texts::of([&*left, &right], schema) {
                Some(texts) => Transformed::yes(compared(texts, *left, op, *right, is_filter)),
                None => Transformed::no(Expr::BinaryExpr(BinaryExpr { left, op, right })),
            }
        }
        Expr::Between(Between { expr: value, negated, low, high }) => match Texts::of([&*value, &low, &high], schema) {
            Some(texts) => {
                let [key, from, to] = [&value, &low, &high].map(|value| Box::new(texts.key((**value).clone())));
                let between = Expr::Between(Between::new(key, negated, from, to));
                let has_bounds = is_filter && !negated;
                Transformed::yes(match has_bounds {
                    true => texts.beside_bounds(between, &value, Some(&low), Some(&high)),
                    false => between,
                })
            }
            None => Transformed::no(Expr::Between(Between { expr: value, negated, low, high })),
        },
        Expr::InList(InList { expr: value, list, negated }) => {
            match Texts::of(std::iter::once(&*value).chain(&list), schema) {
                Some(texts) => Transformed::yes(in_list(texts, *value, list, negated, is_filter)),
                None => Transformed::no(Expr::InList(InList { expr: value, list, negated })),
            }
        }
        Expr::Case(Case { expr: Some(value), when_then_expr, else_expr }) => {
            let searched = when_then_expr.iter().map(|(searched, _)| &**searched);
            match Texts::of(std::iter::once(&*value).chain(searched), schema) {
                Some(texts) => {
                    let key = |value: Box<Expr>| Box::new(texts.key(*value));
                    let branches = when_then_expr.into_iter().map(|(searched, result)| (key(searched), result));
                    Transformed::yes(Expr::Case(Case::new(Some(key(value)), branches.collect(), else_expr)))
                }
                None => Transformed::no(Expr::Case(Case { expr: Some(value), when_then_expr, else_expr })),
            }
        }
        Expr::Like(mut like) if !like.case_insensitive => {
            let texts = Texts::of([&*like.expr, &like.pattern], schema);
            like.case_insensitive = matches!(texts, Some(Texts(Collation::CaseInsensitive)));
            Transformed::new_transformed(Expr::Like(like), texts.is_some())
        }
        Expr::InSubquery(query) => {
            let rows = query.subquery.subquery.schema();
            let column = Expr::Column(Column::from(rows.qualified_field(0)));
            match (Texts::of([&*query.expr], schema), Texts::of([&column], rows)) {
                (Some(texts), Some(others)) => {
                    let texts = texts.with(others);
                    Transformed::yes(in_keys(query, texts.key(column), |value| texts.key(value))?)
                }
                _ => Transformed::no(Expr::InSubquery(query)),
            }
        }
        other => Transformed::no(other),
    })
}

fn compared(texts: Texts, left: Expr, op: Operator, right: Expr, is_filter: bool) -> Expr {
    let exact = binary_expr(texts.key(left.clone()), op, texts.key(right.clone()));
    if !is_filter {
        return exact;
    }
    let (column, op, other) = match op.swap() {
        Some(swapped) if text_of(&left).is_some() => (right, swapped, left),
        _ => (left, op, right),
    };
    match op {
        Operator::Eq => texts.beside_bounds(exact, &column, Some(&other), Some(&other)),
        Operator::Gt | Operator::GtEq => texts.beside_bounds(exact, &column, Some(&other), None),
        Operator::Lt | Operator::LtEq => texts.beside_bounds(exact, &column, None, Some(&other)),
        _ => exact,
    }
}

fn in_list(texts: Texts, value: Expr, list: Vec<Expr>, negated: bool, is_filter: bool) -> Expr {
    let keys = list.iter().map(|item| texts.key(item.clone())).collect();
    let exact = Expr::InList(InList::new(Box::new(texts.key(value.clone())), keys, negated));
    if negated || !is_filter || list.iter().any(|item| text_of(item).is_none()) {
        return exact;
    }
    let key = |item: &&Expr| text_of(item).map(|text| texts.0.key(text).into_owned());
    texts.beside_bounds(exact, &value, list.iter().min_by_key(key), list.iter().max_by_key(key))
}

/// A join of columns that are named alike, by their keys.
fn join_by_keys(plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let LogicalPlan::Join(mut join) = plan else { return Ok(Transformed::no(plan)) };
    let (left, right) = (join.left.schema(), join.right.schema());
    for (one, other) in &mut join.on {
        if let (Some(texts), Some(others)) = (Texts::of([&*one], left), Texts::of([&*other], right)) {
            let texts = texts.with(others);
            (*one, *other) = (texts.key(std::mem::take(one)), texts.key(std::mem::take(other)));
        }
    }
    Ok(Transformed::yes(LogicalPlan::Join(join)))
}

/// Fails for what groups case-insensitive texts: which of those that are equal would stand for the group is not told.
fn check_groups(plan: &LogicalPlan) -> Result<()> {
    let input = plan.inputs().first().map(|input| input.schema());
    let grouped: Vec<&Expr> = match plan {
        LogicalPlan::Aggregate(aggregate) => aggregate.group_expr.iter().collect(),
        LogicalPlan::Window(window) => window.window_expr.iter().flat_map(partitions).collect(),
        _ => Vec::new(),
    };
    let is_insensitive = |field: &Field| Collation::of(field) == Collation::CaseInsensitive;
    let mut fields = grouped.iter().filter_map(|expr| Some(expr.to_field(input?).ok()?.1));
    let is_distinct = matches!(plan, LogicalPlan::Distinct(_));
    if fields.any(|field| is_insensitive(&field))
        || is_distinct && plan.schema().fields().iter().any(|field| is_insensitive(field))
    {
        let error =
            SqlError::unsupported("GROUP BY, PARTITION BY and DISTINCT of case-insensitive texts are not supported");
        return Err(error.with_hint("Group by LOWER of the text.").into_engine());
    }
    Ok(())
}

fn partitions(window: &Expr) -> &[Expr] {
    match window {
        Expr::Alias(alias) => partitions(&alias.expr),
        Expr::WindowFunction(window) => &window.params.partition_by,
        _ => &[],
    }
}
