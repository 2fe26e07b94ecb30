//! The store of one cluster: publishes what statements read, and commits what they change.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tidemill_clock::{Disk, Timestamp};
use tidemill_stream::Machine;
use tokio::sync::{Mutex, watch};

use super::activity::Activity;
use super::catalog::Catalog;
use super::file::{begun, dir_name};
use super::{Change, DataFile, DeadLetter, FileWriter, HotRows, Positions, Relation, RelationKind, Snapshot};
use crate::error::{ErrorKind, Result, SqlError};

/// No file that is written for longer than this before it is committed is kept.
const LONGEST_WRITE: Duration = Duration::from_secs(24 * 60 * 60);

/// A moment of the past.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// When this was the catalog's snapshot.
    Snapshot(i64),
    Time(Timestamp),
}

impl std::fmt::Display for Moment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Snapshot(id) => write!(f, "{id}"),
            Self::Time(time) => write!(f, "of {}", super::catalog::time_text(*time)),
        }
    }
}

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
    machine: Machine,
    data: PathBuf,
    history: Duration,
    opened: Timestamp,
    /// What is published. Held to swap or clone a few pointers.
    published: RwLock<ReadView>,
    /// One commit at a time; held across the database transaction, hence tokio's.
    commit: Mutex<()>,
    next_id: AtomicI64,
    next_file: AtomicI64,
    activity: Activity,
    /// Counts what was published, for those who follow it.
    changes: watch::Sender<u64>,
}

impl Store {
    /// Opens the store in `dir`, which is created if need be. Files that were replaced are kept for `history`.
    pub(crate) async fn open(dir: &Path, machine: Machine, history: Duration) -> Result<Self> {
        std::fs::create_dir_all(dir)?;
        let opened = machine.clock.now();
        let data = std::path::absolute(dir.join("data"))?;
        let (catalog, loaded) = Catalog::open(&dir.join("catalog.sqlite"), &data, machine.clone()).await?;
        let hot = loaded.snapshot.relations.values().filter_map(|relation| {
            let view = relation.streaming()?;
            Some((relation.id, Arc::new(HotRows::starting_at(view.positions.clone()))))
        });
        let hot = Arc::new(hot.collect());
        let activity = Activity::new(catalog.events().await?);
        Ok(Self {
            catalog,
            activity,
            machine,
            data,
            history,
            opened,
            published: RwLock::new(ReadView { snapshot: Arc::new(loaded.snapshot), hot }),
            commit: Mutex::new(()),
            next_id: AtomicI64::new(loaded.next_id),
            next_file: AtomicI64::new(loaded.next_file),
            changes: watch::Sender::new(0),
        })
    }

    /// What a statement that starts now reads.
    pub(crate) fn read_view(&self) -> ReadView {
        self.read().clone()
    }

    /// Changes whenever something new is published.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// A number for a new schema, relation or user.
    pub(crate) fn new_id(&self) -> i64 {
        self.next_id.fetch_add(1, Ordering::Relaxed)
    }

    /// A number for a new file.
    pub(crate) fn new_file_id(&self) -> i64 {
        self.next_file.fetch_add(1, Ordering::Relaxed)
    }

    /// A writer of one file of `relation`.
    pub(crate) fn writer(&self, relation: &Relation) -> FileWriter {
        let Machine { clock, disk, .. } = &self.machine;
        FileWriter::new(Arc::clone(disk), self.dir_of(relation), clock.now(), relation)
    }

    /// Where the files of `relation` are.
    pub(crate) fn dir_of(&self, relation: &Relation) -> PathBuf {
        self.data.join(dir_name(&relation.schema)).join(dir_name(&relation.name))
    }

    /// Commits changes together and publishes them.
    pub(crate) async fn commit(self: &Arc<Self>, changes: Vec<Change>) -> Result<()> {
        self.commit_with(changes, |_| {}).await
    }

    /// The same, and the hot rows of `relation` are what `update` makes of them: after the flush of a view, its sealed
    /// rows are in the files that `changes` name.
    pub(crate) async fn commit_and_update(
        self: &Arc<Self>,
        relation: i64,
        changes: Vec<Change>,
        update: impl FnOnce(&HotRows) -> HotRows + Send + 'static,
    ) -> Result<()> {
        self.commit_with(changes, move |hot| {
            if let Some(rows) = hot.get_mut(&relation) {
                *rows = Arc::new(update(rows));
            }
        })
        .await
    }

    /// The same, and views over streams have read so far: their rows are in files that `changes` name.
    pub(crate) async fn commit_and_reach(
        self: &Arc<Self>,
        changes: Vec<Change>,
        reached: Vec<(i64, Positions)>,
    ) -> Result<()> {
        self.commit_with(changes, move |hot| {
            for (relation, positions) in reached {
                if let Some(rows) = hot.get_mut(&relation) {
                    *rows = Arc::new(rows.reaching(positions));
                }
            }
        })
        .await
    }

