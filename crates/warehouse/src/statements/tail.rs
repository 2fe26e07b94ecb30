//! TAIL: the rows that a view over a stream gets from now on, as texts, without an end.
//!
//! A reader that is too slow misses rows which have gone into files meanwhile: this is for looking, not for copying.

use std::collections::VecDeque;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::ObjectName;
use futures::StreamExt;

use crate::error::{Result, SqlError};
use crate::session::{Description, Outcome, Session};
use crate::storage::{Column, Privilege, Store};
use crate::types::{MAX_VARCHAR, SqlType};

pub(super) fn run(session: &Session, name: &ObjectName) -> Result<Outcome> {
    let (id, schema) = view(session, name)?;
    let shown = Arc::clone(&schema);
    let store = Arc::clone(&session.cluster.store);
    let seen = store.read_view().hot.get(&id).map_or(0, |hot| hot.added());
    let tail = Tail { store, user: session.user.clone(), id, seen, waiting: VecDeque::new() };
    let rows = futures::stream::unfold(tail, |mut tail| async move { Some((tail.next().await?, tail)) });
    let rows = rows.map(move |batch| texts(&batch, &shown));
    Ok(Outcome::Rows(Box::pin(RecordBatchStreamAdapter::new(schema, rows))))
}

pub(super) fn describe(session: &Session, name: &ObjectName) -> Result<Description> {
    let (_, schema) = view(session, name)?;
    Ok(Description { parameters: Vec::new(), columns: Some(schema) })
}

fn view(session: &Session, name: &ObjectName) -> Result<(i64, SchemaRef)> {
    let relation = session.relation(name)?;
    session.require(&relation, Privilege::Select)?;
    if relation.streaming().is_none() || relation.partials.is_some() {
        let message =
            format!("TAIL needs a materialized view over a stream that does not group, not \"{}\"", relation.name);
        return Err(SqlError::unsupported(message));
    }
    let column = |column: &Column| SqlType::Varchar(MAX_VARCHAR).field(&column.name);
    Ok((relation.id, Arc::new(Schema::new(relation.columns.iter().map(column).collect::<Vec<_>>()))))
}

/// The rows as texts: who looks at them need not know their types.
fn texts(batch: &RecordBatch, schema: &SchemaRef) -> datafusion::common::Result<RecordBatch> {
    let format = FormatOptions::default().with_timestamp_format(Some("%Y-%m-%d %H:%M:%S%.f"));
    let text = |values: &ArrayRef| -> datafusion::common::Result<ArrayRef> {
        let formatter = ArrayFormatter::try_new(values, &format)?;
        let text = |row| values.is_valid(row).then(|| formatter.value(row).to_string());
        Ok(Arc::new((0..values.len()).map(text).collect::<StringViewArray>()))
    };
    let columns = batch.columns().iter().map(text).collect::<datafusion::common::Result<_>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), columns)?)
}

struct Tail {
    store: Arc<Store>,
    user: String,
    id: i64,
    /// Rows of the view that were passed by.
    seen: usize,
    waiting: VecDeque<RecordBatch>,
}

impl Tail {
    /// The next rows; none when the view is dropped or may not be read any more.
    async fn next(&mut self) -> Option<RecordBatch> {
        let mut changes = self.store.changes();
        loop {
            if let Some(batch) = self.waiting.pop_front() {
                return Some(batch);
            }
            changes.mark_unchanged();
            let view = self.store.read_view();
            let relation = view.snapshot.relations.get(&self.id)?;
            view.snapshot.require(&self.user, relation, Privilege::Select).ok()?;
            let hot = view.hot.get(&self.id)?;
            self.waiting.extend(hot.added_since(self.seen));
            self.seen = hot.added();
            if self.waiting.is_empty() {
                changes.changed().await.ok()?;
            }
        }
    }
}
