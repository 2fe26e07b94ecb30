//! A disk in memory that fails, tears writes, fills up and loses power when a test says so.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Disk, DiskFile};

/// Bytes that a disk writes at once: a torn write ends between two of them.
const SECTOR: usize = 512;

/// A file system in memory. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct SimulatedDisk {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// What a program sees.
    live: BTreeMap<PathBuf, FileId>,
    /// The names that would be there after a loss of power.
    durable: BTreeMap<PathBuf, FileId>,
    files: BTreeMap<FileId, Content>,
    next_file: FileId,
    fault: Option<Fault>,
    /// Bytes that all files together may have.
    capacity: Option<u64>,
    /// Writes, syncs, creations, removals, truncations and checkpoints so far.
    operations: u64,
}

type FileId = u64;

#[derive(Debug, Default)]
struct Content {
    /// What a program reads.
    live: Vec<u8>,
    /// What is there after a loss of power, whatever happens.
    durable: Vec<u8>,
    /// What was done since the last sync, any part of which may be there, too.
    pending: Vec<Change>,
}

#[derive(Debug, Clone)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Length(usize),
}

/// A failure to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The number of the operation that fails: see [`SimulatedDisk::operations`].
    pub at: u64,
    /// Whether a failing write has written its first half.
    pub torn: bool,
    /// Whether every later operation fails, too.
    pub lasting: bool,
}

impl SimulatedDisk {
    /// Changes of the disk so far.
    pub fn operations(&self) -> u64 {
        self.lock().operations
    }

    /// Lets an operation fail, or none.
    pub fn set_fault(&self, fault: Option<Fault>) {
        self.lock().fault = fault;
    }

    /// Limits the bytes of all files together.
    pub fn set_capacity(&self, bytes: Option<u64>) {
        self.lock().capacity = bytes;
    }

    /// Bytes of all files together.
    pub fn used(&self) -> u64 {
        self.lock().used()
    }

    /// A disk like this one after a loss of power now. Of what was not synced, `survives` decides for each sector and
    /// each name.
    pub fn after_power_loss(&self, mut survives: impl FnMut() -> bool) -> Self {
        let state = self.lock();
        let mut left = State { next_file: state.next_file, capacity: state.capacity, ..State::default() };
        let names: Vec<_> = state.live.iter().chain(&state.durable).map(|(path, _)| path.clone()).collect();
        for path in names {
            let (live, durable) = (state.live.get(&path), state.durable.get(&path));
            let kept = if live == durable || survives() { live } else { durable };
            if let Some(file) = kept {
                left.live.insert(path, *file);
            }
        }
        for file in left.live.values() {
            if let Some(content) = state.files.get(file) {
                let bytes = content.after_power_loss(&mut survives);
                left.files.insert(*file, Content { live: bytes.clone(), durable: bytes, pending: Vec::new() });
            }
        }
        left.durable.clone_from(&left.live);
        Self { state: Arc::new(Mutex::new(left)) }
    }

    /// The files, by name.
    pub fn files(&self) -> Vec<PathBuf> {
        self.lock().live.keys().cloned().collect()
    }

    /// The bytes of a file; none if it does not exist.
    pub fn contents(&self, path: &Path) -> Vec<u8> {
        let state = self.lock();
        let content = state.live.get(path).and_then(|file| state.files.get(file));
        content.map(|content| content.live.clone()).unwrap_or_default()
    }

