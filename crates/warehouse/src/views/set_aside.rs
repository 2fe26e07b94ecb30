//! Rows of records, and the records of which none can be made.
//!
//! A record that is too large for a column of the stream is always set aside (Redshift: it is skipped and logged). One that
//! an expression fails on fails the refresh, as in Redshift, unless `streaming_error_mode` is `skip`: then it is found by
//! halving the batch and set aside alone.

use std::sync::Arc;

use datafusion::arrow::array::{AsArray, BooleanArray, RecordBatch};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::SchemaRef;
use tidemill_clock::Timestamp;
use tidemill_stream::{RecordRun, Shard};

use super::Program;
use super::leaf::LONGEST_KEY;
use crate::error::{Result, SqlError};
use crate::storage::{DeadLetter, Part};

/// What a record does that an expression of the view fails on (`streaming_error_mode`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ErrorMode {
    /// It fails the refresh.
    #[default]
    Fail,
    /// It is set aside.
    Skip,
}

impl ErrorMode {
    /// Reads the parameter's value.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        match value.to_lowercase().as_str() {
            "fail" | "default" => Some(Self::Fail),
            "skip" => Some(Self::Skip),
            _ => None,
        }
    }
}

/// Records that go through a view's query at a time: what is made of them on the way stays in the processor's cache.
const PIECE: usize = 4096;

/// `error_code` of a record that is too large, and of one that an expression failed on.
const TOO_LARGE: i32 = 1;
const NOT_CONVERTIBLE: i32 = 2;

/// Sorts records of one shard into rows and dead letters.
pub(super) struct Sorter<'s> {
    pub(super) program: &'s Program,
    pub(super) schema: &'s SchemaRef,
    pub(super) shard: &'s Shard,
    pub(super) runs: &'s [RecordRun],
    pub(super) refresh_time: Timestamp,
    pub(super) error_mode: ErrorMode,
}

impl Sorter<'_> {
    pub(super) async fn rows(&self) -> Result<Part> {
        let input = self.program.input();
        let records = super::batch::record_batch(input, self.shard, self.runs, self.refresh_time)?;
        let bytes = self.runs.iter().map(RecordRun::bytes).sum();
        let mut part = Part { bytes, ..Part::default() };
        let (records, places) = self.without_too_large(records, &mut part)?;
        match self.run(records.clone()).await {
            Ok(rows) => part.rows = rows,
            Err(error) if self.error_mode == ErrorMode::Skip && error.kind.is_of_data() => {
                self.halve(&records, &places, &mut part).await?;
            }
            Err(error) => return Err(error),
        }
        Ok(part)
    }

    async fn run(&self, records: RecordBatch) -> Result<Vec<RecordBatch>> {
        let starts = (0..records.num_rows()).step_by(PIECE);
        let pieces = starts.map(|start| records.slice(start, PIECE.min(records.num_rows() - start)));
        self.program.run(pieces.collect(), self.schema).await
    }

    /// Makes rows of records of which at least one fails: of each half by itself, down to the failing record.
    async fn halve(&self, records: &RecordBatch, places: &Places, part: &mut Part) -> Result<()> {
        let mut left = vec![(0, records.num_rows())];
        while let Some((start, length)) = left.pop() {
            match self.run(records.slice(start, length)).await {
                Ok(rows) => part.rows.extend(rows),
                Err(error) if !error.kind.is_of_data() => return Err(error),
                Err(error) if length == 1 => {
                    part.letters.extend(self.letter(places.record(start), NOT_CONVERTIBLE, &reason(&error)));
                }
                Err(_) => {
                    let half = length / 2;
                    left.push((start + half, length - half));
                    left.push((start, half));
                }
            }
        }
        Ok(())
    }

    /// The records that fit the stream's columns. The others are set aside.
    fn without_too_large(&self, records: RecordBatch, part: &mut Part) -> Result<(RecordBatch, Places)> {
        let keys = records.column_by_name("partition_key").map(|keys| keys.as_string_view());
        let is_too_long = |length: u32| length > LONGEST_KEY;
        let Some(keys) = keys.filter(|keys| keys.lengths().any(is_too_long)) else { return Ok((records, Places::All)) };
        let fit: Vec<bool> = keys.lengths().map(|length| !is_too_long(length)).collect();
        let reason = format!("the partition key is longer than {LONGEST_KEY} bytes");
        for place in (0..fit.len()).filter(|place| !fit[*place]) {
            part.letters.extend(self.letter(place, TOO_LARGE, &reason));
        }
        let kept = (0..fit.len()).filter(|place| fit[*place]).collect();
        Ok((filter_record_batch(&records, &BooleanArray::from(fit))?, Places::Some(kept)))
    }

    /// The record at `place` among those of the runs, as a dead letter.
    fn letter(&self, mut place: usize, code: i32, reason: &str) -> Option<Arc<DeadLetter>> {
        for run in self.runs {
            if place >= run.count as usize {
                place -= run.count as usize;
                continue;
            }
            let record = run.records().nth(place)?;
            return Some(Arc::new(DeadLetter {
                shard: self.shard.id.to_string(),
                sequence_number: self.shard.sequence_number(run.first + place as u64).to_string(),
                partition_key: record.partition_key().to_owned(),
                arrival: run.arrival,
                recorded: self.refresh_time,
                code,
                reason: reason.to_owned(),
                data: bytes::Bytes::copy_from_slice(record.data),
            }));
        }
        None
    }
}

/// Which record each row of a batch is.
enum Places {
    All,
    Some(Vec<usize>),
}

impl Places {
    fn record(&self, row: usize) -> usize {
        match self {
            Self::All => row,
            Self::Some(places) => places[row],
        }
    }
}

/// An error in the words of `error_reason`, a CHAR(128).
fn reason(error: &SqlError) -> String {
    let mut reason = match &error.detail {
        Some(detail) => format!("{}: {detail}", error.message),
        None => error.message.clone(),
    };
    reason.truncate(reason.floor_char_boundary(128));
    reason
}
