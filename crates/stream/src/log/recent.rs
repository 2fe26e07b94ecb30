//! Blocks that were read from disk a short while ago.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use super::block::Block;

/// Bytes of blocks that are kept: readers of different shards may be so far from each other.
const MOST: usize = 32 << 20;

/// Where a block is: the first block of its segment, which names it, and the offset.
type Place = (u64, u64);

/// The blocks that were read last, each checked.
#[derive(Debug, Default)]
pub(crate) struct RecentBlocks {
    /// Held for look-ups and single changes only.
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    blocks: HashMap<Place, Block>,
    /// Oldest first.
    order: VecDeque<Place>,
    bytes: usize,
}

impl RecentBlocks {
    pub(super) fn get(&self, place: Place) -> Option<Block> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).blocks.get(&place).cloned()
    }

    pub(super) fn add(&self, place: Place, block: &Block) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.blocks.insert(place, block.clone()).is_some() {
            return;
        }
        kept.order.push_back(place);
        kept.bytes += block.len();
        while kept.bytes > MOST
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.bytes -= kept.blocks.remove(&oldest).map_or(0, |block| block.len());
        }
    }
}
