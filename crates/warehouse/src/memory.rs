//! How much memory the machine has, which limits are parts of.

/// Assumed where the machine does not tell its memory.
const DEFAULT_MEMORY: usize = 4 << 30;

/// Bytes of memory that this machine has.
pub(crate) fn machine_memory() -> usize {
    let meminfo = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|total| total.trim().strip_suffix(" kB")?.parse::<usize>().ok());
    kib.map_or(DEFAULT_MEMORY, |kib| kib << 10)
}