    /// Changes the bytes of a file behind the back of whoever uses it.
    pub fn tamper(&self, path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.lock();
        let Some(file) = state.live.get(path).copied() else { return };
        if let Some(content) = state.files.get_mut(&file) {
            change(&mut content.live);
            content.durable.clone_from(&content.live);
            content.pending.clear();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn used(&self) -> u64 {
        self.live.values().filter_map(|file| self.files.get(file)).map(|content| content.live.len() as u64).sum()
    }

    /// Counts an operation. The error is that of the fault, if it is its turn.
    fn count(&mut self) -> Result<(), Fault> {
        let number = self.operations;
        self.operations += 1;
        match self.fault {
            Some(fault) if number == fault.at || (fault.lasting && number > fault.at) => Err(fault),
            _ => Ok(()),
        }
    }

    fn check_room(&self, more: u64) -> io::Result<()> {
        match self.capacity {
            Some(capacity) if self.used() + more > capacity => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }
}

impl Content {
    fn apply(bytes: &mut Vec<u8>, change: &Change) {
        match change {
            Change::Length(length) => bytes.resize(*length, 0),
            Change::Write { offset, bytes: written } => {
                let end = offset + written.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset..end].copy_from_slice(written);
            }
        }
    }

    fn change(&mut self, change: Change) {
        Self::apply(&mut self.live, &change);
        self.pending.push(change);
    }

    fn after_power_loss(&self, survives: &mut impl FnMut() -> bool) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for change in &self.pending {
            match change {
                Change::Length(_) if survives() => Self::apply(&mut bytes, change),
                Change::Length(_) => {}
                Change::Write { offset, bytes: written } => {
                    for (place, sector) in written.chunks(SECTOR).enumerate() {
                        if survives() {
                            let offset = offset + place * SECTOR;
                            Self::apply(&mut bytes, &Change::Write { offset, bytes: sector.to_vec() });
                        }
                    }
                }
            }
        }
        bytes
    }
}

fn failed() -> io::Error {
    io::Error::other("the disk failed, as it was told to")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl Disk for SimulatedDisk {
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let mut state = self.lock();
        state.count().map_err(|_| failed())?;
        if state.live.contains_key(path) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let file = state.next_file;
        state.next_file += 1;
        state.live.insert(path.to_owned(), file);
        state.files.insert(file, Content::default());
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn open(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = self.lock().live.get(path).copied().ok_or_else(not_found)?;
        Ok(Arc::new(SimulatedFile { disk: self.clone(), file }))
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<PathBuf>> {
        Ok(self.lock().live.keys().filter(|path| path.parent() == Some(dir)).cloned().collect())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.count().map_err(|_| failed())?;
        state.live.remove(path).map(drop).ok_or_else(not_found)
    }

    fn create_dir(&self, _: &Path) -> io::Result<()> {
        Ok(())
    }

    fn remove_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.live.retain(|path, _| !path.starts_with(dir));
        state.durable.retain(|path, _| !path.starts_with(dir));
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        let mut state = self.lock();
        state.count().map_err(|_| failed())?;
        let inside = |path: &PathBuf| path.parent() == Some(dir);
        state.durable.retain(|path, _| !inside(path));
        let synced: Vec<_> = state.live.iter().filter(|(path, _)| inside(path)).map(|(p, f)| (p.clone(), *f)).collect();
        state.durable.extend(synced);
        Ok(())
    }

    fn checkpoint(&self) -> io::Result<()> {
        self.lock().count().map_err(|_| failed())
    }
}

/// A file of a [`SimulatedDisk`].
#[derive(Debug)]
struct SimulatedFile {
    disk: SimulatedDisk,
    file: FileId,
}

impl SimulatedFile {
    fn with<T>(&self, work: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let mut state = self.disk.lock();
        state.files.get_mut(&self.file).map(work).ok_or_else(not_found)
    }

    fn length(&self) -> io::Result<usize> {
        self.with(|content| content.live.len())
    }
}

impl DiskFile for SimulatedFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let counted = self.disk.lock().count();
        let written = match counted {
            Ok(()) => bytes,
            Err(fault) if fault.torn => &bytes[..bytes.len() / 2],
            Err(_) => return Err(failed()),
        };
        let grown = (offset as usize + written.len()).saturating_sub(self.length()?);
        self.disk.lock().check_room(grown as u64)?;
        self.with(|content| content.change(Change::Write { offset: offset as usize, bytes: written.to_vec() }))?;
        counted.map_err(|_| failed())
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.with(|content| {
            let rest = content.live.get(offset as usize..).unwrap_or_default();
            let read = rest.len().min(buffer.len());
            buffer[..read].copy_from_slice(&rest[..read]);
            read
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.lock().count().map_err(|_| failed())?;
        self.with(|content| {
            content.durable.clone_from(&content.live);
            content.pending.clear();
        })
    }

    fn len(&self) -> io::Result<u64> {
        self.length().map(|length| length as u64)
    }

    fn reserve(&self, length: u64) -> io::Result<()> {
        self.disk.lock().count().map_err(|_| failed())?;
        let now = self.length()? as u64;
        if length > now {
            self.disk.lock().check_room(length - now)?;
            self.with(|content| content.change(Change::Length(length as usize)))?;
        }
        Ok(())
    }

    fn truncate(&self, length: u64) -> io::Result<()> {
        self.disk.lock().count().map_err(|_| failed())?;
        self.with(|content| content.change(Change::Length(length as usize)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_synced_is_sure_to_survive() -> io::Result<()> {
        let (disk, path) = (SimulatedDisk::default(), Path::new("d/f"));
        let file = disk.create(path)?;
        file.write_at(b"kept", 0)?;
        file.sync_data()?;
        disk.sync_dir(Path::new("d"))?;
        file.write_at(&[b'x'; 1000], 4)?;
        let mut turn = false;
        let half = disk.after_power_loss(|| {
            turn = !turn;
            turn
        });
        assert_eq!(half.open(path)?.len()?, 4 + 512);
        let none = disk.after_power_loss(|| false);
        assert_eq!(none.open(path)?.len()?, 4);
        disk.remove(path)?;
        assert!(disk.after_power_loss(|| false).open(path).is_ok(), "a removal is lost without a sync");
        Ok(())
    }

    #[test]
    fn a_full_disk_takes_no_more() -> io::Result<()> {
        let disk = SimulatedDisk::default();
        disk.set_capacity(Some(100));
        let file = disk.create(Path::new("f"))?;
        file.reserve(100)?;
        assert_eq!(file.write_at(b"x", 100).map_err(|error| error.kind()), Err(io::ErrorKind::StorageFull));
        file.write_at(b"x", 99)
    }
}
