//! Parquet data files: writing them, and what the catalog knows of each.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{LexicographicalComparator, SortColumn, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion_functions_aggregate_common::min_max::{max_batch, min_batch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use tidemill_clock::{Disk, Timestamp};
use uuid::Uuid;

use super::{Column, Relation};
use crate::error::Result;
use crate::types::SqlType;

/// Rows of a row group: the unit that a scan can skip.
const ROW_GROUP: usize = 128 << 10;
/// Longer texts are no use as bounds.
const LONGEST_BOUND: usize = 128;

/// A data file as the catalog knows it.
#[derive(Debug, Clone)]
pub(crate) struct DataFile {
    pub(crate) id: i64,
    /// Relative to the relation's directory.
    pub(crate) path: String,
    pub(crate) records: i64,
    pub(crate) bytes: i64,
    pub(crate) footer: i64,
    pub(crate) row_id_start: i64,
    /// One a column, in order.
    pub(crate) stats: Vec<ColumnStats>,
}

/// What is known of one column's values in a file.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnStats {
    pub(crate) column: i64,
    pub(crate) bytes: i64,
    /// None if it is not known.
    pub(crate) nulls: Option<i64>,
    pub(crate) min: Option<ScalarValue>,
    pub(crate) max: Option<ScalarValue>,
}

/// Writes the rows of one relation into files. Blocking.
#[derive(Debug)]
pub(crate) struct FileWriter {
    disk: Arc<dyn Disk>,
    /// A name for the next file.
    name: String,
    dir: PathBuf,
    columns: Vec<Column>,
    sort: Vec<usize>,
}

impl FileWriter {
    /// A writer for one file of `relation`, whose files are in `dir`.
    pub(crate) fn new(disk: Arc<dyn Disk>, dir: PathBuf, now: Timestamp, relation: &Relation) -> Self {
        let name = format!("{}.parquet", Uuid::new_v7(uuid_time(now)));
        Self { disk, name, dir, columns: relation.stored().to_vec(), sort: relation.stored_sort() }
    }

    /// Writes `rows`, sorted by the sort key, as the file `id`. Durable on return.
    pub(crate) fn write(self, id: i64, rows: &RecordBatch) -> Result<DataFile> {
        let rows = self.sorted(rows)?;
        let (bytes, metadata) = self.encode(&rows)?;
        let path = self.dir.join(&self.name);
        self.disk.create_dir(&self.dir)?;
        let file = self.disk.create(&path)?;
        file.write_at(&bytes, 0)?;
        file.sync_data()?;
        self.disk.sync_dir(&self.dir)?;
        let sizes = |column: usize| {
            metadata.row_groups().iter().map(|group| group.column(column).compressed_size()).sum::<i64>()
        };
        let stats = self.columns.iter().zip(rows.columns()).enumerate();
        let stats = stats.map(|(place, (column, values))| column_stats(column, values, sizes(place)));
        Ok(DataFile {
            id,
            records: rows.num_rows() as i64,
            bytes: bytes.len() as i64,
            footer: footer_length(&bytes),
            row_id_start: 0,
            stats: stats.collect::<Result<_>>()?,
            path: self.name,
        })
    }

    fn encode(&self, rows: &RecordBatch) -> Result<(Vec<u8>, ParquetMetaData)> {
        let options = ArrowWriterOptions::new().with_properties(self.properties(rows)?).with_skip_arrow_metadata(true);
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new_with_options(&mut bytes, self.file_schema(), options)?;
        writer.write(&RecordBatch::try_new(self.file_schema(), rows.columns().to_vec())?)?;
        let metadata = writer.close()?;
        Ok((bytes, metadata))
    }

    /// The rows in the order of the sort key. Rows that are alike in it stay in theirs, in which neighbours have much in common.
    fn sorted(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        let key = |values: ArrayRef| SortColumn { values, options: None };
        let mut keys: Vec<SortColumn> = self.sort.iter().map(|&place| key(Arc::clone(rows.column(place)))).collect();
        if is_sorted(&keys, rows.num_rows())? {
            return Ok(rows.clone());
        }
        keys.push(key(Arc::new(UInt32Array::from_iter_values(0..rows.num_rows() as u32))));
        Ok(take_record_batch(rows, &lexsort_to_indices(&keys, None)?)?)
    }

