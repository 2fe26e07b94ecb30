//! Which files of a relation are worth merging.

use std::ops::Range;
use std::sync::Arc;

use super::DataFile;

/// So many neighbours of a size are merged into one of the next.
const FAN_IN: usize = 8;
/// Sizes: files up to so many bytes, each so many times the one before.
const SMALLEST: i64 = 32 << 10;
const STEP: i64 = FAN_IN as i64;
/// A file of this size is left alone, and none larger than about this is made.
const LARGEST: i64 = 128 << 20;
/// Nor one of more rows, which are sorted in memory.
const MOST_ROWS: i64 = 4 << 20;

/// Neighbouring files to merge next. Rows that some view has yet to read start at each of `borders`: no file may hold rows
/// from both sides of one.
pub(crate) fn choose(files: &[Arc<DataFile>], borders: &[i64]) -> Option<Range<usize>> {
    let (mut below, mut limit) = (0, SMALLEST);
    while limit <= LARGEST {
        // Files of the size itself count: a large one is not written again for the sake of a few small ones behind it.
        let of_size = |run: &Range<usize>| files[run.clone()].iter().filter(|file| file.bytes > below).count();
        if let Some(run) = runs(files, borders, limit).find(|run| of_size(run) >= FAN_IN) {
            return Some(run);
        }
        (below, limit) = (limit, limit * STEP);
    }
    None
}

/// All that can be merged at all, in order: what VACUUM does.
pub(crate) fn choose_all(files: &[Arc<DataFile>], borders: &[i64]) -> Option<Range<usize>> {
    runs(files, borders, LARGEST).find(|run| run.len() > 1)
}

/// Runs of neighbours of at most `limit` bytes each that fit into one file.
fn runs<'f>(files: &'f [Arc<DataFile>], borders: &'f [i64], limit: i64) -> impl Iterator<Item = Range<usize>> + 'f {
    let mut start = 0;
    std::iter::from_fn(move || {
        while start < files.len() && files[start].bytes > limit {
            start += 1;
        }
        let first = files.get(start)?;
        let (mut end, mut bytes, mut rows) = (start + 1, first.bytes, first.records);
        while let Some(next) = files.get(end) {
            (bytes, rows) = (bytes + next.bytes, rows + next.records);
            let is_border = borders.contains(&next.row_id_start);
            if next.bytes > limit || bytes > LARGEST || rows > MOST_ROWS || is_border {
                break;
            }
            end += 1;
        }
        let run = start..end;
        start = end;
        Some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(sizes: &[i64]) -> Vec<Arc<DataFile>> {
        let file = |(id, bytes): (usize, &i64)| {
            let row_id_start = id as i64 * 10;
            let id = id as i64;
            Arc::new(DataFile {
                id,
                path: String::new(),
                records: 10,
                bytes: *bytes,
                footer: 0,
                row_id_start,
                stats: vec![],
            })
        };
        sizes.iter().enumerate().map(file).collect()
    }

    #[test]
    fn small_neighbours_are_merged_before_larger_ones() {
        assert_eq!(choose(&files(&[1000; 7]), &[]), None);
        assert_eq!(choose(&files(&[1000; 9]), &[]), Some(0..9));
        let mut sizes = vec![1 << 20; 9];
        sizes.extend([1000; 8]);
        assert_eq!(choose(&files(&sizes), &[]), Some(9..17));
        assert_eq!(choose(&files(&[LARGEST; 20]), &[]), None);
    }

    #[test]
    fn no_file_gets_rows_from_both_sides_of_a_border() {
        assert_eq!(choose(&files(&[1000; 12]), &[40]), Some(4..12));
        assert_eq!(choose(&files(&[1000; 12]), &[60]), None);
        assert_eq!(choose_all(&files(&[1000; 12]), &[60]), Some(0..6));
    }

    #[test]
    fn a_month_of_flushes_leaves_few_files_and_writes_each_row_a_few_times() {
        let (mut kept, mut written, mut next) = (Vec::<Arc<DataFile>>::new(), 0, 0);
        const FLUSH: i64 = 14_000;
        for flush in 0..43_200_i64 {
            kept.push(Arc::clone(&files(&[FLUSH])[0]));
            let last = Arc::make_mut(kept.last_mut().unwrap());
            (last.id, last.row_id_start, last.records) = (flush, flush * 300, 300);
            while let Some(run) = choose(&kept, &[]) {
                let bytes = kept[run.clone()].iter().map(|file| file.bytes).sum();
                let records = kept[run.clone()].iter().map(|file| file.records).sum();
                written += bytes;
                next += 1;
                let merged = DataFile { id: next, bytes, records, ..DataFile::clone(&kept[run.start]) };
                kept.splice(run, [Arc::new(merged)]);
            }
        }
        assert!(kept.len() < 40, "{} files", kept.len());
        assert!(written / (43_200 * FLUSH) < 6, "each byte was written {} times", written / (43_200 * FLUSH));
    }
}
