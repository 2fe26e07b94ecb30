//! Views over tables and views: brought up to date from new rows, or computed anew.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::provider_as_source;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::{LogicalPlan, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;
use futures::future::BoxFuture;

use super::leaf::relation_of;
use super::maintenance::replace_leaves;
use super::plans::ViewPlan;
use super::reading::Reach;
use super::refresh::stopped;
use super::write::{Written, write_rows};
use super::{Reading, Refreshed, Views, Work};
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::{Base, Change, DataFile, DerivedView, Reached, ReadView, Relation};

/// How often a refresh starts over because a base was put in order meanwhile.
pub(super) const RETRIES: usize = 3;

impl Views {
    /// Brings a view over tables and views up to date; durable on return.
    pub(super) async fn refresh_derived(&self, id: i64) -> Result<Refreshed> {
        let _turn = self.turn(id).await;
        for _ in 0..RETRIES {
            match self.refresh_derived_in_turn(id).await {
                // Files of a base were merged meanwhile: what was read is in other files now.
                Err(error) if error.kind == ErrorKind::SerializationFailure => {}
                refreshed => return refreshed,
            }
        }
        self.refresh_derived_in_turn(id).await
    }

    async fn refresh_derived_in_turn(&self, id: i64) -> Result<Refreshed> {
        let relation = self.relation(id)?;
        let view = self.with_bases(&relation).await?;
        self.store_bases(&view).await?;
        let (change, refreshed) = self.stage_derived(&self.store.read_view(), &relation).await?;
        self.store.commit(change.into_iter().collect()).await?;
        Ok(refreshed)
    }

    /// What brings a view up to date with its bases' files as they are in `read`, if anything is needed, to be committed.
    pub(super) async fn stage_derived(
        &self,
        read: &ReadView,
        relation: &Relation,
    ) -> Result<(Option<Change>, Refreshed)> {
        read.snapshot.require_bases(relation)?;
        let (running, plan) = (self.running(relation.id), self.plans.of(relation).await?);
        let view = self.with_bases(relation).await?;
        let reached = reached(read, &view)?;
        if reached == view.bases && !plan.is_mutable {
            return Ok((None, Refreshed::did(Work::Nothing)));
        }
        let reading = self.reading(read);
        let only_new = view.incremental && view.bases.iter().all(|base| reading.was_only_added_to(base));
        let files = tokio::select! {
            files = self.new_files(reading, relation, &plan, only_new) => files?,
            () = running.stop.cancelled() => return Err(stopped(&relation.name)),
        };
        let (id, reached) = (relation.id, Reached::Bases(reached));
        if only_new {
            let append = Change::AppendFiles { relation: id, files, reached };
            return Ok((Some(append), Refreshed::did(Work::Added)));
        }
        let gone = relation.files.iter().map(|file| file.id).collect();
        let replace = Change::ReplaceFiles { relation: id, gone, files, reached };
        Ok((Some(replace), Refreshed::did(Work::Recomputed)))
    }

    /// What makes a view. One that was made before bases were kept (catalog format 1) has yet to be read from any.
    async fn with_bases(&self, relation: &Relation) -> Result<DerivedView> {
        let mut view = relation.derived().ok_or_else(|| not_derived(relation))?.clone();
        if view.bases.is_empty() {
            let unread = |base: &Arc<Relation>| Base { relation: base.id, next_row_id: 0, rewrites: -1 };
            view.bases = bases_of(&self.plans.of(relation).await?.whole)?.iter().map(unread).collect();
        }
        Ok(view)
    }

    /// Whether a base of the view has changed since it was refreshed.
    pub(crate) fn is_behind(&self, read: &ReadView, view: &DerivedView) -> bool {
        let hot = |base: &Base| read.hot.get(&base.relation).is_some_and(|hot| hot.rows() > 0);
        let shows_more = |base: &Base| {
            let base = read.snapshot.relations.get(&base.relation);
            base.and_then(|base| base.derived()).is_some_and(|base| base.auto_refresh && self.is_behind(read, base))
        };
        let has_more = |base: &Base| hot(base) || shows_more(base);
        reached(read, view).is_ok_and(|reached| reached != view.bases) || view.bases.iter().any(has_more)
    }

