//! Refreshing a view over a stream, and the outcome of any refresh.

use std::sync::Arc;

use tidemill_iam::RoleArn;
use tidemill_stream::{Stream, StreamName};
use tokio_util::sync::CancellationToken;

use super::fold::{Fold, Staged};
use super::views::{Target, Turn, later};
use super::write::write_file;
use super::{ErrorMode, Program, Views};
use crate::error::{ErrorKind, Result, SqlError};
use crate::memory::machine_memory;
use crate::storage::{Change, Positions, Reached, Relation, ShardScan, StreamingView};

/// Hot rows of one view are flushed in the background when they hold so much memory.
pub(super) const FLUSH_BYTES: usize = 64 << 20;
/// The part of the machine's memory that the hot rows of all views may hold: then whoever adds to them flushes first.
const HOT_PART: usize = 16;

/// What a refresh did.
#[derive(Debug)]
pub(crate) struct Refreshed {
    pub(crate) work: Work,
    /// What was read of each shard.
    pub(super) scans: Vec<ShardScan>,
}

/// How a refresh brought a view up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// It was up to date, …
    Nothing,
    /// … or its stream was read and had nothing new.
    NoNewData,
    /// New rows were added, …
    Added,
    /// … and some or all of the records were set aside.
    AddedSome,
    AddedNone,
    /// It was computed anew.
    Recomputed,
}

impl Refreshed {
    pub(super) fn did(work: Work) -> Self {
        Self { work, scans: Vec::new() }
    }

    /// What `svl_mv_refresh_status` says.
    pub(super) fn status(&self) -> &'static str {
        match self.work {
            Work::Nothing => "MV was already updated",
            Work::NoNewData => "Refresh successfully updated MV incrementally. Stream returned no new data",
            Work::Added => "Refresh successfully updated MV incrementally",
            Work::AddedSome => "Refresh successfully updated MV incrementally. Some stream records were skipped",
            Work::AddedNone => {
                "Refresh successfully updated MV incrementally. All records received from the stream were skipped"
            }
            Work::Recomputed => "Refresh successfully recomputed MV from scratch",
        }
    }
}

/// A refresh of a view over a stream, ready to run.
struct StreamRefresh {
    relation: Arc<Relation>,
    stream: Arc<Stream>,
    program: Arc<Program>,
    /// Where it ends.
    to: Positions,
    /// The promise to show the stream up to there, if it is new.
    promise: Option<Change>,
    target: Target,
    error_mode: ErrorMode,
    stop: CancellationToken,
}

/// A refresh of a view over a stream that is to be committed.
pub(super) struct StagedStream {
    pub(super) changes: Vec<Change>,
    /// How far the view then reaches.
    pub(super) reached: Positions,
    pub(super) refreshed: Refreshed,
}

impl Views {
    /// Brings a view over a stream up to date.
    pub(super) async fn refresh_stream(&self, id: i64, target: Target, error_mode: ErrorMode) -> Result<Refreshed> {
        let mut turn = self.turn(id).await;
        let refresh = self.begin(id, &mut turn, target, error_mode).await?;
        let (mut from, mut scans) = (self.positions(id), Vec::new());
        while from != refresh.to {
            let mut staged = self.fold(&refresh, &from).await?;
            scans.append(&mut staged.scans);
            from = std::mem::take(&mut staged.reached);
            self.publish(&refresh.relation, staged, &from).await?;
        }
        if let Some(promise) = refresh.promise {
            self.store.commit(vec![promise]).await?;
        }
        Ok(outcome(scans))
    }

    /// The same, but what it comes to is left to be committed. Its rows are in files, whatever was shown before.
    pub(super) async fn stage_stream(&self, id: i64, turn: &mut Turn, error_mode: ErrorMode) -> Result<StagedStream> {
        let refresh = self.begin(id, turn, Target::Manual, error_mode).await?;
        self.flush_in_turn(id).await?;
        let (mut from, mut scans, mut changes) = (self.positions(id), Vec::new(), Vec::new());
        while from != refresh.to {
            let mut staged = self.fold(&refresh, &from).await?;
            scans.append(&mut staged.scans);
            from = std::mem::take(&mut staged.reached);
            if from != refresh.to {
                // More than can be held: what there is so far is not left to anybody.
                self.publish(&refresh.relation, staged, &from).await?;
                self.flush_in_turn(id).await?;
                continue;
            }
            let Staged { part, mut files, .. } = staged;
            if !part.rows.is_empty() {
                let rows = self.merged(&refresh.relation, part.rows).await?;
                files.push(write_file(&self.store, &refresh.relation, rows).await?);
            }
            changes.push(Change::AppendFiles { relation: id, files, reached: Reached::Stream(from.clone()) });
            changes.push(Change::SetAside { relation: id, letters: part.letters });
        }
        changes.extend(refresh.promise);
        Ok(StagedStream { changes, reached: refresh.to, refreshed: outcome(scans) })
    }

