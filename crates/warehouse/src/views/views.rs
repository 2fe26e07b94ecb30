//! The materialized views of one cluster: whose turn it is, and starting and stopping them.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use datafusion::catalog::TableProvider;
use datafusion::execution::context::SessionState;
use futures::FutureExt;
use tidemill_clock::{Clock, Timestamp};
use tidemill_stream::{Dependent, ShardId, Stream, StreamName};
use tokio::sync::{Notify, OwnedMutexGuard};
use tokio_util::sync::CancellationToken;

use super::failed::FailedViews;
use super::{Compiler, ErrorMode, Program, Reading, RefreshLimits, Refreshed, RoleChecker, ViewPlan, ViewPlans, auto};
use crate::error::{ErrorKind, Result, SqlError};
use crate::sql::Part;
use crate::storage::{
    DeadLetter, Events, Positions, ReadView, RefreshEvent, Relation, RelationKind, Rows, Store, StoredTable, Trigger,
};

/// The materialized views of a cluster.
pub(crate) struct Views {
    pub(super) store: Arc<Store>,
    pub(super) roles: RoleChecker,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) slices: usize,
    pub(super) limits: RefreshLimits,
    pub(super) plans: ViewPlans,
    failed: FailedViews,
    /// Scans files, outside of any statement.
    pub(super) planner: SessionState,
    /// Says that a view holds many hot rows.
    pub(super) full: Arc<Notify>,
    /// Held for look-ups only.
    running: Mutex<HashMap<i64, Arc<Running>>>,
    stop: CancellationToken,
}

/// One view at work.
pub(super) struct Running {
    turn: Arc<tokio::sync::Mutex<Option<Arc<Program>>>>,
    /// Ends all work on the view.
    pub(super) stop: CancellationToken,
    /// Ends its automatic refresh only. Held to replace it.
    auto: Mutex<CancellationToken>,
}

/// The right to change a view's rows: one refresh, flush, compaction or purge at a time. Holds the compiled view, once it
/// was needed.
pub(crate) type Turn = OwnedMutexGuard<Option<Arc<Program>>>;

/// A refresh that somebody asked for.
#[derive(Debug, Clone)]
pub(crate) struct RefreshRequest {
    pub(crate) user: String,
    pub(crate) backend: i32,
    pub(crate) error_mode: ErrorMode,
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

impl Running {
    fn new(stop: CancellationToken) -> Self {
        let auto = Mutex::new(stop.child_token());
        Self { turn: Arc::default(), stop, auto }
    }

    /// Ends the automatic refresh. Returns what will end the next one.
    fn renew_auto(&self) -> CancellationToken {
        let mut auto = self.auto.lock().unwrap_or_else(PoisonError::into_inner);
        auto.cancel();
        *auto = self.stop.child_token();
        auto.clone()
    }
}

impl Views {
    pub(crate) fn new(
        store: Arc<Store>,
        roles: RoleChecker,
        clock: Arc<dyn Clock>,
        slices: usize,
        limits: RefreshLimits,
        planner: SessionState,
        compiler: Box<dyn Compiler>,
    ) -> Arc<Self> {
        let views = Arc::new(Self {
            store,
            roles,
            clock,
            slices,
            limits,
            planner,
            plans: ViewPlans::new(compiler),
            failed: FailedViews::default(),
            full: Arc::default(),
            running: Mutex::default(),
            stop: CancellationToken::new(),
        });
        let dependent: Arc<dyn Dependent> = Arc::clone(&views) as Arc<dyn Dependent>;
        views.roles.streams.add_dependent(&dependent);
        views
    }

    /// Takes up the views that exist: shows what was promised before, then keeps those fresh that refresh
    /// themselves. Their storage is put in order at the interval.
    pub(crate) async fn start(self: &Arc<Self>, flush_interval: Duration) {
        let view = self.store.read_view();
        for relation in view.snapshot.relations.values().filter(|relation| relation.is_view()) {
            if relation.streaming().is_some()
                && let Err(error) = contained(self.refresh_stream(relation.id, Target::Replay, ErrorMode::Fail)).await
            {
                tracing::error!(view = %relation.name, %error, "rows refreshed before the start are missing");
            }
            self.sync(relation.id);
        }
        tokio::spawn(auto::flush_full(Arc::downgrade(self), Arc::clone(&self.full), self.stop.clone()));
        let noted = Arc::clone(&self.store.activity().noted);
        tokio::spawn(auto::keep_activity(Arc::downgrade(self), noted, self.stop.clone()));
        tokio::spawn(auto::keep_house(Arc::downgrade(self), flush_interval, self.stop.clone()));
    }

