//! Parquet data files: writing them, and what the catalog knows of each.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::common::ScalarValue;
use tidemill_clock::{Disk, Timestamp};
use uuid::Uuid;

use super::encode::{Encoded, encode};
use super::{Column, Relation};
use crate::error::Result;

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

impl ColumnStats {
    /// What is known of no values.
    pub(super) fn of_nothing(column: i64) -> Self {
        Self { column, bytes: 0, nulls: Some(0), min: None, max: None }
    }

    /// Takes in what is known of more values.
    pub(super) fn merge(&mut self, more: Self) {
        self.nulls = self.nulls.zip(more.nulls).map(|(one, other)| one + other);
        self.min = [self.min.take(), more.min]
            .into_iter()
            .flatten()
            .reduce(|one, other| if other < one { other } else { one });
        self.max = [self.max.take(), more.max]
            .into_iter()
            .flatten()
            .reduce(|one, other| if other > one { other } else { one });
    }
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
    pub(crate) fn write(self, id: i64, rows: &[RecordBatch]) -> Result<DataFile> {
        let Encoded { bytes, stats } = encode(&self.columns, &self.sort, rows)?;
        let path = self.dir.join(&self.name);
        self.disk.create_dir(&self.dir)?;
        let file = self.disk.create(&path)?;
        file.write_at(&bytes, 0)?;
        file.sync_data()?;
        self.disk.sync_dir(&self.dir)?;
        Ok(DataFile {
            id,
            records: rows.iter().map(RecordBatch::num_rows).sum::<usize>() as i64,
            bytes: bytes.len() as i64,
            footer: footer_length(&bytes),
            row_id_start: 0,
            stats,
            path: self.name,
        })
    }
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
