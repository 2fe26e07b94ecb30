//! One refresh: every shard is read from where the view stands to where the stream ends, by the cluster's slices.

use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::SchemaRef;
use futures::{FutureExt, StreamExt, TryStreamExt};
use tidemill_clock::Timestamp;
use tidemill_stream::{ReadLimit, Shard, Stream};

use super::Program;
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::{Column, DataFile, FileWriter, Positions, Relation, Store};

/// What a slice takes from a shard at a time.
const STEP: ReadLimit = ReadLimit { records: 16_384, bytes: 8 << 20 };
/// Bytes of the log whose rows one refresh may hold before it writes them into files that are not committed yet.
const STAGE_BYTES: usize = 256 << 20;

/// Rows that a refresh has made and not published.
#[derive(Debug, Default)]
pub(super) struct Staged {
    pub(super) rows: Vec<RecordBatch>,
    pub(super) bytes: usize,
    pub(super) files: Vec<DataFile>,
}

/// A refresh in progress.
pub(super) struct Fold<'r> {
    pub(super) store: &'r Store,
    pub(super) relation: &'r Relation,
    pub(super) stream: &'r Arc<Stream>,
    pub(super) program: &'r Program,
    pub(super) refresh_time: Timestamp,
    pub(super) slices: usize,
    /// Whether rows that were shown before are made again: then the age of their records does not matter.
    pub(super) replay: bool,
}

impl Fold<'_> {
    /// Reads each shard from `from` up to `to`, and none before its parents. Either all of it succeeds, or nothing is to be published.
    pub(super) async fn run(&self, from: &Positions, to: &Positions) -> Result<Staged> {
        let schema = self.relation.arrow_schema();
        let staged = Mutex::new(Staged::default());
        let shards = self.stream.shards();
        for generation in shards.generations() {
            let shards = generation.into_iter().map(|shard| {
                let start = from.get(&shard.id.0).copied().unwrap_or(1);
                let end = to.get(&shard.id.0).copied().unwrap_or(start);
                self.fold_shard(shard, start, end, &schema, &staged).boxed()
            });
            let shards: Vec<_> = shards.collect();
            let slices = futures::stream::iter(shards).buffer_unordered(self.slices);
            slices.try_collect::<()>().await?;
        }
        Ok(staged.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    async fn fold_shard(
        &self,
        shard: &Shard,
        mut next: u64,
        end: u64,
        schema: &SchemaRef,
        staged: &Mutex<Staged>,
    ) -> Result<()> {
        while next < end {
            let limit = ReadLimit { records: STEP.records.min((end - next) as usize), ..STEP };
            let read = match self.replay {
                true => self.stream.read_kept(shard.id, next, limit).await?,
                false => self.stream.read(shard.id, next, limit).await?,
            };
            if read.next == next {
                // Retention has removed the rest.
                return Ok(());
            }
            if let Some(first) = read.runs.first().map(|run| run.first)
                && first > next
            {
                // Retention has removed what was before, so the read may have gone beyond the end.
                next = first;
                continue;
            }
            next = read.next;
            let bytes: usize = read.runs.iter().map(tidemill_stream::RecordRun::bytes).sum();
            let batch = super::batch::record_batch(self.program.input(), shard, &read.runs, self.refresh_time)?;
            let rows = self.program.run(batch, &self.relation.columns, schema).await?;
            let full = {
                let mut staged = staged.lock().unwrap_or_else(PoisonError::into_inner);
                staged.rows.extend(rows);
                staged.bytes += bytes;
                (staged.bytes > STAGE_BYTES).then(|| {
                    staged.bytes = 0;
                    std::mem::take(&mut staged.rows)
                })
            };
            if let Some(rows) = full {
                let file = write_file(self.store, self.relation, rows).await?;
                staged.lock().unwrap_or_else(PoisonError::into_inner).files.push(file);
            }
        }
        Ok(())
    }
}

/// Writes rows into a new file of `relation`, off the threads that serve clients.
pub(crate) async fn write_file(store: &Store, relation: &Relation, rows: Vec<RecordBatch>) -> Result<DataFile> {
    let (writer, id) = (store.writer(relation), store.new_file_id());
    let schema = relation.arrow_schema();
    let write = move |writer: FileWriter| writer.write(id, &concat_batches(&schema, &rows)?);
    tokio::task::spawn_blocking(move || write(writer))
        .await
        .map_err(|error| SqlError::new(ErrorKind::Io, format!("writing a data file: {error}")))?
}

/// Columns of a relation from the fields of the query that defines it.
pub(crate) fn columns_of(schema: &datafusion::common::DFSchema) -> Vec<Column> {
    let column = |(id, field): (i64, &Arc<datafusion::arrow::datatypes::Field>)| Column {
        id,
        name: crate::sql::shown_name(field.name()).to_owned(),
        sql_type: crate::types::SqlType::of(field),
        nullable: true,
    };
    (1..).zip(schema.fields()).map(column).collect()
}
