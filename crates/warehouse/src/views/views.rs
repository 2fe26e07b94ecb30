//! The streaming views of one cluster: refreshing, flushing, starting and stopping them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tidemill_clock::Clock;
use tidemill_iam::RoleArn;
use tidemill_stream::{Dependent, ShardId, Stream, StreamName};
use tokio_util::sync::CancellationToken;

use super::fold::{Fold, write_file};
use super::{Program, RoleChecker, auto, flush};
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::{Change, Positions, Relation, Store, StreamingView};

/// Hot rows are flushed when they were made from so many bytes of the log, …
const FLUSH_BYTES: usize = 64 << 20;
/// … or at this interval.
const FLUSH_EVERY: Duration = Duration::from_secs(60);

/// The streaming views of a cluster.
pub(crate) struct Views {
    pub(super) store: Arc<Store>,
    pub(super) roles: RoleChecker,
    clock: Arc<dyn Clock>,
    slices: usize,
    /// Makes the program of a view anew after a start.
    compiler: Box<dyn Compiler>,
    running: Mutex<HashMap<i64, Arc<Running>>>,
    stop: CancellationToken,
}

/// Compiles a view's query.
#[async_trait]
pub(crate) trait Compiler: Send + Sync {
    async fn compile(&self, relation: &Relation) -> Result<Program>;
}

/// One view at work.
struct Running {
    /// One refresh or flush at a time. Holds the compiled view, once it was needed.
    turn: tokio::sync::Mutex<Option<Program>>,
    /// Ends all work on the view.
    stop: CancellationToken,
    /// Ends its automatic refresh only. Held to replace it.
    auto: Mutex<CancellationToken>,
}

impl Running {
    fn new(stop: CancellationToken) -> Self {
        let auto = Mutex::new(stop.child_token());
        Self { turn: tokio::sync::Mutex::new(None), stop, auto }
    }

    /// Ends the automatic refresh. Returns what will end the next one.
    fn renew_auto(&self) -> CancellationToken {
        let mut auto = self.auto.lock().unwrap_or_else(PoisonError::into_inner);
        auto.cancel();
        *auto = self.stop.child_token();
        auto.clone()
    }
}

/// Which rows a refresh is to take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// Up to each shard's end when the refresh began, promised to stay visible.
    Manual,
    /// As much as there is, without a promise.
    Auto,
    /// What was promised before the process ended.
    Replay,
}

/// What a refresh did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refreshed {
    /// Whether the stream had anything new.
    pub(crate) advanced: bool,
}

impl Views {
    pub(crate) fn new(
        store: Arc<Store>,
        roles: RoleChecker,
        clock: Arc<dyn Clock>,
        slices: usize,
        compiler: Box<dyn Compiler>,
    ) -> Arc<Self> {
        let stop = CancellationToken::new();
        let views = Arc::new(Self { store, roles, clock, slices, compiler, running: Mutex::default(), stop });
        let dependent: Arc<dyn Dependent> = Arc::clone(&views) as Arc<dyn Dependent>;
        views.roles.streams.add_dependent(&dependent);
        views
    }

    /// Takes up the views that exist: shows what was promised before, then keeps those fresh that refresh
    /// themselves.
    pub(crate) async fn start(self: &Arc<Self>) {
        let view = self.store.read_view();
        for relation in view.snapshot.relations.values().filter(|relation| relation.streaming().is_some()) {
            if let Err(error) = self.refresh_to(relation.id, Target::Replay).await {
                tracing::error!(view = %relation.name, %error, "rows refreshed before the start are missing");
            }
            self.sync(relation.id);
        }
        tokio::spawn(auto::flush_regularly(Arc::downgrade(self), FLUSH_EVERY, self.stop.clone()));
    }

    /// Starts or stops the automatic refresh of a view, as its definition says.
    pub(crate) fn sync(self: &Arc<Self>, id: i64) {
        let view = self.store.read_view();
        let running = self.running(id);
        let auto = running.renew_auto();
        match view.snapshot.relations.get(&id).map(|relation| relation.streaming()) {
            Some(Some(view)) if view.auto_refresh => {
                tokio::spawn(auto::keep_fresh(Arc::downgrade(self), id, auto));
            }
            Some(_) => {}
            None => {
                running.stop.cancel();
                self.lock().remove(&id);
            }
        }
    }

