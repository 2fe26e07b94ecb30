//! Many small files of a relation into few large ones.

use std::ops::Range;
use std::sync::Arc;

use datafusion::catalog::TableProvider;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::execute_stream;
use futures::TryStreamExt;

use super::Views;
use super::write::write_file;
use crate::error::Result;
use crate::storage::{Change, DataFile, Relation, StoredTable, choose, choose_all};

impl Views {
    /// Merges files of a relation while there are many of one size.
    pub(super) async fn compact(&self, id: i64) -> Result<()> {
        while self.merge_files(id, choose).await? {}
        Ok(())
    }

    /// Merges all files of a relation, as far as they may be. Returns whether there was anything to do.
    pub(crate) async fn vacuum(&self, id: i64) -> Result<bool> {
        let mut merged = false;
        while self.merge_files(id, choose_all).await? {
            merged = true;
        }
        Ok(merged)
    }

    async fn merge_files(
        &self,
        id: i64,
        choose: impl Fn(&[Arc<DataFile>], &[i64]) -> Option<Range<usize>>,
    ) -> Result<bool> {
        let _turn = self.turn(id).await;
        let view = self.store.read_view();
        let Some(relation) = view.snapshot.relations.get(&id) else { return Ok(false) };
        let read = view.snapshot.dependents(id).filter_map(|dependent| dependent.derived());
        let read = read.flat_map(|view| &view.bases).filter(|base| base.relation == id);
        let borders: Vec<i64> = read.map(|base| base.next_row_id).collect();
        let Some(run) = choose(&relation.files, &borders) else { return Ok(false) };
        let old = relation.files[run].to_vec();
        let gone = old.iter().map(|file| file.id).collect();
        let rows = self.rows_of_files(relation, old).await?.try_collect().await?;
        let rows = self.merged(relation, rows).await?;
        let file = write_file(&self.store, relation, rows).await?;
        self.store.commit(vec![Change::CompactFiles { relation: id, gone, file }]).await?;
        Ok(true)
    }

    /// The rows of these files of a relation.
    pub(crate) async fn rows_of_files(
        &self,
        relation: &Relation,
        files: Vec<Arc<DataFile>>,
    ) -> Result<SendableRecordBatchStream> {
        let planner = &self.planner;
        let table = StoredTable::of_files(&self.store, relation, files);
        let scan = table.scan(planner, None, &[], None).await?;
        Ok(execute_stream(scan, planner.task_ctx())?)
    }
}
