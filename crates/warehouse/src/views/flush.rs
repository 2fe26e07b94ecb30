//! Hot rows into files. The data files and how far they reach into the stream are committed in one transaction.

use datafusion::arrow::array::RecordBatch;

use super::write::{as_schema, write_file};
use super::{Program, Views};
use crate::error::Result;
use crate::storage::{Change, HotRows, Reached, Relation};

impl Views {
    /// Writes what a view holds in memory into a file, if anything. Its turn must be held.
    pub(crate) async fn flush_in_turn(&self, id: i64) -> Result<()> {
        let store = &self.store;
        store.update_hot(id, |hot| Ok(hot.seal()))?;
        let view = store.read_view();
        let (Some(relation), Some(hot)) = (view.snapshot.relations.get(&id), view.hot.get(&id)) else {
            return Ok(());
        };
        let (part, positions) = hot.sealed();
        if relation.streaming().map(|view| &view.positions) == Some(positions) {
            return Ok(());
        }
        let mut files = Vec::new();
        if !part.rows.is_empty() {
            let rows = self.merged(relation, part.rows.clone()).await?;
            files.push(write_file(store, relation, rows).await?);
        }
        let append = Change::AppendFiles { relation: id, files, reached: Reached::Stream(positions.clone()) };
        let set_aside = Change::SetAside { relation: id, letters: part.letters.clone() };
        store.commit_and_update(id, vec![append, set_aside], HotRows::without_sealed).await
    }

    /// The rows of a view's storage in their shortest form: partial aggregates of one group become one.
    pub(super) async fn merged(&self, relation: &Relation, rows: Vec<RecordBatch>) -> Result<Vec<RecordBatch>> {
        if relation.partials.is_none() {
            return Ok(rows);
        }
        let plan = self.plans.of(relation).await?;
        match &plan.parts()?.grouped {
            Some(grouped) => {
                let program = Program::compile(&plan.planner, &grouped.merge).await?;
                // An earlier version may have stored other types.
                let rows = rows.iter().map(|rows| as_schema(rows, program.input())).collect::<Result<_>>()?;
                program.run(rows, &relation.stored_schema()).await
            }
            None => Ok(rows),
        }
    }
}