    /// Starts or stops the automatic refresh of a view, as its definition says.
    pub(crate) fn sync(self: &Arc<Self>, id: i64) {
        let view = self.store.read_view();
        let running = self.running(id);
        let auto = running.renew_auto();
        match view.snapshot.relations.get(&id).map(|relation| (&relation.kind, relation.auto_refresh())) {
            Some((RelationKind::Streaming(_), true)) => {
                tokio::spawn(auto::follow_stream(Arc::downgrade(self), id, auto));
            }
            Some((RelationKind::Derived(_), true)) => {
                tokio::spawn(auto::follow_bases(Arc::downgrade(self), id, auto));
            }
            Some(_) => {}
            None => {
                running.stop.cancel();
                self.plans.forget(id);
                self.lock().remove(&id);
            }
        }
    }

    /// Refreshes a view up to where what it reads ends now; durable on return. It goes on to its end even if the statement is
    /// cancelled: between the catalog's commit and what is published nothing may stop it.
    pub(crate) async fn refresh(self: &Arc<Self>, id: i64, request: RefreshRequest) -> Result<Refreshed> {
        let views = Arc::clone(self);
        let trigger = Trigger::Manual { backend: request.backend };
        apart(async move { views.refresh_and_note(id, trigger, &request.user, request.error_mode).await }).await
    }

    /// Refreshes a view and notes how it went.
    pub(super) async fn refresh_and_note(
        &self,
        id: i64,
        trigger: Trigger,
        user: &str,
        error_mode: ErrorMode,
    ) -> Result<Refreshed> {
        let start = self.clock.now();
        let relation = self.relation(id)?;
        let target = if trigger == Trigger::Auto { Target::Auto } else { Target::Manual };
        let mut refreshed = match relation.kind {
            RelationKind::Streaming(_) => contained(self.refresh_stream(id, target, error_mode)).await,
            _ => {
                let refreshed = contained(self.refresh_derived(id)).await;
                self.failed.note(id, &refreshed);
                refreshed
            }
        };
        self.note(&relation, trigger, user, start, refreshed.as_mut());
        refreshed
    }

    /// Remembers a refresh that began at `start`.
    pub(super) fn note(
        &self,
        relation: &Relation,
        trigger: Trigger,
        user: &str,
        start: Timestamp,
        refreshed: Result<&mut Refreshed, &mut SqlError>,
    ) {
        let (succeeded, status, scans) = match refreshed {
            Ok(refreshed) => (true, refreshed.status().to_owned(), std::mem::take(&mut refreshed.scans)),
            // Details may show records, which not everybody may read who reads this.
            Err(error) => (false, format!("Refresh failed. {}", error.message), Vec::new()),
        };
        let event = RefreshEvent {
            transaction: 0,
            relation: relation.id,
            schema: relation.schema.clone(),
            view: relation.name.clone(),
            user: user.to_owned(),
            trigger,
            succeeded,
            status,
            start,
            end: self.clock.now(),
        };
        self.store.activity().note(event, relation, scans);
    }

    /// Waits for the view's turn.
    pub(crate) async fn turn(&self, id: i64) -> Turn {
        Arc::clone(&self.running(id).turn).lock_owned().await
    }

    /// Takes the view's turn, if nobody has it.
    pub(super) fn try_turn(&self, id: i64) -> Option<Turn> {
        Arc::clone(&self.running(id).turn).try_lock_owned().ok()
    }

    /// Writes the hot rows of a view into a file.
    pub(crate) async fn flush(&self, id: i64) -> Result<()> {
        let _turn = self.turn(id).await;
        contained(self.flush_in_turn(id)).await
    }

