//! System relations and functions: PostgreSQL's catalog as Redshift has it, and Redshift's own views.
//! Each relation is a list of columns and a function that makes its rows from a read view.

mod functions;
mod ids;
mod information;
mod postgres;
mod redshift;
mod streaming;

use std::ops::Deref;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::arrow::datatypes::Schema;
use datafusion::catalog::{MemTable, TableProvider};
use datafusion::common::{Result, ScalarValue};

use crate::error::SqlError;
use crate::storage::{DeadLetter, ReadView};
use crate::types::SqlType;
use crate::views::Views;

pub(crate) use functions::functions;

/// One system relation.
struct SystemRelation {
    name: &'static str,
    columns: &'static [(&'static str, SqlType)],
    rows: fn(&System<'_>) -> Vec<Vec<ScalarValue>>,
}

/// What system relations tell of.
struct System<'s> {
    view: &'s ReadView,
    views: &'s Views,
    /// Who looks; nobody where privileges do not count.
    user: Option<&'s str>,
    /// Records that views have set aside, by view; only for the relations that show them.
    letters: Vec<(i64, Arc<DeadLetter>)>,
}

impl Deref for System<'_> {
    type Target = ReadView;

    fn deref(&self) -> &ReadView {
        self.view
    }
}

/// The system relation of this name, if the schema may hold one.
pub(crate) async fn relation(
    schema: &str,
    name: &str,
    view: &ReadView,
    views: &Views,
    user: Option<&str>,
) -> Result<Option<Arc<dyn TableProvider>>, SqlError> {
    let rooms: &[&[SystemRelation]] = match schema {
        "information_schema" => &[information::RELATIONS],
        _ => &[streaming::RELATIONS, redshift::RELATIONS, postgres::RELATIONS],
    };
    let found = rooms.iter().flat_map(|room| room.iter()).find(|relation| relation.name == name);
    let Some(found) = found else { return Ok(None) };
    let letters = match name {
        "sys_stream_scan_errors" => views.dead_letters(view, false).await?,
        "tidemill_dead_letters" => views.dead_letters(view, true).await?,
        _ => Vec::new(),
    };
    Ok(Some(table(found, &System { view, views, user, letters })?))
}

fn table(found: &SystemRelation, system: &System<'_>) -> Result<Arc<dyn TableProvider>> {
    let fields: Vec<_> = found.columns.iter().map(|(name, sql_type)| sql_type.field(*name)).collect();
    let schema = Arc::new(Schema::new(fields));
    let rows = (found.rows)(system);
    let column = |place: usize, sql_type: SqlType| -> Result<ArrayRef> {
        if rows.is_empty() {
            return Ok(datafusion::arrow::array::new_empty_array(&sql_type.arrow()));
        }
        let values = rows.iter().map(|row| row[place].cast_to(&sql_type.arrow()));
        ScalarValue::iter_to_array(values.collect::<Result<Vec<_>>>()?)
    };
    let columns = found.columns.iter().enumerate().map(|(place, (_, sql_type))| column(place, *sql_type));
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns.collect::<Result<_>>()?, &options)?;
    Ok(Arc::new(MemTable::try_new(schema, vec![vec![batch]])?))
}

/// Whether the system relation of this name is there for clients to look into, but has no rows: there are no column
/// defaults, collations or comments.
pub(crate) fn is_always_empty(name: &str) -> bool {
    matches!(name, "pg_attrdef" | "pg_collation" | "pg_description")
}

/// A row from values of any kind.
macro_rules! row {
    ($($value:expr),* $(,)?) => { vec![$(datafusion::common::ScalarValue::from($value)),*] };
}
use row;
