//! Parquet data files: writing them, and what the catalog knows of each.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::compute::{SortColumn, lexsort_to_indices, take_record_batch};
use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion_functions_aggregate_common::min_max::{max_batch, min_batch};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
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
    pub(crate) nulls: i64,
    pub(crate) min: Option<ScalarValue>,
    pub(crate) max: Option<ScalarValue>,
}

/// Writes the rows of one relation into files. Blocking.
#[derive(Debug)]
pub(crate) struct FileWriter {
    dir: PathBuf,
    columns: Vec<Column>,
    sort: Vec<usize>,
}

impl FileWriter {
    /// A writer for `relation`, whose files are in `dir`.
    pub(crate) fn new(dir: PathBuf, relation: &Relation) -> Self {
        Self { dir, columns: relation.stored().to_vec(), sort: relation.stored_sort() }
    }

    /// Writes `rows`, sorted by the sort key, as the file `id`. Durable on return.
    pub(crate) fn write(&self, id: i64, rows: &RecordBatch) -> Result<DataFile> {
        std::fs::create_dir_all(&self.dir)?;
        let name = format!("{}.parquet", Uuid::now_v7());
        let path = self.dir.join(&name);
        let rows = self.sorted(rows)?;
        let file = File::create_new(&path)?;
        let options = ArrowWriterOptions::new().with_properties(self.properties()?).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(file.try_clone()?, self.file_schema(), options)?;
        writer.write(&RecordBatch::try_new(self.file_schema(), rows.columns().to_vec())?)?;
        let metadata = writer.close()?;
        file.sync_all()?;
        File::open(&self.dir)?.sync_all()?;
        let bytes = file.metadata()?.len() as i64;
        let sizes = |column: usize| {
            metadata.row_groups().iter().map(|group| group.column(column).compressed_size()).sum::<i64>()
        };
        let stats = self.columns.iter().zip(rows.columns()).enumerate();
        let stats = stats.map(|(place, (column, values))| column_stats(column, values, sizes(place)));
        Ok(DataFile {
            id,
            path: name,
            records: rows.num_rows() as i64,
            bytes,
            footer: footer_length(&path)?,
            row_id_start: 0,
            stats: stats.collect::<Result<_>>()?,
        })
    }

    fn sorted(&self, rows: &RecordBatch) -> Result<RecordBatch> {
        if self.sort.is_empty() {
            return Ok(rows.clone());
        }
        let keys = self.sort.iter().map(|&key| SortColumn { values: Arc::clone(rows.column(key)), options: None });
        let order = lexsort_to_indices(&keys.collect::<Vec<_>>(), None)?;
        Ok(take_record_batch(rows, &order)?)
    }

    /// The relation's schema with the field ids by which DuckLake finds columns.
    fn file_schema(&self) -> SchemaRef {
        let field = |column: &Column| {
            let id = [("PARQUET:field_id".to_owned(), column.id.to_string())];
            Field::new(&column.name, column.sql_type.arrow(), true).with_metadata(id.into())
        };
        Arc::new(Schema::new(self.columns.iter().map(field).collect::<Vec<_>>()))
    }

    fn properties(&self) -> Result<WriterProperties> {
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
        Ok(properties.build())
    }
}

fn column_stats(column: &Column, values: &ArrayRef, bytes: i64) -> Result<ColumnStats> {
    let mut stats = ColumnStats { column: column.id, bytes, nulls: values.null_count() as i64, ..Default::default() };
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
fn footer_length(path: &Path) -> Result<i64> {
    use std::os::unix::fs::FileExt;
    let file = File::open(path)?;
    let mut length = [0; 4];
    file.read_exact_at(&mut length, file.metadata()?.len() - 8)?;
    Ok(i64::from(u32::from_le_bytes(length)))
}
