//! A streaming view's newest rows, in memory. The stream is their write-ahead log.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::concat_batches;
use datafusion::arrow::datatypes::DataType;

use super::DeadLetter;
use crate::error::Result;

/// Per shard, the ordinal of the next record that a view needs.
pub(crate) type Positions = BTreeMap<u32, u64>;

/// Batches smaller than this are joined, so that a trickle does not leave thousands of tiny ones.
const SMALL_BATCH: usize = 4096;

/// An immutable set of hot rows. A new one is made for each append; batches are shared.
#[derive(Debug, Clone, Default)]
pub(crate) struct HotRows {
    /// Rows on their way into a file: no more are added to them.
    sealed: Part,
    sealed_positions: Positions,
    open: Part,
    /// How far sealed and open rows reach.
    positions: Positions,
    /// Rows that were ever added, for those who follow them.
    added: usize,
}

/// What was made of records.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    pub(crate) rows: Vec<RecordBatch>,
    /// Records of which no row could be made.
    pub(crate) letters: Vec<Arc<DeadLetter>>,
    /// Bytes of the log that the rows were made from, which they keep in memory.
    pub(crate) bytes: usize,
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
        self.sealed.rows.iter().chain(&self.open.rows)
    }

    /// Records that were set aside and are not in the catalog yet.
    pub(crate) fn letters(&self) -> impl Iterator<Item = &Arc<DeadLetter>> {
        self.sealed.letters.iter().chain(&self.open.letters)
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches().map(RecordBatch::num_rows).sum()
    }

    /// Rows that were ever added.
    pub(crate) fn added(&self) -> usize {
        self.added
    }

    /// The rows that were added after the first `seen` of all, as far as they are still here; in order.
    pub(crate) fn added_since(&self, seen: usize) -> Vec<RecordBatch> {
        let mut skipped = self.rows().saturating_sub(self.added.saturating_sub(seen));
        let mut new = Vec::new();
        for batch in self.batches() {
            let skip = skipped.min(batch.num_rows());
            skipped -= skip;
            if skip < batch.num_rows() {
                new.push(batch.slice(skip, batch.num_rows() - skip));
            }
        }
        new
    }

    /// Memory that the rows hold, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.sealed.bytes + self.open.bytes
    }

    /// The same with more rows, reaching up to `positions`.
    pub(crate) fn append(&self, part: Part, positions: Positions) -> Result<Self> {
        let mut next = self.clone();
        for batch in part.rows.into_iter().filter(|batch| batch.num_rows() > 0) {
            next.added += batch.num_rows();
            next.open.rows.push(batch);
            next.join_small()?;
        }
        next.positions = positions;
        next.open.bytes += part.bytes + part.letters.iter().map(|letter| letter.bytes()).sum::<usize>();
        next.open.letters.extend(part.letters);
        Ok(next)
    }

    /// The same for a view that has read up to `positions`.
    pub(crate) fn reaching(&self, positions: Positions) -> Self {
        Self { positions, ..self.clone() }
    }

    /// Joins the last batches while the last is not much smaller than the one before: as in a binary
    /// counter, each row is copied a few times only.
    fn join_small(&mut self) -> Result<()> {
        while let [.., before, last] = self.open.rows.as_slice()
            && before.num_rows() < SMALL_BATCH
            && before.num_rows() <= 2 * last.num_rows()
        {
            let joined = compact(&concat_batches(&before.schema(), [before, last])?)?;
            self.open.rows.truncate(self.open.rows.len() - 2);
            self.open.rows.push(joined);
        }
        Ok(())
    }

    /// Closes the open rows so that they can be written to a file. Rows sealed before and not yet in a file stay so.
    pub(crate) fn seal(&self) -> Self {
        let mut next = self.clone();
        let open = std::mem::take(&mut next.open);
        next.sealed.rows.extend(open.rows);
        next.sealed.letters.extend(open.letters);
        next.sealed.bytes += open.bytes;
        next.sealed_positions.clone_from(&next.positions);
        next
    }

    /// The sealed rows and how far they reach.
    pub(crate) fn sealed(&self) -> (&Part, &Positions) {
        (&self.sealed, &self.sealed_positions)
    }

    /// The same without the sealed rows, which are in a file now.
    pub(crate) fn without_sealed(&self) -> Self {
        Self { sealed: Part::default(), ..self.clone() }
    }
}

/// Copies views' bytes together, so that a few rows do not keep whole blocks of the log alive.
fn compact(batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().iter().map(|column| -> ArrayRef {
        match column.data_type() {
            DataType::Utf8View => Arc::new(column.as_string_view().gc()),
            DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
            _ => column.to_owned(),
        }
    });
    Ok(RecordBatch::try_new(batch.schema(), columns.collect())?)
}
