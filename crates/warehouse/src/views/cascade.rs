//! Refreshing a view and all views below it in one transaction.

use std::sync::Arc;

use super::derived::RETRIES;
use super::views::RefreshRequest;
use super::{Refreshed, Views};
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::Trigger;

impl Views {
    /// Refreshes views, each of which reads only tables, streams and those before it, in one transaction. Returns what became
    /// of the last. It goes on to its end even if the statement is cancelled.
    pub(crate) async fn refresh_cascade(self: &Arc<Self>, ids: Vec<i64>, request: RefreshRequest) -> Result<Refreshed> {
        let views = Arc::clone(self);
        let refreshed = tokio::spawn(async move { views.cascade(&ids, &request).await }).await;
        refreshed.map_err(|error| SqlError::new(ErrorKind::Internal, format!("a refresh ended early: {error}")))?
    }

    async fn cascade(&self, ids: &[i64], request: &RefreshRequest) -> Result<Refreshed> {
        let mut tries = 0;
        loop {
            tries += 1;
            match self.try_cascade(ids, request).await {
                // Files of a base were merged meanwhile: what was read is in other files now.
                Err(error) if error.kind == ErrorKind::SerializationFailure && tries <= RETRIES => {}
                refreshed => return refreshed,
            }
        }
    }

    async fn try_cascade(&self, ids: &[i64], request: &RefreshRequest) -> Result<Refreshed> {
        let start = self.clock.now();
        let trigger = Trigger::Manual { backend: request.backend };
        // The youngest first, as everybody takes them.
        let mut turns = Vec::with_capacity(ids.len());
        for id in ids.iter().rev() {
            turns.push(self.turn(*id).await);
        }
        let (mut changes, mut reached, mut done) = (Vec::new(), Vec::new(), Vec::new());
        for (id, turn) in ids.iter().zip(turns.iter_mut().rev()) {
            let relation = self.relation(*id)?;
            let staged = match relation.streaming() {
                Some(_) => self.stage_stream(*id, turn, request.error_mode).await.map(|staged| {
                    reached.push((*id, staged.reached));
                    (staged.changes, staged.refreshed)
                }),
                None => {
                    let read = self.store.read_view().with(&changes)?;
                    let staged = self.stage_derived(&read, &relation).await;
                    staged.map(|(change, refreshed)| (Vec::from_iter(change), refreshed))
                }
            };
            match staged {
                Ok((more, refreshed)) => {
                    changes.extend(more);
                    done.push((relation, refreshed));
                }
                Err(error) if error.kind == ErrorKind::SerializationFailure => return Err(error),
                Err(mut error) => {
                    self.note(&relation, trigger, &request.user, start, Err(&mut error));
                    return Err(error);
                }
            }
        }
        self.store.commit_and_reach(changes, reached).await?;
        let mut last = None;
        for (relation, mut refreshed) in done {
            self.note(&relation, trigger, &request.user, start, Ok(&mut refreshed));
            last = Some(refreshed);
        }
        last.ok_or_else(|| SqlError::new(ErrorKind::Internal, "a cascade of no views"))
    }
}
