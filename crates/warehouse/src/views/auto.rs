//! The background tasks of views: following what they read, and keeping their storage in order.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Views;
use super::refresh::FLUSH_BYTES;
use super::views::contained;
use crate::storage::{Relation, Trigger};

/// The first and the longest pause after a failed refresh.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));
/// The shortest pause between two computations of a view from scratch, …
const RECOMPUTE_EVERY: Duration = Duration::from_secs(1);
/// … which also last at most one part in so many of the time.
const RECOMPUTE_SHARE: u32 = 10;
/// How long a refresh may be remembered in memory only.
const SAVE_AFTER: Duration = Duration::from_secs(5);

/// Refreshes a view whenever its stream has new records, until it is stopped. A failure is logged and tried again,
/// ever more rarely.
pub(super) async fn follow_stream(views: Weak<Views>, id: i64, stop: CancellationToken) {
    let mut pause = BACK_OFF.0;
    loop {
        let Some(live) = views.upgrade() else { return };
        let stream = live.relation(id).ok().and_then(|relation| live.stream(&relation));
        let commits = stream.map(|stream| {
            let mut commits = stream.commits();
            commits.mark_unchanged();
            commits
        });
        let refreshed = live.refresh_by_itself(id).await;
        drop(live);
        let wait = async {
            match (refreshed, commits) {
                (Ok(()), Some(mut commits)) => {
                    pause = BACK_OFF.0;
                    // An error means that the stream is gone: the next refresh says so.
                    let _ = commits.changed().await;
                }
                (Ok(()), None) => {}
                (Err(()), _) => {
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(BACK_OFF.1);
                }
            }
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = wait => {}
        }
    }
}

/// Computes a view over tables and views anew when they change, unless it shows their new rows anyway.
pub(super) async fn follow_bases(views: Weak<Views>, id: i64, stop: CancellationToken) {
    let mut back_off = BACK_OFF.0;
    loop {
        let Some(live) = views.upgrade() else { return };
        let mut changes = live.store.changes();
        changes.mark_unchanged();
        let start = live.clock.now();
        let refreshed = match live.needs_recomputing(id) {
            true => live.refresh_by_itself(id).await,
            false => Ok(()),
        };
        let took = Duration::from_millis((live.clock.now().millis() - start.millis()).max(0) as u64);
        drop(live);
        let pause = match refreshed {
            Ok(()) => {
                back_off = BACK_OFF.0;
                RECOMPUTE_EVERY.max(took * RECOMPUTE_SHARE)
            }
            Err(()) => {
                back_off = (back_off * 2).min(BACK_OFF.1);
                back_off
            }
        };
        let wait = async {
            tokio::time::sleep(pause).await;
            // The store outlives the views.
            let _ = changes.changed().await;
        };
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = wait => {}
        }
    }
}

/// Flushes views that hold many hot rows.
pub(super) async fn flush_full(views: Weak<Views>, full: Arc<Notify>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = full.notified() => {}
            () = stop.cancelled() => return,
        }
        let Some(live) = views.upgrade() else { return };
        let hot = live.store.read_view().hot;
        for (id, _) in hot.iter().filter(|(_, hot)| hot.bytes() > FLUSH_BYTES) {
            if let Err(error) = live.flush(*id).await {
                tracing::error!(view = id, %error, "hot rows stay in memory for now");
            }
        }
    }
}

/// At an interval: hot rows go into files, views over views store what they only show so far, small files are merged, and
/// what nobody can read any more is removed.
pub(super) async fn keep_house(views: Weak<Views>, every: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
        let Some(views) = views.upgrade() else { return };
        let snapshot = views.store.read_view().snapshot;
        // By age: what a view reads is stored before it.
        for relation in snapshot.relations.values() {
            if stop.is_cancelled() {
                return;
            }
            if let Err(error) = contained(views.keep_in_order(relation)).await {
                tracing::error!(relation = %relation.name, %error, "storing or merging rows failed; it is tried again");
            }
        }
        if let Err(error) = views.store.remove_old(views.clock.now()).await {
            tracing::error!(%error, "old files could not be removed; it is tried again");
        }
    }
}

/// Writes down what refreshes did, soon after.
pub(super) async fn keep_activity(views: Weak<Views>, noted: Arc<Notify>, stop: CancellationToken) {
    loop {
        let wait = async {
            noted.notified().await;
            tokio::time::sleep(SAVE_AFTER).await;
        };
        tokio::select! {
            () = wait => {}
            () = stop.cancelled() => return,
        }
        let Some(views) = views.upgrade() else { return };
        views.save_activity().await;
    }
}

impl Views {
    /// Writes down what refreshes did.
    pub(super) async fn save_activity(&self) {
        if let Err(error) = self.store.save_activity().await {
            tracing::error!(%error, "the history of refreshes will miss some after the next start");
        }
    }

    /// One automatic refresh. A failure is logged.
    async fn refresh_by_itself(&self, id: i64) -> Result<(), ()> {
        let Ok(relation) = self.relation(id) else { return Err(()) };
        let mode = self.error_mode_of(&relation.owner);
        let refreshed = self.refresh_and_note(id, Trigger::Auto, &relation.owner, mode).await;
        refreshed.map(drop).map_err(|error| tracing::warn!(view = %relation.name, %error, "automatic refresh failed"))
    }

    /// Whether a view over tables and views does not show them as they are, and has to be computed anew to do so.
    fn needs_recomputing(&self, id: i64) -> bool {
        let Ok(relation) = self.relation(id) else { return false };
        let read = self.store.read_view();
        let behind = relation.derived().is_some_and(|view| self.is_behind(&read, view));
        let reading = self.reading(&read);
        behind && (!reading.is_live(&relation) || reading.is_outdated(&relation))
    }

    async fn keep_in_order(self: &Arc<Self>, relation: &Relation) -> crate::error::Result<()> {
        if relation.streaming().is_some() {
            // Whoever has the turn flushes when it is time to.
            if let Some(turn) = self.try_turn(relation.id) {
                self.flush_in_turn(relation.id).await?;
                drop(turn);
            }
        } else if let Some(view) = relation.derived().filter(|view| view.auto_refresh && view.incremental)
            && self.is_behind(&self.store.read_view(), view)
        {
            // A failure is logged, and stands in the history.
            let _ = self.refresh_by_itself(relation.id).await;
        }
        self.compact(relation.id).await
    }
}
