//! The store of one cluster: publishes what statements read, and commits what they change.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tidemill_clock::Clock;
use tokio::sync::Mutex;

use super::catalog::Catalog;
use super::{Change, FileWriter, HotRows, Relation, RelationKind, Snapshot};
use crate::error::Result;

/// What one statement reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadView {
    pub(crate) snapshot: Arc<Snapshot>,
    /// By relation.
    pub(crate) hot: Arc<HashMap<i64, Arc<HotRows>>>,
}

impl ReadView {
    /// The hot rows of a relation.
    pub(crate) fn hot_rows(&self, relation: &Relation) -> Option<&Arc<HotRows>> {
        self.hot.get(&relation.id)
    }

    /// The same with changes that are not committed.
    pub(crate) fn with(&self, changes: &[Change]) -> Result<Self> {
        let mut snapshot = Snapshot::clone(&self.snapshot);
        for change in changes {
            change.apply(&mut snapshot)?;
        }
        Ok(Self { snapshot: Arc::new(snapshot), hot: Arc::clone(&self.hot) })
    }
}

/// The catalog, the files and the hot rows of one cluster.
#[derive(Debug)]
pub(crate) struct Store {
    catalog: Catalog,
    data: PathBuf,
    /// What is published. Held to swap or clone a few pointers.
    published: RwLock<ReadView>,
    /// One commit at a time; held across the database transaction, hence tokio's.
    commit: Mutex<()>,
    next_id: AtomicI64,
    next_file: AtomicI64,
}

impl Store {
    /// Opens the store in `dir`, which is created if need be.
    pub(crate) async fn open(dir: &Path, clock: Arc<dyn Clock>) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let data = std::path::absolute(dir.join("data"))?;
        let (catalog, loaded) = Catalog::open(&dir.join("catalog.sqlite"), &data, clock).await?;
        let hot = loaded.snapshot.relations.values().filter_map(|relation| {
            let view = relation.streaming()?;
            Some((relation.id, Arc::new(HotRows::starting_at(view.positions.clone()))))
        });
        let hot = Arc::new(hot.collect());
        Ok(Self {
            catalog,
            data,
            published: RwLock::new(ReadView { snapshot: Arc::new(loaded.snapshot), hot }),
            commit: Mutex::new(()),
            next_id: AtomicI64::new(loaded.next_id),
            next_file: AtomicI64::new(loaded.next_file),
        })
    }

    /// What a statement that starts now reads.
    pub(crate) fn read_view(&self) -> ReadView {
        self.read().clone()
    }

    /// A number for a new schema, relation or user.
    pub(crate) fn new_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a new file.
    pub(crate) fn new_file_id(&self) -> i64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// A writer of files of `relation`.
    pub(crate) fn writer(&self, relation: &Relation) -> FileWriter {
        FileWriter::new(self.dir_of(relation), relation)
    }

    /// Where the files of `relation` are.
    pub(crate) fn dir_of(&self, relation: &Relation) -> PathBuf {
        self.data.join(&relation.schema).join(&relation.name)
    }

    /// Commits changes together and publishes them.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        self.commit_with(changes, |_| {}).await
    }

    /// The same for the flush of a view: its sealed hot rows are in the files that `changes` name.
    pub(crate) async fn commit_flush(&self, relation: i64, changes: Vec<Change>) -> Result<()> {
        self.commit_with(changes, |hot| {
            if let Some(rows) = hot.get_mut(&relation) {
                *rows = Arc::new(rows.without_sealed());
            }
        })
        .await
    }

    /// Changes the hot rows of a view.
    pub(crate) fn update_hot(&self, relation: i64, update: impl FnOnce(&HotRows) -> Result<HotRows>) -> Result<()> {
        let mut published = self.write();
        let rows = published.hot.get(&relation).cloned().unwrap_or_default();
        let rows = update(&rows)?;
        Arc::make_mut(&mut published.hot).insert(relation, Arc::new(rows));
        Ok(())
    }

    /// Closes the catalog's database.
    pub(crate) async fn close(&self) {
        self.catalog.close().await;
    }

    async fn commit_with(
        &self,
        changes: Vec<Change>,
        update_hot: impl FnOnce(&mut HashMap<i64, Arc<HotRows>>),
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let _committing = self.commit.lock().await;
        let before = Arc::clone(&self.read().snapshot);
        let mut after = Snapshot::clone(&before);
        for change in &changes {
            change.apply(&mut after)?;
        }
        after.id += 1;
        after.schema_version += i64::from(changes.iter().any(Change::is_structural));
        let ids = (self.next_id.load(Ordering::Relaxed), self.next_file.load(Ordering::Relaxed));
        self.catalog.write(&before, &after, &changes, ids).await?;

        let mut published = self.write();
        let hot = Arc::make_mut(&mut published.hot);
        for change in &changes {
            match change {
                Change::CreateRelation(relation) if matches!(relation.kind, RelationKind::Streaming(_)) => {
                    hot.insert(relation.id, Arc::default());
                }
                Change::DropRelation(id) => drop(hot.remove(id)),
                _ => {}
            }
        }
        update_hot(hot);
        published.snapshot = Arc::new(after);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, ReadView> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, ReadView> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }
}
