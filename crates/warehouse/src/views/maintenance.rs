//! How a view is kept up to date from new rows alone: its query in two parts.
//!
//! The first makes rows to store from rows of what the view reads; it runs over new rows only. If the query groups, what
//! is stored are *partial aggregates*, and the second part makes the view's rows of them: it adds up sums and counts, takes
//! the least of minima, and applies HAVING and what the query computes from its groups.
//!
//! ```text
//! SELECT a, avg(b) FROM s GROUP BY a
//!   partial   SELECT a, sum(b) AS sum_1, count(b) AS count_2 FROM s GROUP BY a
//!   merge     SELECT a, sum(sum_1), sum(count_2) FROM stored GROUP BY a
//!   finish    merge, then sum_1 / count_2
//! ```

use std::collections::HashSet;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column as PlanColumn, JoinType, ScalarValue};
use datafusion::datasource::provider_as_source;
use datafusion::functions::core::expr_fn::coalesce;
use datafusion::logical_expr::expr::AggregateFunction;
use datafusion::logical_expr::logical_plan::Aggregate;
use datafusion::logical_expr::{AggregateUDF, Expr, LogicalPlan, LogicalPlanBuilder, TableSource, cast};

use super::leaf::Leaf;
use crate::error::Result;
use crate::functions;
use crate::types::SqlType;

/// The parts of a view's query.
#[derive(Debug, Clone)]
pub(crate) struct Maintenance {
    /// Rows to store from rows of what the view reads.
    pub(crate) partial: LogicalPlan,
    pub(crate) grouped: Option<Grouped>,
}

/// What becomes of stored partial aggregates. Both plans read a [`Leaf`] that stands for them.
#[derive(Debug, Clone)]
pub(crate) struct Grouped {
    /// Fewer partial aggregates: one row a group.
    pub(crate) merge: LogicalPlan,
    /// The view's rows.
    pub(crate) finish: LogicalPlan,
}

/// Why a view has to be computed anew from all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Obstacle(pub(crate) &'static str);

impl Maintenance {
    /// The parts of an analyzed plan, or what stands in the way of splitting it.
    pub(crate) fn of(plan: &LogicalPlan) -> Result<Result<Self, Obstacle>> {
        let mut above = Vec::new();
        let mut node = plan;
        while let LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) = node {
            above.push(node);
            node = node.inputs()[0];
        }
        let (rows, grouping) = match node {
            LogicalPlan::Aggregate(aggregate) => (&*aggregate.input, Some(aggregate)),
            _ => (plan, None),
        };
        let obstacle = match grouping {
            Some(aggregate) => subquery_obstacle(node)
                .or(aggregate_obstacle(aggregate))
                .or(above.iter().find_map(|node| subquery_obstacle(node))),
            None => None,
        };
        if let Some(obstacle) = obstacle.or(rows_obstacle(rows)?) {
            return Ok(Err(obstacle));
        }
        match grouping {
            None => Ok(Ok(Self { partial: plan.clone(), grouped: None })),
            Some(aggregate) => Ok(Ok(split(&above, aggregate)?)),
        }
    }
}