    /// Prepares a refresh: what is to be read, and whether it may be.
    async fn begin(&self, id: i64, turn: &mut Turn, target: Target, error_mode: ErrorMode) -> Result<StreamRefresh> {
        let running = self.running(id);
        let (relation, view) = self.definition(id)?;
        let stream = self.stream_of(&view)?;
        if target != Target::Replay {
            self.check_role(&view, stream.name()).await?;
        }
        let program = match &**turn {
            Some(program) => Arc::clone(program),
            None => Arc::clone(turn.insert(Arc::new(self.compile(&relation).await?))),
        };
        self.adopt_stream(&relation, &view, &stream).await?;
        let (relation, view) = self.definition(id)?;
        if self.hot_bytes() > machine_memory() / HOT_PART {
            // If they cannot be written, nothing more is taken in.
            self.flush_in_turn(id).await?;
        }
        let from = self.positions(id);
        let to = match target {
            Target::Replay if view.stream_id == stream.id().as_str() => later(&from, &view.promised),
            // The promises were about an earlier stream of the name.
            Target::Replay => from,
            Target::Manual | Target::Auto => ends(&stream),
        };
        let promise = (target == Target::Manual && view.promised != to).then(|| {
            let stream_id = stream.id().as_str().to_owned();
            Change::Promise { relation: id, stream_id, promised: to.clone() }
        });
        Ok(StreamRefresh { relation, stream, program, to, promise, target, error_mode, stop: running.stop.clone() })
    }

    async fn fold(&self, refresh: &StreamRefresh, from: &Positions) -> Result<Staged> {
        let fold = Fold {
            store: Arc::clone(&self.store),
            relation: Arc::clone(&refresh.relation),
            stream: Arc::clone(&refresh.stream),
            program: Arc::clone(&refresh.program),
            refresh_time: self.clock.now(),
            slices: self.slices,
            replay: refresh.target == Target::Replay,
            error_mode: refresh.error_mode,
            limits: self.limits,
        };
        tokio::select! {
            staged = fold.run(from, &refresh.to) => staged,
            () = refresh.stop.cancelled() => Err(stopped(&refresh.relation.name)),
        }
    }

    async fn compile(&self, relation: &Relation) -> Result<Program> {
        let plan = self.plans.of(relation).await?;
        Program::compile(&plan.planner, &plan.parts()?.partial).await
    }

    async fn publish(&self, relation: &Arc<Relation>, staged: Staged, to: &Positions) -> Result<()> {
        let id = relation.id;
        let Staged { mut part, mut files, .. } = staged;
        // A record that was set aside once must not fail the next refresh, which may be of the other error mode.
        let has_letters = !part.letters.is_empty();
        if files.is_empty() {
            self.store.update_hot(id, |hot| hot.append(part, to.clone()))?;
        } else {
            if !part.rows.is_empty() {
                files.push(write_file(&self.store, relation, std::mem::take(&mut part.rows)).await?);
            }
            self.flush_in_turn(id).await?;
            let letters = std::mem::take(&mut part.letters);
            let append = Change::AppendFiles { relation: id, files, reached: Reached::Stream(to.clone()) };
            let set_aside = Change::SetAside { relation: id, letters };
            self.store.commit_and_reach(vec![append, set_aside], vec![(id, to.clone())]).await?;
        }
        let view = self.store.read_view();
        let hot = view.hot.get(&id).map_or(0, |hot| hot.bytes());
        if has_letters || (hot > FLUSH_BYTES && self.hot_bytes() > machine_memory() / HOT_PART) {
            self.flush_in_turn(id).await?;
        } else if hot > FLUSH_BYTES {
            self.full.notify_one();
        }
        Ok(())
    }

    /// Memory that the hot rows of all views hold.
    fn hot_bytes(&self) -> usize {
        self.store.read_view().hot.values().map(|hot| hot.bytes()).sum()
    }

    /// Starts over if the view's stream was deleted and another one made under its name.
    async fn adopt_stream(&self, relation: &Relation, view: &StreamingView, stream: &Stream) -> Result<()> {
        if view.stream_id == stream.id().as_str() {
            return Ok(());
        }
        self.flush_in_turn(relation.id).await?;
        let stream_id = stream.id().as_str().to_owned();
        let adopt = Change::Promise { relation: relation.id, stream_id, promised: Positions::default() };
        self.store.commit(vec![adopt]).await?;
        self.store.update_hot(relation.id, |hot| Ok(hot.reaching(Positions::default())))
    }

    fn stream_of(&self, view: &StreamingView) -> Result<Arc<Stream>> {
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
        let relation = self.relation(id)?;
        let streaming = relation.streaming().cloned();
        let message = "the materialized view does not read a stream";
        let streaming = streaming.ok_or_else(|| SqlError::new(ErrorKind::WrongObjectType, message))?;
        Ok((relation, streaming))
    }
}

/// What came of reading shards.
fn outcome(parts: Vec<ShardScan>) -> Refreshed {
    let mut scans: Vec<ShardScan> = Vec::new();
    for part in parts {
        match scans.iter_mut().find(|scan| scan.shard == part.shard) {
            Some(scan) => scan.add(part),
            None => scans.push(part),
        }
    }
    let scanned: i64 = scans.iter().map(|scan| scan.scanned_rows).sum();
    let skipped: i64 = scans.iter().map(|scan| scan.skipped_rows).sum();
    let work = match skipped {
        0 if scanned == 0 => Work::NoNewData,
        0 => Work::Added,
        skipped if skipped == scanned => Work::AddedNone,
        _ => Work::AddedSome,
    };
    Refreshed { work, scans }
}

/// Where each shard ends now. A shard that is made later has no place yet, so neither have records behind its parents'.
pub(super) fn ends(stream: &Stream) -> Positions {
    stream.shards().iter().map(|shard| (shard.id.0, stream.next_ordinal(shard.id))).collect()
}

pub(super) fn stopped(view: &str) -> SqlError {
    SqlError::new(ErrorKind::QueryCanceled, format!("the refresh of materialized view {view} was interrupted"))
}