    /// The relation's schema with the field ids by which DuckLake finds columns.
    fn file_schema(&self) -> SchemaRef {
        let field = |column: &Column| {
            let id = [("PARQUET:field_id".to_owned(), column.id.to_string())];
            Field::new(&column.name, column.sql_type.arrow(), true).with_metadata(id.into())
        };
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn properties(&self, rows: &RecordBatch) -> Result<WriterProperties> {
        let mut properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
            .set_max_row_group_row_count(Some(ROW_GROUP));
        for column in self.columns.iter().filter(|column| column.name == "sequence_number") {
            // Each is the one before plus one: all but the last digits are shared.
            let path = ColumnPath::from(column.name.as_str());
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BYTE_ARRAY);
        }
        for (column, values) in self.columns.iter().zip(rows.columns()) {
            if column.name != "sequence_number" && are_distinct(values) {
                let path = ColumnPath::from(column.name.as_str());
                properties = properties.set_column_bloom_filter_enabled(path, true);
            }
        }
        Ok(properties.build())
    }
}

fn is_sorted(keys: &[SortColumn], rows: usize) -> Result<bool> {
    if keys.is_empty() {
        return Ok(true);
    }
    let comparator = LexicographicalComparator::try_new(keys)?;
    Ok((1..rows).all(|row| comparator.compare(row - 1, row).is_le()))
}

/// Whether nearly every text of a column differs from the others, by a sample of them: then a look-up of one is worth a
/// filter that says which row groups cannot have it.
fn are_distinct(values: &ArrayRef) -> bool {
    const SAMPLE: usize = 1000;
    let Some(texts) = values.as_string_view_opt() else { return false };
    let sample = texts.iter().step_by((texts.len() / SAMPLE).max(1)).flatten();
    let (mut seen, mut count) = (HashSet::new(), 0);
    for text in sample.filter(|text| text.len() <= LONGEST_BOUND) {
        seen.insert(text);
        count += 1;
    }
    count >= SAMPLE / 2 && seen.len() * 10 >= count * 9
}

fn column_stats(column: &Column, values: &ArrayRef, bytes: i64) -> Result<ColumnStats> {
    let mut stats =
        ColumnStats { column: column.id, bytes, nulls: Some(values.null_count() as i64), ..Default::default() };
    if !matches!(column.sql_type, SqlType::Super | SqlType::Varbyte(_) | SqlType::Interval) {
        stats.min = Some(min_batch(values)?).filter(is_bound);
        stats.max = Some(max_batch(values)?).filter(is_bound);
    }
    Ok(stats)
}

fn is_bound(value: &ScalarValue) -> bool {
    let short = value.try_as_str().flatten().is_none_or(|text| text.len() <= LONGEST_BOUND);
    !value.is_null() && short
}

/// The length of a Parquet file's footer, which its last eight bytes tell.
fn footer_length(file: &[u8]) -> i64 {
    let length = file.last_chunk::<8>().map(|[a, b, c, d, ..]| u32::from_le_bytes([*a, *b, *c, *d]));
    i64::from(length.unwrap_or_default())
}

/// The directory of a schema or relation of this name: nothing in it means anything to a file system.
pub(super) fn dir_name(name: &str) -> String {
    let mut dir = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' => dir.push(char::from(byte)),
            byte => dir.push_str(&format!("={byte:02X}")),
        }
    }
    dir
}

/// When a data file was begun, as its name tells; none if it is not one.
pub(super) fn begun(path: &Path) -> Option<Timestamp> {
    let (seconds, nanos) = Uuid::parse_str(path.file_stem()?.to_str()?).ok()?.get_timestamp()?.to_unix();
    Some(Timestamp::from_millis(seconds as i64 * 1000 + i64::from(nanos / 1_000_000)))
}

fn uuid_time(now: Timestamp) -> uuid::Timestamp {
    let millis = now.millis().unsigned_abs();
    uuid::Timestamp::from_unix(uuid::NoContext, millis / 1000, (millis % 1000) as u32 * 1_000_000)
}
