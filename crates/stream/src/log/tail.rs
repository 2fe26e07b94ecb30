//! The memory that all logs together may use for their newest blocks.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError, RwLock, Weak};

use super::index::Index;

/// Bytes of blocks that are kept for readers at the tip, over all streams.
const LIMIT: usize = 128 << 20;

/// The blocks kept in memory, over all logs, oldest first. When they are too many, the oldest go, whosever they are.
#[derive(Debug, Default)]
pub(crate) struct TailBudget {
    /// Held for bookkeeping only.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: VecDeque<(Weak<RwLock<Index>>, usize)>,
    bytes: usize,
}

impl TailBudget {
    /// Notes that the log of `index` has kept a block of `bytes`, after it did so.
    pub(super) fn admit(&self, index: Weak<RwLock<Index>>, bytes: usize) {
        let mut over = Vec::new();
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.blocks.push_back((index, bytes));
            kept.bytes += bytes;
            while kept.bytes > LIMIT && kept.blocks.len() > 1 {
                let Some((index, bytes)) = kept.blocks.pop_front() else { break };
                kept.bytes -= bytes;
                over.push(index);
            }
        }
        for index in over.iter().filter_map(Weak::upgrade) {
            index.write().unwrap_or_else(PoisonError::into_inner).drop_oldest_of_tail();
        }
    }
}