    /// Stops all work on views and flushes what they hold.
    pub(crate) async fn stop(&self) {
        self.stop.cancel();
        self.lock().values().for_each(|running| running.stop.cancel());
        let ids: Vec<i64> = self.store.read_view().hot.keys().copied().collect();
        for id in ids {
            if let Err(error) = self.flush(id).await {
                tracing::error!(view = id, %error, "rows that are only in the stream are read again at the next start");
            }
        }
        self.save_activity().await;
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

    /// The views of one moment, for reading them.
    pub(crate) fn reading<'r>(&'r self, view: &'r ReadView) -> Reading<'r> {
        Reading { store: &self.store, view, plans: &self.plans, failed: &self.failed }
    }

    /// The compiled definition of a view.
    pub(crate) async fn plan_of(&self, relation: &Relation) -> Result<Arc<ViewPlan>> {
        self.plans.of(relation).await
    }

    /// A part of a relation's rows, or what they were in the past.
    pub(crate) async fn part_of(
        &self,
        view: &ReadView,
        relation: &Arc<Relation>,
        part: Part,
    ) -> Result<Arc<dyn TableProvider>> {
        match part {
            Part::File(id) => Ok(Arc::new(StoredTable::new(&self.store, view, relation, Rows::File(id)))),
            Part::At(moment) => {
                let files = self.store.files_at(relation, moment).await?;
                self.reading(view).table_of_files(relation, files).await
            }
        }
    }

    /// What the automatic refresh of a view of `owner` does with records that an expression fails on.
    pub(super) fn error_mode_of(&self, owner: &str) -> ErrorMode {
        let snapshot = self.store.read_view().snapshot;
        let mode = snapshot.setting(owner, crate::settings::STREAMING_ERROR_MODE);
        mode.and_then(ErrorMode::parse).unwrap_or_default()
    }

    /// The records that views have set aside, by view.
    pub(crate) async fn dead_letters(&self, view: &ReadView, with_data: bool) -> Result<Vec<(i64, Arc<DeadLetter>)>> {
        self.store.dead_letters(view, with_data).await
    }

    /// The streams of the account.
    pub(crate) fn stream_names(&self) -> Vec<String> {
        self.roles.streams.list().iter().map(|stream| stream.name().as_str().to_owned()).collect()
    }

    /// The ARN of a stream.
    pub(crate) fn stream_arn(&self, stream: &str) -> String {
        self.roles.arn(stream)
    }

    /// What refreshes did.
    pub(crate) fn activity(&self) -> Events {
        self.store.activity().events()
    }

    /// The stream that a view drinks from, if it exists.
    pub(super) fn stream(&self, relation: &Relation) -> Option<Arc<Stream>> {
        let name = StreamName::parse(&relation.streaming()?.stream).ok()?;
        self.roles.streams.get(&name).ok()
    }

    pub(super) fn relation(&self, id: i64) -> Result<Arc<Relation>> {
        let relation = self.store.read_view().snapshot.relations.get(&id).cloned();
        relation.ok_or_else(|| SqlError::new(ErrorKind::UndefinedTable, "the view was dropped"))
    }

    pub(super) fn positions(&self, id: i64) -> Positions {
        self.store.read_view().hot.get(&id).map(|hot| hot.positions().clone()).unwrap_or_default()
    }

    pub(super) fn running(&self, id: i64) -> Arc<Running> {
        let mut running = self.lock();
        let new = || Arc::new(Running::new(self.stop.child_token()));
        Arc::clone(running.entry(id).or_insert_with(new))
    }

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

impl std::fmt::Debug for Views {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Views").finish_non_exhaustive()
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

/// Does work as a task of its own, which goes on to its end even if nobody waits any more.
pub(super) async fn apart<T: Send + 'static>(work: impl Future<Output = Result<T>> + Send + 'static) -> Result<T> {
    let done = tokio::spawn(work).await;
    done.map_err(|error| SqlError::new(ErrorKind::Internal, format!("work on a view ended early: {error}")))?
}

/// Turns a panic in work on one view into its error: other views have their turn. What is shared is changed as a whole or not
/// at all, so that nobody finds it half done.
pub(super) async fn contained<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let done = AssertUnwindSafe(work).catch_unwind().await;
    done.unwrap_or_else(|_| Err(SqlError::new(ErrorKind::Internal, "work on a view ended by a panic")))
}

/// Shard by shard the later of two positions.
pub(super) fn later(left: &Positions, right: &Positions) -> Positions {
    let mut later = left.clone();
    for (shard, next) in right {
        let position = later.entry(*shard).or_insert(*next);
        *position = (*position).max(*next);
    }
    later
}
