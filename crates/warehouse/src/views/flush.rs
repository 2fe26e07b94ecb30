//! Hot rows into files. The data files and how far they reach into the stream are committed in one transaction.

use super::fold::write_file;
use crate::error::Result;
use crate::storage::{Change, DataFile, Store};

/// Writes what a view holds in memory into a file, if anything. Flushes of one view must not overlap.
pub(super) async fn flush(store: &Store, relation: i64) -> Result<()> {
    store.update_hot(relation, |hot| Ok(hot.seal()))?;
    let view = store.read_view();
    let (Some(relation), Some(hot)) = (view.snapshot.relations.get(&relation), view.hot.get(&relation)) else {
        return Ok(());
    };
    let (rows, positions) = hot.sealed();
    let flushed = relation.streaming().map(|view| &view.positions);
    if flushed == Some(positions) {
        return Ok(());
    }
    let mut files: Vec<DataFile> = Vec::new();
    if !rows.is_empty() {
        files.push(write_file(store, relation, rows.to_vec()).await?);
    }
    let append = Change::AppendFiles { relation: relation.id, files, positions: Some(positions.clone()) };
    store.commit_flush(relation.id, vec![append]).await
}
