//! Runs of records as an Arrow batch. Keys and data are views on the log's own bytes; columns that the view does
//! not name are not built.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryViewBuilder, RecordBatch, RecordBatchOptions, StringViewBuilder, TimestampMicrosecondArray,
};
use datafusion::arrow::buffer::Buffer;
use datafusion::arrow::datatypes::SchemaRef;
use tidemill_clock::Timestamp;
use tidemill_stream::{RecordRun, SequenceNumber, Shard};

use crate::error::{ErrorKind, Result, SqlError};

/// Builds the columns that `schema` names.
pub(super) fn record_batch(
    schema: &SchemaRef,
    shard: &Shard,
    runs: &[RecordRun],
    refresh_time: Timestamp,
) -> Result<RecordBatch> {
    let rows = runs.iter().map(|run| run.count as usize).sum();
    let has = |name: &str| schema.index_of(name).is_ok();
    let (keys, data) = keys_and_data(runs, rows, has("partition_key"), has("kinesis_data"))?;
    let columns = schema.fields().iter().map(|field| match field.name().as_str() {
        "approximate_arrival_timestamp" => Ok(arrival_times(runs, rows)),
        "partition_key" => Ok(Arc::clone(&keys)),
        "shard_id" => shard_ids(shard, rows),
        "sequence_number" => sequence_numbers(shard, runs, rows),
        "refresh_time" => Ok(times(vec![refresh_time.micros(); rows])),
        "kinesis_data" => Ok(Arc::clone(&data)),
        other => Err(SqlError::new(ErrorKind::UndefinedColumn, format!("a stream has no column \"{other}\""))),
    });
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    Ok(RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect::<Result<_>>()?, &options)?)
}

fn times(micros: Vec<i64>) -> ArrayRef {
    Arc::new(TimestampMicrosecondArray::from(micros))
}

fn arrival_times(runs: &[RecordRun], rows: usize) -> ArrayRef {
    let mut micros = Vec::with_capacity(rows);
    for run in runs {
        micros.resize(micros.len() + run.count as usize, run.arrival.micros());
    }
    times(micros)
}

/// The partition keys, if they are wanted, and the data, if they are: both in one walk over the records.
fn keys_and_data(runs: &[RecordRun], rows: usize, with_keys: bool, with_data: bool) -> Result<(ArrayRef, ArrayRef)> {
    let capacity = |wanted: bool| if wanted { rows } else { 0 };
    let mut keys = StringViewBuilder::with_capacity(capacity(with_keys));
    let mut data = BinaryViewBuilder::with_capacity(capacity(with_data));
    for run in runs.iter().filter(|_| with_keys || with_data) {
        let buffer = Buffer::from(run.buffer().clone());
        let (key_block, data_block) = (keys.append_block(buffer.clone()), data.append_block(buffer));
        for record in run.records() {
            if with_keys {
                keys.try_append_view(key_block, record.key_offset, record.key.len() as u32)?;
            }
            if with_data {
                data.try_append_view(data_block, record.data_offset, record.data.len() as u32)?;
            }
        }
    }
    Ok((Arc::new(keys.finish()), Arc::new(data.finish())))
}

fn shard_ids(shard: &Shard, rows: usize) -> Result<ArrayRef> {
    let id = shard.id.to_string();
    let mut ids = StringViewBuilder::with_capacity(rows);
    let block = ids.append_block(Buffer::from(id.as_bytes()));
    for _ in 0..rows {
        ids.try_append_view(block, 0, id.len() as u32)?;
    }
    Ok(Arc::new(ids.finish()))
}

fn sequence_numbers(shard: &Shard, runs: &[RecordRun], rows: usize) -> Result<ArrayRef> {
    let mut digits = Vec::with_capacity(rows * SequenceNumber::DIGITS);
    for ordinal in runs.iter().flat_map(|run| run.first..run.next_ordinal()) {
        digits.extend_from_slice(&shard.sequence_number(ordinal).digits());
    }
    let mut numbers = StringViewBuilder::with_capacity(rows);
    let block = numbers.append_block(Buffer::from_vec(digits));
    for row in 0..rows {
        numbers.try_append_view(block, (row * SequenceNumber::DIGITS) as u32, SequenceNumber::DIGITS as u32)?;
    }
    Ok(Arc::new(numbers.finish()))
}
