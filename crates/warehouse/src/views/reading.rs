//! Relations as queries see them, and the rows that a view has yet to take from what it reads.
//!
//! A view over tables and views that refreshes itself shows new rows of its bases at once: what it has not stored yet is
//! computed when it is read. Storing it later changes no result. Where rows of a base were removed, what the view has stored is of
//! no use, and all of its rows are computed until it has been recomputed.

use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::datasource::{ViewTable, provider_as_source};
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use futures::future::BoxFuture;

use super::failed::FailedViews;
use super::leaf::relation_of;
use super::maintenance::{Grouped, replace_leaves};
use super::plans::ViewPlans;
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::{Base, DataFile, ReadView, Relation, Rows, Store, StoredTable};

/// One read view with the plans of its views.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading<'r> {
    pub(crate) store: &'r Store,
    pub(crate) view: &'r ReadView,
    pub(crate) plans: &'r ViewPlans,
    pub(crate) failed: &'r FailedViews,
}

/// Which rows of its bases a view takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// All that a query sees.
    Seen,
    /// Those in files.
    Filed,
}

impl Reading<'_> {
    /// The relation as a query sees it.
    pub(crate) async fn table(&self, relation: &Arc<Relation>) -> Result<Arc<dyn TableProvider>> {
        if relation.partials.is_none() && !self.is_live(relation) {
            return Ok(Arc::new(StoredTable::new(self.store, self.view, relation, Rows::All)));
        }
        let rows = self.rows(relation, Rows::All).await?;
        self.finished(relation, rows).await
    }

    /// The relation when its files were these.
    pub(crate) async fn table_of_files(
        &self,
        relation: &Arc<Relation>,
        files: Vec<Arc<DataFile>>,
    ) -> Result<Arc<dyn TableProvider>> {
        let table = StoredTable::of_files(self.store, relation, files);
        if relation.partials.is_none() {
            return Ok(Arc::new(table));
        }
        self.finished(relation, scan(&relation.name, table)?).await
    }

    /// Whether a view shows its bases as they are now.
    pub(super) fn is_live(&self, relation: &Relation) -> bool {
        let is_kept = relation.derived().is_some_and(|view| view.auto_refresh && view.incremental);
        is_kept && !self.failed.contains(relation.id)
    }

    /// Whether rows were removed from what a view reads, since it has stored what it made of them.
    pub(super) fn is_outdated(&self, relation: &Relation) -> bool {
        let bases = relation.derived().map_or(&[][..], |view| &view.bases);
        bases.iter().any(|base| {
            let now = self.view.snapshot.relations.get(&base.relation);
            !self.was_only_added_to(base) || now.is_some_and(|now| self.is_live(now) && self.is_outdated(now))
        })
    }

    /// Whether rows of a base were only added since a view has read it.
    pub(super) fn was_only_added_to(&self, base: &Base) -> bool {
        self.view.snapshot.relations.get(&base.relation).is_some_and(|relation| relation.rewrites == base.rewrites)
    }

    /// The rows that `relation`, which adds rows only, has yet to store; none if there are none.
    pub(super) async fn new_rows(&self, relation: &Relation, reach: Reach) -> Result<Option<LogicalPlan>> {
        let Some(view) = relation.derived() else { return Ok(None) };
        let plan = self.plans.of(relation).await?;
        let partial = &plan.parts()?.partial;
        let leaves = self.leaves(partial)?;
        let mut parts: Option<LogicalPlanBuilder> = None;
        for (place, leaf) in leaves.iter().enumerate() {
            if !self.has_news(view.bases.as_slice(), leaf, reach) {
                continue;
            }
            // New rows of this leaf with old ones of those before and all of those behind: every combination once.
            let mut sources = Vec::with_capacity(leaves.len());
            for (other, leaf) in leaves.iter().enumerate() {
                let rows = range(&view.bases, leaf, reach, other.cmp(&place));
                sources.push(self.rows(leaf, rows).await?);
            }
            let mut sources = sources.into_iter();
            let part = replace_leaves(partial, |_, _| sources.next().ok_or_else(missing_leaf))?;
            parts = Some(match parts {
                None => LogicalPlanBuilder::from(part),
                Some(parts) => parts.union(part)?,
            });
        }
        Ok(parts.map(LogicalPlanBuilder::build).transpose()?)
    }

    /// The stored rows of a relation in a range and, where the range goes to the end, those that a live view has yet to store.
    fn rows<'s>(&'s self, relation: &'s Arc<Relation>, rows: Rows) -> BoxFuture<'s, Result<LogicalPlan>> {
        Box::pin(async move {
            if rows == Rows::All && self.is_live(relation) && self.is_outdated(relation) {
                return self.all_rows(relation).await;
            }
            let stored = scan(&relation.name, StoredTable::new(self.store, self.view, relation, rows))?;
            let is_open = matches!(rows, Rows::All | Rows::Since(_));
            let new = match is_open && self.is_live(relation) {
                true => self.new_rows(relation, Reach::Seen).await?,
                false => None,
            };
            Ok(match new {
                Some(new) => LogicalPlanBuilder::from(stored).union(new)?.build()?,
                None => stored,
            })
        })
    }

    /// The rows of a view's storage, all of them computed from its bases.
    async fn all_rows(&self, relation: &Relation) -> Result<LogicalPlan> {
        let plan = self.plans.of(relation).await?;
        let partial = &plan.parts()?.partial;
        let mut sources = Vec::new();
        for leaf in self.leaves(partial)? {
            sources.push(self.rows(&leaf, Rows::All).await?);
        }
        let mut sources = sources.into_iter();
        replace_leaves(partial, |_, _| sources.next().ok_or_else(missing_leaf))
    }

    /// What a query sees of stored rows.
    async fn finished(&self, relation: &Relation, rows: LogicalPlan) -> Result<Arc<dyn TableProvider>> {
        let plan = match relation.partials {
            None => rows,
            Some(_) => match &self.plans.of(relation).await?.parts()?.grouped {
                Some(Grouped { finish, .. }) => replace_leaves(finish, |_, _| Ok(rows.clone()))?,
                None => rows,
            },
        };
        Ok(Arc::new(ViewTable::new(plan, None)))
    }

    /// The relations that a plan reads, as they are now, in the order in which [`replace_leaves`] meets them.
    fn leaves(&self, plan: &LogicalPlan) -> Result<Vec<Arc<Relation>>> {
        let mut ids = Vec::new();
        plan.apply(|node| {
            if let LogicalPlan::TableScan(scan) = node {
                ids.push(relation_of(&*scan.source).map(|relation| relation.id));
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        let relation = |id: Option<i64>| self.view.snapshot.relations.get(&id?).cloned();
        ids.into_iter().map(|id| relation(id).ok_or_else(missing_leaf)).collect()
    }

    fn has_news(&self, bases: &[Base], leaf: &Arc<Relation>, reach: Reach) -> bool {
        let filed = consumed(bases, leaf) < leaf.next_row_id;
        let hot = || self.view.hot_rows(leaf).is_some_and(|hot| hot.rows() > 0) || self.is_live(leaf);
        filed || (reach == Reach::Seen && hot())
    }
}

/// The rows of a leaf that go with the new rows of another, which comes after it (`Less`), before it or is the same.
fn range(bases: &[Base], leaf: &Relation, reach: Reach, place: std::cmp::Ordering) -> Rows {
    let consumed = consumed(bases, leaf);
    match (place, reach) {
        (std::cmp::Ordering::Less, _) => Rows::Filed(0, consumed),
        (std::cmp::Ordering::Equal, Reach::Seen) => Rows::Since(consumed),
        (std::cmp::Ordering::Equal, Reach::Filed) => Rows::Filed(consumed, leaf.next_row_id),
        (std::cmp::Ordering::Greater, Reach::Seen) => Rows::All,
        (std::cmp::Ordering::Greater, Reach::Filed) => Rows::Filed(0, leaf.next_row_id),
    }
}

/// The row of a relation up to which a view has stored what it made of it.
fn consumed(bases: &[Base], leaf: &Relation) -> i64 {
    bases.iter().find(|base| base.relation == leaf.id).map_or(0, |base| base.next_row_id)
}

fn scan(name: &str, table: StoredTable) -> Result<LogicalPlan> {
    Ok(LogicalPlanBuilder::scan(name, provider_as_source(Arc::new(table)), None)?.build()?)
}

fn missing_leaf() -> SqlError {
    SqlError::new(ErrorKind::UndefinedTable, "a relation that the view reads does not exist any more")
}
