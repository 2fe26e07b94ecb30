//! A streaming view's newest rows, in memory. The stream is their write-ahead log.

use std::collections::BTreeMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::DataType;

use crate::error::Result;

/// Per shard, the ordinal of the next record that a view needs.
pub(crate) type Positions = BTreeMap<u32, u64>;

/// Batches smaller than this are joined, so that a trickle does not leave thousands of tiny ones.
const SMALL_BATCH: usize = 4096;

/// An immutable set of hot rows. A new one is made for each append; batches are shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct HotRows {
    /// Rows on their way into a file: no more are added to them.
    sealed: Vec<RecordBatch>,
    sealed_positions: Positions,
    open: Vec<RecordBatch>,
    /// How far sealed and open rows reach.
    positions: Positions,
    /// Bytes of the log that the sealed and the open rows were made from, which they keep in memory.
    sealed_bytes: usize,
    open_bytes: usize,
}

impl HotRows {
    /// No rows, for a view whose files reach up to `positions`.
    pub(crate) fn starting_at(positions: Positions) -> Self {
        Self { positions, ..Self::default() }
    }

    /// How far the view has read.
    pub(crate) fn positions(&self) -> &Positions {
        &self.positions
    }

    /// All batches, oldest first.
    pub(crate) fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        self.sealed.iter().chain(&self.open)
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches().map(RecordBatch::num_rows).sum()
    }

    /// Memory that the rows hold, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.sealed_bytes + self.open_bytes
    }

    /// The same with more rows, made from so many bytes of the log and reaching up to `positions`.
    pub(crate) fn append(&self, batches: Vec<RecordBatch>, bytes: usize, positions: Positions) -> Result<Self> {
        let mut next = self.clone();
        for batch in batches.into_iter().filter(|batch| batch.num_rows() > 0) {
            next.open.push(batch);
            next.join_small()?;
        }
        next.positions = positions;
        next.open_bytes += bytes;
        Ok(next)
    }

    /// Joins the last batches while the last is not much smaller than the one before: as in a binary
    /// counter, each row is copied a few times only.
    fn join_small(&mut self) -> Result<()> {
        while let [.., before, last] = self.open.as_slice()
            && before.num_rows() < SMALL_BATCH
            && before.num_rows() <= 2 * last.num_rows()
        {
            let joined = compact(&concat_batches(&before.schema(), [before, last])?)?;
            self.open.truncate(self.open.len() - 2);
            self.open.push(joined);
        }
        Ok(())
    }

    /// Closes the open rows so that they can be written to a file. Rows sealed before and not yet in a file stay so.
    pub(crate) fn seal(&self) -> Self {
        let mut next = self.clone();
        next.sealed.append(&mut next.open);
        next.sealed_positions.clone_from(&next.positions);
        next.sealed_bytes += std::mem::take(&mut next.open_bytes);
        next
    }

    /// The sealed rows and how far they reach.
    pub(crate) fn sealed(&self) -> (&[RecordBatch], &Positions) {
        (&self.sealed, &self.sealed_positions)
    }

    /// The same without the sealed rows, which are in a file now.
    pub(crate) fn without_sealed(&self) -> Self {
        let mut next = self.clone();
        next.sealed.clear();
        next.sealed_bytes = 0;
        next
    }
}

/// Copies views' bytes together, so that a few rows do not keep whole blocks of the log alive.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => std::sync::Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => std::sync::Arc::new(column.as_binary_view().gc()),
            _ => column.to_owned(),
        }
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect())?)
}
