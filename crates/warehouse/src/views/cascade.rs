//! Refreshing a view and all views below it in one transaction.

use std::sync::Arc;

use super::derived::RETRIES;
use super::views::{RefreshRequest, Turn, apart};
use super::{Refreshed, Views};
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::{Change, Positions, Relation, Trigger};

impl Views {
    /// Refreshes views, each of which reads only tables, streams and those before it, in one transaction. Returns what became
    /// of the last. It goes on to its end even if the statement is cancelled.
    pub(crate) async fn refresh_cascade(self: &Arc<Self>, ids: Vec<i64>, request: RefreshRequest) -> Result<Refreshed> {
        let views = Arc::clone(self);
        apart(async move { views.cascade(&ids, &request).await }).await
    }

    async fn cascade(&self, ids: &[i64], request: &RefreshRequest) -> Result<Refreshed> {
        let (start, trigger) = (self.clock.now(), Trigger::Manual { backend: request.backend });
        let mut tries = 0;
        let (failed, mut error) = loop {
            tries += 1;
            match self.try_cascade(ids, request).await {
                // Files of a base were merged meanwhile: what was read is in other files now.
                Err((_, error)) if error.kind == ErrorKind::SerializationFailure && tries <= RETRIES => {}
                Err(failed) => break failed,
                Ok(done) => {
                    let mut last = Err(SqlError::new(ErrorKind::Internal, "a cascade of no views"));
                    for (relation, mut refreshed) in done {
                        self.note(&relation, trigger, &request.user, start, Ok(&mut refreshed));
                        last = Ok(refreshed);
                    }
                    return last;
                }
            }
        };
        if let Ok(relation) = self.relation(failed) {
            self.note(&relation, trigger, &request.user, start, Err(&mut error));
        }
        Err(error)
    }

    /// Returns the views with what became of each, or the one that failed.
    async fn try_cascade(&self, ids: &[i64], request: &RefreshRequest) -> Result<Vec<Done>, (i64, SqlError)> {
        // The youngest first, as everybody takes them.
        let mut turns = Vec::with_capacity(ids.len());
        for id in ids.iter().rev() {
            turns.push(self.turn(*id).await);
        }
        let (mut changes, mut reached, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for (id, turn) in ids.iter().zip(turns.iter_mut().rev()) {
            match self.stage(*id, turn, request, &mut changes, &mut reached).await {
                Ok(staged) => done.push(staged),
                Err(error) => {
                    self.store.discard(changes).await;
                    return Err((*id, error));
                }
            }
        }
        let last = ids.last().copied().unwrap_or_default();
        match self.store.commit_and_reach(changes.clone(), reached).await {
            Ok(()) => Ok(done),
            Err(error) => {
                // Whatever else has failed, the catalog may name them.
                if error.kind == ErrorKind::SerializationFailure {
                    self.store.discard(changes).await;
                }
                Err((last, error))
            }
        }
    }

    /// Adds to `changes` what brings a view up to date with what it reads, as that is after them.
    async fn stage(
        &self,
        id: i64,
        turn: &mut Turn,
        request: &RefreshRequest,
        changes: &mut Vec<Change>,
        reached: &mut Vec<(i64, Positions)>,
    ) -> Result<Done> {
        let relation = self.relation(id)?;
        if relation.streaming().is_some() {
            let staged = self.stage_stream(id, turn, request.error_mode).await?;
            changes.extend(staged.changes);
            reached.push((id, staged.reached));
            return Ok((relation, staged.refreshed));
        }
        let read = self.store.read_view().with(changes)?;
        let (change, refreshed) = self.stage_derived(&read, &relation).await?;
        changes.extend(change);
        Ok((relation, refreshed))
    }
}

/// A view, and what became of it.
type Done = (Arc<Relation>, Refreshed);
