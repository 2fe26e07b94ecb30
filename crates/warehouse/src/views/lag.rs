//! How far views are behind what they read.

use std::sync::Arc;

use tidemill_stream::ShardId;

use super::Views;
use super::refresh::ends;
use crate::storage::{ReadView, Relation, RelationKind};

/// The lag of one streaming view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ViewLag {
    /// Its cluster.
    pub cluster: String,
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub view: String,
    /// The stream that it reads.
    pub stream: String,
    /// Records of the stream that it does not show yet.
    pub records: u64,
}

impl Views {
    /// The lag of each view of `cluster` whose stream exists.
    pub(crate) fn lags(&self, cluster: &str) -> Vec<ViewLag> {
        let read = self.store.read_view();
        let lag = |relation: &Arc<Relation>| {
            let records = self.records_behind(&read, relation)?;
            let (schema, view) = (relation.schema.clone(), relation.name.clone());
            let stream = relation.streaming()?.stream.clone();
            Some(ViewLag { cluster: cluster.to_owned(), schema, view, stream, records })
        };
        read.snapshot.relations.values().filter_map(lag).collect()
    }

    /// Whether what a view reads has changed since its last refresh; none if that cannot be told.
    pub(crate) fn is_stale(&self, read: &ReadView, relation: &Relation) -> Option<bool> {
        match &relation.kind {
            RelationKind::Table => None,
            RelationKind::Streaming(_) => self.records_behind(read, relation).map(|records| records > 0),
            RelationKind::Derived(_) if self.reading(read).is_live(relation) => Some(false),
            RelationKind::Derived(view) => Some(self.is_behind(read, view)),
        }
    }

    /// Records that a streaming view does not show yet, if its stream exists.
    pub(crate) fn records_behind(&self, read: &ReadView, relation: &Relation) -> Option<u64> {
        Some(self.shards_behind(read, relation)?.into_iter().map(|(_, records)| records).sum())
    }

    /// The same by shard.
    pub(crate) fn shards_behind(&self, read: &ReadView, relation: &Relation) -> Option<Vec<(ShardId, u64)>> {
        let stream = self.stream(relation)?;
        let hot = read.hot_rows(relation)?;
        let behind = ends(&stream).into_iter().map(|(shard, end)| {
            let next = hot.positions().get(&shard).copied().unwrap_or(1);
            (ShardId(shard), end.saturating_sub(next))
        });
        Some(behind.collect())
    }
}