/// What in a plan below any grouping keeps the rows of new rows from being new rows.
fn rows_obstacle(plan: &LogicalPlan) -> Result<Option<Obstacle>> {
    let mut obstacle = None;
    plan.apply(|node| {
        obstacle = match node {
            LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
                subquery_obstacle(node)
            }
            LogicalPlan::TableScan(scan) => match super::leaf::relation_of(&*scan.source) {
                Some(relation)
                    if relation.partials.is_some() || relation.derived().is_some_and(|view| !view.incremental) =>
                {
                    Some(Obstacle("a view whose rows change"))
                }
                _ => None,
            },
            LogicalPlan::Join(join) if join.join_type == JoinType::Inner => subquery_obstacle(node),
            LogicalPlan::Join(_) => Some(Obstacle("an outer join")),
            LogicalPlan::Aggregate(_) => Some(Obstacle("grouping below another")),
            LogicalPlan::Sort(_) => Some(Obstacle("ORDER BY")),
            LogicalPlan::Limit(_) => Some(Obstacle("LIMIT")),
            LogicalPlan::Distinct(_) => Some(Obstacle("DISTINCT")),
            LogicalPlan::Window(_) => Some(Obstacle("a window function")),
            LogicalPlan::Union(_) => Some(Obstacle("UNION")),
            LogicalPlan::Subquery(_) => Some(Obstacle("a subquery")),
            _ => Some(Obstacle("a clause that cannot be maintained from new rows alone")),
        };
        Ok(if obstacle.is_some() { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    })?;
    Ok(obstacle)
}

fn subquery_obstacle(node: &LogicalPlan) -> Option<Obstacle> {
    let has_subquery = |expr: &Expr| {
        expr.exists(|expr| {
            Ok(matches!(expr, Expr::ScalarSubquery(_) | Expr::InSubquery(_) | Expr::Exists(_) | Expr::SetComparison(_)))
        })
        .unwrap_or(true)
    };
    node.expressions().iter().any(has_subquery).then_some(Obstacle("a subquery"))
}

fn aggregate_obstacle(aggregate: &Aggregate) -> Option<Obstacle> {
    if aggregate.group_expr.iter().any(|expr| matches!(expr, Expr::GroupingSet(_))) {
        return Some(Obstacle("GROUPING SETS, ROLLUP or CUBE"));
    }
    aggregate.aggr_expr.iter().find_map(|expr| match call(expr) {
        Some(call) if call.params.distinct => Some(Obstacle("a DISTINCT aggregate")),
        Some(call) if !call.params.order_by.is_empty() || kind(&call.func).is_none() => {
            Some(Obstacle("an aggregate other than COUNT, SUM, MIN, MAX and AVG"))
        }
        Some(_) => None,
        None => Some(Obstacle("an aggregate other than COUNT, SUM, MIN, MAX and AVG")),
    })
}

fn call(expr: &Expr) -> Option<&AggregateFunction> {
    match expr {
        Expr::Alias(alias) => call(&alias.expr),
        Expr::AggregateFunction(call) => Some(call),
        _ => None,
    }
}

/// The name of an aggregate that can be kept in parts. AVG is a quotient of two by now.
fn kind(function: &AggregateUDF) -> Option<&'static str> {
    const KINDS: [&str; 7] = ["count", "sum", "min", "max", "super_sum", "super_min", "super_max"];
    KINDS.into_iter().find(|name| *name == function.name())
}

fn split(above: &[&LogicalPlan], aggregate: &Aggregate) -> Result<Maintenance> {
    let names = stored_names(above, aggregate);
    let partial = partial(aggregate, &names)?;
    let stored = Arc::new(Schema::new(partial.schema().fields().iter().cloned().collect::<Vec<_>>()));
    let leaf = LogicalPlanBuilder::scan(STORED, provider_as_source(Arc::new(Leaf::of_rows(stored))), None)?.build()?;
    let merge = merge(aggregate, leaf)?;

    // The rows of `merge` under the names and qualifiers that the nodes above expect.
    let columns = merge.schema().iter().zip(aggregate.schema.iter()).map(|(merged, (qualifier, field))| {
        let column = Expr::Column(PlanColumn::from(merged));
        let column = match field.data_type() {
            DataType::Null => Expr::Literal(ScalarValue::Null, None),
            planned if planned == merged.1.data_type() => column,
            planned => cast(column, planned.clone()),
        };
        column.alias_qualified(qualifier.cloned(), field.name())
    });
    let mut finish = LogicalPlanBuilder::from(merge.clone()).project(columns.collect::<Vec<_>>())?.build()?;
    for node in above.iter().rev() {
        finish = node.with_new_exprs(node.expressions(), vec![finish])?;
    }
    Ok(Maintenance { partial, grouped: Some(Grouped { merge, finish }) })
}

/// The name under which plans read stored rows.
const STORED: &str = "stored";

fn partial(aggregate: &Aggregate, names: &[String]) -> Result<LogicalPlan> {
    let rows = LogicalPlan::Aggregate(aggregate.clone());
    let columns = rows.schema().iter().zip(names).map(|(field, name)| {
        let column = Expr::Column(PlanColumn::from(field));
        // The engine has more than one type for a text, of which one is stored.
        let stored = SqlType::of(field.1);
        let is_as_stored = *field.1.data_type() == stored.arrow();
        if is_as_stored { column.alias(name) } else { functions::cast_to(column, stored).alias(name) }
    });
    Ok(LogicalPlanBuilder::from(rows.clone()).project(columns.collect::<Vec<_>>())?.build()?)
}

