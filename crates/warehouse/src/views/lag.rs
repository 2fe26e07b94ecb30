//! How far views are behind their streams.

use tidemill_stream::StreamName;

use super::Views;
use crate::storage::Relation;

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
        let snapshot = self.store.read_view().snapshot;
        snapshot.relations.values().filter_map(|relation| self.lag(cluster, relation)).collect()
    }

    fn lag(&self, cluster: &str, relation: &Relation) -> Option<ViewLag> {
        let name = &relation.streaming()?.stream;
        let stream = self.roles.streams.get(&StreamName::parse(name).ok()?).ok()?;
        let positions = self.positions(relation.id);
        let shards = stream.shards();
        let behind = shards.iter().map(|shard| {
            let next = positions.get(&shard.id.0).copied().unwrap_or(1);
            stream.next_ordinal(shard.id).saturating_sub(next)
        });
        let records = behind.sum();
        let (schema, view) = (relation.schema.clone(), relation.name.clone());
        Some(ViewLag { cluster: cluster.to_owned(), schema, view, stream: name.clone(), records })
    }
}
