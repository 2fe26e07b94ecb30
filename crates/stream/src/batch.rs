//! Records on their way into the log, already in the log's layout.

use crate::ShardId;
use crate::log::block;

/// Records to append together, grouped by shard and encoded as the log stores them,
/// so that the committer only has to join the groups of several batches.
#[derive(Debug, Default)]
pub struct Batch {
    pub(crate) runs: Vec<BatchRun>,
}

#[derive(Debug)]
pub(crate) struct BatchRun {
    pub(crate) shard: ShardId,
    pub(crate) records: u32,
    pub(crate) bytes: Vec<u8>,
}

impl Batch {
    /// Adds one record. Returns its place among the batch's records of the same shard.
    pub fn push(&mut self, shard: ShardId, partition_key: &str, data: &[u8]) -> u32 {
        let pushed: Result<u32, std::convert::Infallible> = self.push_with(shard, partition_key, |bytes| {
            bytes.extend_from_slice(data);
            Ok(())
        });
        match pushed {
            Ok(place) => place,
            Err(never) => match never {},
        }
    }

    /// Adds one record whose data `write` appends to the buffer it is given: a decoder writes
    /// where the record stays. If `write` fails, nothing is added.
    pub fn push_with<E>(
        &mut self,
        shard: ShardId,
        partition_key: &str,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<u32, E> {
        let run = self.run_of(shard);
        let start = block::begin_record(&mut run.bytes, partition_key.as_bytes());
        if let Err(error) = write(&mut run.bytes) {
            run.bytes.truncate(start);
            return Err(error);
        }
        block::finish_record(&mut run.bytes, start);
        run.records += 1;
        Ok(run.records - 1)
    }

    /// Bytes of the batch in the log.
    pub fn bytes(&self) -> usize {
        self.runs.iter().map(|run| run.bytes.len()).sum()
    }

    /// Bytes of the batch's keys and data.
    pub fn payload(&self) -> usize {
        self.runs.iter().map(|run| run.bytes.len() - block::RECORD * run.records as usize).sum()
    }

    /// Whether the batch has no record.
    pub fn is_empty(&self) -> bool {
        self.runs.iter().all(|run| run.records == 0)
    }

    fn run_of(&mut self, shard: ShardId) -> &mut BatchRun {
        let place = match self.runs.iter().position(|run| run.shard == shard) {
            Some(place) => place,
            None => {
                self.runs.push(BatchRun { shard, records: 0, bytes: Vec::new() });
                self.runs.len() - 1
            }
        };
        &mut self.runs[place]
    }
}