fn merge(aggregate: &Aggregate, stored: LogicalPlan) -> Result<LogicalPlan> {
    let groups = aggregate.group_expr.len();
    let schema = Arc::clone(stored.schema());
    let column = |place: usize| Expr::Column(PlanColumn::from(schema.qualified_field(place)));
    let calls = aggregate.aggr_expr.iter().filter_map(call).enumerate();
    let merged = calls.map(|(place, call)| {
        let function = match (kind(&call.func), schema.field(groups + place).data_type()) {
            (Some("count" | "sum"), DataType::Int64) => functions::sum_of_integers(),
            (Some("sum"), _) => functions::sum(),
            _ => Arc::clone(&call.func),
        };
        let argument = column(groups + place);
        Expr::AggregateFunction(AggregateFunction::new_udf(function, vec![argument], false, None, vec![], None))
    });
    let merged: Vec<Expr> = merged.collect();
    let rows = LogicalPlanBuilder::from(stored).aggregate((0..groups).map(column), merged)?.build()?;
    let columns = rows.schema().iter().enumerate().map(|(place, field)| {
        let value = Expr::Column(PlanColumn::from(field));
        let kept = schema.field(place);
        let is_count = place >= groups
            && aggregate.aggr_expr.get(place - groups).and_then(call).is_some_and(|call| call.func.name() == "count");
        // No rows count as zero.
        let value =
            if is_count { coalesce(vec![value, Expr::Literal(ScalarValue::Int64(Some(0)), None)]) } else { value };
        let value = if field.1.data_type() == kept.data_type() && !is_count {
            value
        } else {
            functions::cast_to(value, SqlType::of(kept))
        };
        value.alias(kept.name())
    });
    Ok(LogicalPlanBuilder::from(rows.clone()).project(columns.collect::<Vec<_>>())?.build()?)
}

/// Names of the stored columns: a group's is the one that the view shows it under, if it does.
fn stored_names(above: &[&LogicalPlan], aggregate: &Aggregate) -> Vec<String> {
    let shown: Vec<(&Expr, String)> = match above.first() {
        Some(LogicalPlan::Projection(projection)) => {
            let name = |expr: &Expr| crate::sql::shown_name(&expr.qualified_name().1).to_owned();
            projection.expr.iter().map(|expr| (expr, name(expr))).collect()
        }
        _ => Vec::new(),
    };
    let mut taken = HashSet::new();
    let names = aggregate.schema.iter().enumerate().map(|(place, field)| {
        let column = Expr::Column(PlanColumn::from(field));
        let shown = shown.iter().find(|(expr, _)| (*expr).clone().unalias() == column).map(|(_, name)| name.clone());
        let call = place.checked_sub(aggregate.group_expr.len()).and_then(|place| call(&aggregate.aggr_expr[place]));
        let plain = call.map_or("group", |call| call.func.name());
        let numbered = || format!("{plain}_{}", place + 1);
        let name = shown.unwrap_or_else(numbered);
        let name = if taken.contains(&name) { numbered() } else { name };
        taken.insert(name.clone());
        name
    });
    names.collect()
}

/// The plan with each leaf replaced by what `plan_of` makes of it: it is told the leaf's name in the plan and its source. Columns that
/// were stored with another type, by an earlier version, get that of the leaf.
pub(crate) fn replace_leaves(
    plan: &LogicalPlan,
    mut plan_of: impl FnMut(&str, &dyn TableSource) -> Result<LogicalPlan>,
) -> Result<LogicalPlan> {
    let replaced = plan.clone().transform_up_with_subqueries(|node| {
        let LogicalPlan::TableScan(scan) = &node else { return Ok(Transformed::no(node)) };
        let new = plan_of(scan.table_name.table(), &*scan.source).map_err(crate::error::SqlError::into_engine)?;
        let named = LogicalPlanBuilder::from(with_types(new, &scan.source.schema())?)
            .alias(scan.table_name.clone())?
            .build()?;
        Ok(Transformed::yes(named))
    })?;
    Ok(replaced.data)
}

/// The rows with the types that `leaf` tells.
fn with_types(rows: LogicalPlan, leaf: &Schema) -> datafusion::common::Result<LogicalPlan> {
    let columns = || rows.schema().iter().zip(leaf.fields());
    if columns().all(|((_, stored), told)| stored.data_type() == told.data_type()) {
        return Ok(rows);
    }
    let columns: Vec<Expr> = columns()
        .map(|(stored, told)| {
            let column = Expr::Column(PlanColumn::from(stored));
            let is_as_told = stored.1.data_type() == told.data_type();
            if is_as_told { column } else { functions::cast_to(column, SqlType::of(told)).alias(told.name()) }
        })
        .collect();
    LogicalPlanBuilder::from(rows).project(columns)?.build()
}