    /// Refreshes a view up to where its stream ends now; durable on return. It goes on to its end even if the statement is
    /// cancelled: between the catalog's commit and what is published nothing may stop it.
    pub(crate) async fn refresh(self: &Arc<Self>, id: i64) -> Result<Refreshed> {
        let views = Arc::clone(self);
        let refreshed = tokio::spawn(async move { views.refresh_to(id, Target::Manual).await });
        refreshed
            .await
            .map_err(|error| SqlError::new(ErrorKind::Internal, format!("a refresh ended early: {error}")))?
    }

    pub(super) async fn refresh_to(&self, id: i64, target: Target) -> Result<Refreshed> {
        let running = self.running(id);
        let mut turn = running.turn.lock().await;
        let (relation, view) = self.definition(id)?;
        let stream = self.stream_of(&view).await?;
        if target != Target::Replay {
            self.check_role(&view, stream.name()).await?;
        }
        let program = match turn.take() {
            Some(program) => turn.insert(program),
            None => turn.insert(self.compiler.compile(&relation).await?),
        };
        self.adopt_stream(&relation, &view, &stream).await?;
        let from = self.positions(id);
        let to = match target {
            Target::Replay if view.stream_id == stream.id().as_str() => later(&from, &view.promised),
            // The promises were about an earlier stream of the name.
            Target::Replay => from.clone(),
            Target::Manual | Target::Auto => ends(&stream),
        };
        let refresh_time = self.clock.now();
        let slices = self.slices;
        let replay = target == Target::Replay;
        let (store, relation, stream) = (&*self.store, &*relation, &stream);
        let fold = Fold { store, relation, stream, program, refresh_time, slices, replay };
        let advanced = to != from;
        if advanced {
            let staged = tokio::select! {
                staged = fold.run(&from, &to) => staged?,
                () = running.stop.cancelled() => return Err(stopped(&relation.name)),
            };
            self.publish(relation, staged, &to).await?;
        }
        if target == Target::Manual && view.promised != to {
            let stream_id = stream.id().as_str().to_owned();
            self.store.commit(vec![Change::Promise { relation: id, stream_id, promised: to }]).await?;
        }
        Ok(Refreshed { advanced })
    }

    /// Writes the hot rows of a view into a file.
    pub(crate) async fn flush(&self, id: i64) -> Result<()> {
        let running = self.running(id);
        let _turn = running.turn.lock().await;
        flush::flush(&self.store, id).await
    }

    /// Flushes every view.
    pub(super) async fn flush_all(&self) {
        let ids: Vec<i64> = self.store.read_view().hot.keys().copied().collect();
        for id in ids {
            if let Err(error) = self.flush(id).await {
                tracing::error!(view = id, %error, "hot rows stay in memory for now");
            }
        }
    }