    /// Removes the files of changes that will not be committed.
    pub(crate) async fn discard(&self, changes: Vec<Change>) {
        let snapshot = self.read_view().snapshot;
        let mut paths = Vec::new();
        for change in changes {
            if let Change::AppendFiles { relation, files, .. } | Change::ReplaceFiles { relation, files, .. } = change
                && let Some(relation) = snapshot.relations.get(&relation)
            {
                let dir = self.dir_of(relation);
                paths.extend(files.iter().map(|file| dir.join(&file.path)));
            }
        }
        let disk = Arc::clone(&self.machine.disk);
        let removed = tokio::task::spawn_blocking(move || paths.iter().try_for_each(|path| remove(&*disk, path))).await;
        if let Ok(Err(error)) = removed {
            tracing::warn!(%error, "files of a transaction that was given up stay until they are taken for orphans");
        }
    }

    /// The records that views have set aside, by view: those in the catalog and those in memory.
    pub(crate) async fn dead_letters(&self, view: &ReadView, with_data: bool) -> Result<Vec<(i64, Arc<DeadLetter>)>> {
        let mut letters = self.catalog.dead_letters(with_data).await?;
        // A flush may have put some of them into the catalog since the view was taken.
        let kept: HashSet<(i64, String)> =
            letters.iter().map(|(id, letter)| (*id, letter.sequence_number.clone())).collect();
        for (id, hot) in view.hot.iter() {
            let new = hot.letters().filter(|letter| !kept.contains(&(*id, letter.sequence_number.clone())));
            letters.extend(new.map(|letter| (*id, Arc::clone(letter))));
        }
        Ok(letters)
    }

    /// What refreshes did.
    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }

    /// Writes down what refreshes did.
    pub(crate) async fn save_activity(&self) -> Result<()> {
        let _committing = self.commit.lock().await;
        let (events, last) = self.activity.to_save();
        self.catalog.save_events(&events).await?;
        self.activity.set_saved(last);
        Ok(())
    }

    /// Changes the hot rows of a view.
    pub(crate) fn update_hot(&self, relation: i64, update: impl FnOnce(&HotRows) -> Result<HotRows>) -> Result<()> {
        let mut published = self.write();
        // A dropped view has no place for rows any more.
        let Some(rows) = published.hot.get(&relation) else { return Ok(()) };
        let rows = update(rows)?;
        Arc::make_mut(&mut published.hot).insert(relation, Arc::new(rows));
        drop(published);
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    /// The files that a relation had in a past snapshot.
    pub(crate) async fn files_at(&self, relation: &Relation, moment: Moment) -> Result<Vec<Arc<DataFile>>> {
        self.catalog.history().files_at(relation, moment).await
    }

    /// Removes what no snapshot of the kept history names: files that were replaced, and those that no transaction ever
    /// named. Takes the time by which it was to be removed.
    pub(crate) async fn remove_old(&self, now: Timestamp) -> Result<()> {
        let _committing = self.commit.lock().await;
        let history = self.catalog.history();
        let forgotten = history.forget_before(now.minus(self.history)).await?;
        let named = history.named_files().await?.into_iter().map(|path| self.data.join(path)).collect();
        let relations: Vec<PathBuf> =
            self.read().snapshot.relations.values().map(|relation| self.dir_of(relation)).collect();
        let (disk, data) = (Arc::clone(&self.machine.disk), self.data.clone());
        // What this process has written may be named yet; what an earlier one has left behind never is.
        let horizon = self.opened.max(now.minus(LONGEST_WRITE));
        let clean = move || {
            forgotten.iter().try_for_each(|path| remove(&*disk, &data.join(path)))?;
            relations.iter().try_for_each(|dir| remove_orphans(&*disk, dir, &named, horizon))
        };
        tokio::task::spawn_blocking(clean).await.map_err(|error| SqlError::new(ErrorKind::Io, error.to_string()))?
    }

    /// Closes the catalog's database.
    pub(crate) async fn close(&self) {
        self.catalog.close().await;
    }

    /// A commit goes on to its end even if the statement that makes it is cancelled: what is published is what the catalog
    /// says.
    async fn commit_with(
        self: &Arc<Self>,
        changes: Vec<Change>,
        update_hot: impl FnOnce(&mut HashMap<i64, Arc<HotRows>>) + Send + 'static,
    ) -> Result<()> {
        if changes.is_empty() {
            return Ok(());
        }
        let store = Arc::clone(self);
        let commit = tokio::spawn(async move { store.write_and_publish(changes, update_hot).await });
        commit.await.map_err(|error| SqlError::new(ErrorKind::Internal, format!("a commit ended early: {error}")))?
    }

    async fn write_and_publish(
        &self,
        changes: Vec<Change>,
        update_hot: impl FnOnce(&mut HashMap<i64, Arc<HotRows>>),
    ) -> Result<()> {
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
        drop(published);
        self.changes.send_modify(|count| *count += 1);
        Ok(())
    }

    fn read(&self) -> RwLockReadGuard<'_, ReadView> {
        self.published.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, ReadView> {
        self.published.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn remove(disk: &dyn Disk, path: &Path) -> Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Removes files in `dir` that were begun before `horizon` and are not named.
fn remove_orphans(disk: &dyn Disk, dir: &Path, named: &HashSet<PathBuf>, horizon: Timestamp) -> Result<()> {
    let files = match disk.list(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        files => files?,
    };
    for file in files {
        let is_old = begun(&file).is_some_and(|begun| begun < horizon);
        if is_old && !named.contains(&file) {
            remove(disk, &file)?;
        }
    }
    Ok(())
}
