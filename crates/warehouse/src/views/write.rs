//! Rows of a query into data files, and columns from the query that defines a relation.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::{Field, SchemaRef};
use futures::{Stream, TryStreamExt};

use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::{Column, DataFile, Relation, Store};
use crate::types::SqlType;

/// Rows of one data file, and bytes of them in memory.
const FILE_ROWS: usize = 1 << 20;
const FILE_BYTES: usize = 256 << 20;

/// What [`write_rows`] has written.
pub(crate) struct Written {
    pub(crate) files: Vec<DataFile>,
    pub(crate) rows: usize,
}

/// Writes the rows of a query into files of `relation` that no transaction names yet.
pub(crate) async fn write_rows(
    store: &Store,
    relation: &Relation,
    rows: impl Stream<Item = Result<RecordBatch>>,
) -> Result<Written> {
    let schema = relation.stored_schema();
    let mut written = Written { files: Vec::new(), rows: 0 };
    let (mut pending, mut pending_rows, mut pending_bytes) = (Vec::new(), 0, 0);
    let mut rows = std::pin::pin!(rows);
    while let Some(batch) = rows.try_next().await? {
        pending_rows += batch.num_rows();
        pending_bytes += batch.get_array_memory_size();
        written.rows += batch.num_rows();
        pending.push(as_schema(&batch, &schema)?);
        if pending_rows >= FILE_ROWS || pending_bytes >= FILE_BYTES {
            written.files.push(write_file(store, relation, std::mem::take(&mut pending)).await?);
            (pending_rows, pending_bytes) = (0, 0);
        }
    }
    if pending_rows > 0 {
        written.files.push(write_file(store, relation, pending).await?);
    }
    Ok(written)
}

/// Writes rows into a new file of `relation`, off the threads that serve clients.
pub(crate) async fn write_file(store: &Store, relation: &Relation, rows: Vec<RecordBatch>) -> Result<DataFile> {
    let (writer, id) = (store.writer(relation), store.new_file_id());
    tokio::task::spawn_blocking(move || writer.write(id, &rows))
        .await
        .map_err(|error| SqlError::new(ErrorKind::Io, format!("writing a data file: {error}")))?
}

/// Columns of a relation from the fields of the query that defines it.
pub(crate) fn columns_of(schema: &datafusion::common::DFSchema) -> Vec<Column> {
    let column = |(id, field): (i64, &Arc<Field>)| Column {
        id,
        name: crate::sql::shown_name(field.name()).to_owned(),
        sql_type: SqlType::of(field),
        nullable: true,
    };
    (1..).zip(schema.fields()).map(column).collect()
}

/// Rows in the types of a schema that has the same columns.
pub(crate) fn as_schema(rows: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
    let convert = |(values, field): (&ArrayRef, &Arc<Field>)| -> Result<ArrayRef> {
        if values.data_type() == field.data_type() {
            return Ok(Arc::clone(values));
        }
        let from = SqlType::of_arrow(values.data_type());
        Ok(crate::functions::assign(values, from, SqlType::of(field))?)
    };
    let values = rows.columns().iter().zip(schema.fields()).map(convert).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), values)?)
}