    /// Stops all work on views and flushes what they hold.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.lock().values().for_each(|running| running.stop.cancel());
        self.flush_all().await;
    }

    /// Stops all work on views whose data is about to be removed; returns when none goes on.
    pub(crate) async fn abandon(&self) {
        self.stop.cancel();
        let running: Vec<_> = self.lock().drain().map(|(_, running)| running).collect();
        for running in running {
            running.stop.cancel();
            // Whoever has the turn gives it back at the next step.
            drop(running.turn.lock().await);
        }
    }

    /// The stream that a view drinks from, if it exists.
    pub(super) fn stream(&self, id: i64) -> Option<Arc<Stream>> {
        let (_, view) = self.definition(id).ok()?;
        let name = StreamName::parse(&view.stream).ok()?;
        self.roles.streams.get(&name).ok()
    }

    async fn publish(&self, relation: &Relation, staged: super::fold::Staged, to: &Positions) -> Result<()> {
        let id = relation.id;
        if staged.files.is_empty() {
            self.store.update_hot(id, |hot| hot.append(staged.rows, staged.bytes, to.clone()))?;
        } else {
            let mut files = staged.files;
            if !staged.rows.is_empty() {
                files.push(write_file(&self.store, relation, staged.rows).await?);
            }
            flush::flush(&self.store, id).await?;
            let append = Change::AppendFiles { relation: id, files, positions: Some(to.clone()) };
            self.store.commit(vec![append]).await?;
            self.store.update_hot(id, |hot| hot.append(Vec::new(), 0, to.clone()))?;
        }
        let hot = self.store.read_view().hot.get(&id).map_or(0, |hot| hot.bytes());
        if hot > FLUSH_BYTES {
            flush::flush(&self.store, id).await?;
        }
        Ok(())
    }

    /// Starts over if the view's stream was deleted and another one made under its name.
    async fn adopt_stream(&self, relation: &Relation, view: &StreamingView, stream: &Stream) -> Result<()> {
        if view.stream_id == stream.id().as_str() {
            return Ok(());
        }
        flush::flush(&self.store, relation.id).await?;
        let stream_id = stream.id().as_str().to_owned();
        let adopt = Change::Promise { relation: relation.id, stream_id, promised: Positions::default() };
        self.store.commit(vec![adopt]).await?;
        self.store.update_hot(relation.id, |hot| hot.append(Vec::new(), 0, Positions::default()))
    }

    async fn stream_of(&self, view: &StreamingView) -> Result<Arc<Stream>> {
        let name = StreamName::parse(&view.stream)?;
        Ok(self.roles.streams.get(&name)?)
    }

    async fn check_role(&self, view: &StreamingView, stream: &StreamName) -> Result<()> {
        let snapshot = self.store.read_view().snapshot;
        let schema = snapshot.external_schemas.get(&view.external_schema).ok_or_else(|| {
            let message = format!("schema \"{}\" does not exist", view.external_schema);
            SqlError::new(ErrorKind::UndefinedSchema, message)
        })?;
        self.roles.check_stream(&RoleArn::parse(&schema.role)?, stream).await
    }

    fn definition(&self, id: i64) -> Result<(Arc<Relation>, StreamingView)> {
        let view = self.store.read_view();
        let relation = view.snapshot.relations.get(&id).cloned();
        let relation = relation.ok_or_else(|| SqlError::new(ErrorKind::UndefinedTable, "the view was dropped"))?;
        let streaming = relation.streaming().cloned();
        let message = "the materialized view does not read a stream";
        let streaming = streaming.ok_or_else(|| SqlError::new(ErrorKind::WrongObjectType, message))?;
        Ok((relation, streaming))
    }

    pub(super) fn positions(&self, id: i64) -> Positions {
        self.store.read_view().hot.get(&id).map(|hot| hot.positions().clone()).unwrap_or_default()
    }

    fn running(&self, id: i64) -> Arc<Running> {
        let mut running = self.lock();
        let new = || Arc::new(Running::new(self.stop.child_token()));
        Arc::clone(running.entry(id).or_insert_with(new))
    }

    /// The views at work. Held for look-ups only.
    fn lock(&self) -> MutexGuard<'_, HashMap<i64, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn views_over(&self, stream: &Stream) -> Vec<Arc<Relation>> {
        let snapshot = self.store.read_view().snapshot;
        let reads =
            |relation: &&Arc<Relation>| relation.streaming().is_some_and(|view| view.stream_id == stream.id().as_str());
        snapshot.relations.values().filter(reads).cloned().collect()
    }
}

#[async_trait]
impl Dependent for Views {
    async fn before_delete(&self, stream: &Arc<Stream>) {
        for relation in self.views_over(stream) {
            if let Err(error) = self.flush(relation.id).await {
                tracing::error!(view = %relation.name, %error, "rows of a deleted stream may be missing after a crash");
            }
        }
    }

    fn needed(&self, stream: &Stream) -> Vec<(ShardId, u64)> {
        let views = self.views_over(stream);
        let needed = views.iter().flat_map(|relation| {
            let view = relation.streaming();
            let shown = view.map(|view| later(&self.positions(relation.id), &view.promised)).unwrap_or_default();
            shown.into_iter().filter_map(move |(shard, shown)| {
                let flushed = view.and_then(|view| view.positions.get(&shard)).copied().unwrap_or(1);
                (flushed < shown).then_some((ShardId(shard), flushed))
            })
        });
        needed.collect()
    }
}

/// Where each shard ends now. A shard that is made later has no place yet, so neither have records behind its parents'.
fn ends(stream: &Stream) -> Positions {
    stream.shards().iter().map(|shard| (shard.id.0, stream.next_ordinal(shard.id))).collect()
}

/// Shard by shard the later of two positions.
fn later(left: &Positions, right: &Positions) -> Positions {
    let mut later = left.clone();
    for (shard, next) in right {
        let position = later.entry(*shard).or_insert(*next);
        *position = (*position).max(*next);
    }
    later
}

fn stopped(view: &str) -> SqlError {
    SqlError::new(ErrorKind::QueryCanceled, format!("the refresh of materialized view {view} was interrupted"))
}
