//! Views over tables and views that a value keeps from being refreshed: they show what they have stored, instead of failing
//! whoever reads them.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::Result;

/// The views whose last refresh failed for a value, by id.
#[derive(Debug, Default)]
pub(crate) struct FailedViews {
    /// Held for look-ups only.
    ids: Mutex<HashSet<i64>>,
}

impl FailedViews {
    pub(super) fn contains(&self, id: i64) -> bool {
        self.lock().contains(&id)
    }

    /// Notes how a refresh of a view ended.
    pub(super) fn note<T>(&self, id: i64, refreshed: &Result<T>) {
        match refreshed {
            Ok(_) => self.lock().remove(&id),
            Err(error) if error.kind.is_of_data() => self.lock().insert(id),
            Err(_) => false,
        };
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<i64>> {
        self.ids.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
