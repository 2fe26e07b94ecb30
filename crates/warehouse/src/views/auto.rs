//! The background tasks of views: refreshing when the stream grows, flushing when hot rows are old.

use std::sync::Weak;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::Views;
use super::views::Target;

/// The first and the longest pause after a failed refresh.
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(60));

/// Refreshes a view whenever its stream has new records, until it is stopped. A failure is logged and tried again,
/// ever more rarely.
pub(super) async fn keep_fresh(views: Weak<Views>, id: i64, stop: CancellationToken) {
    let mut pause = BACK_OFF.0;
    loop {
        let Some(live) = views.upgrade() else { return };
        let commits = live.stream(id).map(|stream| {
            let mut commits = stream.commits();
            commits.mark_unchanged();
            commits
        });
        let refreshed = live.refresh_to(id, Target::Auto).await;
        drop(live);
        let wait = async {
            match (refreshed, commits) {
                (Ok(_), Some(mut commits)) => {
                    pause = BACK_OFF.0;
                    // An error means that the stream is gone: the next refresh says so.
                    let _ = commits.changed().await;
                }
                (Ok(_), None) => {}
                (Err(error), _) => {
                    tracing::warn!(view = id, %error, retry_in = ?pause, "automatic refresh failed");
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

/// Flushes all views at an interval.
pub(super) async fn flush_regularly(views: Weak<Views>, every: Duration, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = stop.cancelled() => return,
        }
        let Some(views) = views.upgrade() else { return };
        views.flush_all().await;
    }
}