    /// Writes what the bases of a view hold in memory, or have yet to store, into files: a view reads files only, so that
    /// what it has read of its bases stays there.
    pub(crate) fn store_bases<'v>(&'v self, view: &'v DerivedView) -> BoxFuture<'v, Result<()>> {
        Box::pin(async move {
            for base in &view.bases {
                let relation = self.relation(base.relation)?;
                if relation.streaming().is_some() {
                    self.flush(relation.id).await?;
                } else if relation.derived().is_some_and(|view| view.auto_refresh) {
                    // A view is younger than its bases, so turns are taken in the order of age, the youngest first.
                    self.refresh_derived(relation.id).await?;
                }
            }
            Ok(())
        })
    }

    /// The rows of a new view, written into files.
    pub(crate) async fn first_rows(&self, read: &ReadView, relation: &Relation, plan: &ViewPlan) -> Result<Written> {
        let rows = whole_plan(self.reading(read), plan).await?;
        self.write_plan(&plan.planner, relation, &rows).await
    }

    /// The new rows of a view, or all of them, in files.
    async fn new_files(
        &self,
        reading: Reading<'_>,
        relation: &Relation,
        plan: &ViewPlan,
        only_new: bool,
    ) -> Result<Vec<DataFile>> {
        let rows = match only_new {
            true => reading.new_rows(relation, Reach::Filed).await?,
            false => Some(whole_plan(reading, plan).await?),
        };
        match rows {
            Some(rows) => Ok(self.write_plan(&plan.planner, relation, &rows).await?.files),
            None => Ok(Vec::new()),
        }
    }

    async fn write_plan(&self, planner: &SessionState, relation: &Relation, plan: &LogicalPlan) -> Result<Written> {
        let plan = planner.create_physical_plan(plan).await?;
        let rows = execute_stream(plan, planner.task_ctx())?;
        write_rows(&self.store, relation, rows.err_into()).await
    }
}

/// What the bases of a view are now.
pub(crate) fn reached(read: &ReadView, view: &DerivedView) -> Result<Vec<Base>> {
    let base = |base: &Base| read.snapshot.relations.get(&base.relation).map(|relation| relation.as_base());
    let bases: Option<Vec<Base>> = view.bases.iter().map(base).collect();
    bases.ok_or_else(|| SqlError::new(ErrorKind::UndefinedTable, "a relation that the view reads was dropped"))
}

/// The relations that a plan over leaves reads, by id.
pub(crate) fn bases_of(plan: &LogicalPlan) -> Result<Vec<Arc<Relation>>> {
    let mut bases: Vec<Arc<Relation>> = Vec::new();
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node
            && let Some(relation) = relation_of(&*scan.source)
            && !bases.iter().any(|base| base.id == relation.id)
        {
            bases.push(Arc::clone(relation));
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    bases.sort_by_key(|base| base.id);
    Ok(bases)
}

/// The plan that makes all rows of a view's storage.
async fn whole_plan(reading: Reading<'_>, plan: &ViewPlan) -> Result<LogicalPlan> {
    let rows = match &plan.maintenance {
        Ok(parts) => &parts.partial,
        Err(_) => &plan.whole,
    };
    let mut tables = HashMap::new();
    for base in bases_of(rows)? {
        let now = reading.view.snapshot.relations.get(&base.id).ok_or_else(|| gone(&base))?;
        tables.insert(base.id, reading.table_of_files(now, now.files.clone()).await?);
    }
    replace_leaves(rows, |name, source| {
        let table = relation_of(source).and_then(|relation| tables.get(&relation.id)).cloned();
        match table {
            Some(table) => Ok(LogicalPlanBuilder::scan(name, provider_as_source(table), None)?.build()?),
            // A system relation, which is what it is.
            None => Err(SqlError::unsupported(format!("a materialized view cannot read system relation \"{name}\""))),
        }
    })
}

fn gone(relation: &Relation) -> SqlError {
    SqlError::new(ErrorKind::UndefinedTable, format!("relation \"{}\" does not exist", relation.name))
}

fn not_derived(relation: &Relation) -> SqlError {
    SqlError::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a materialized view", relation.name))
}
