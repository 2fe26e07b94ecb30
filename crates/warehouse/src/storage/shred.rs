//! Shredded paths: what nearly every value of a SUPER column has at one place is also written as a column of the file, so that
//! a query of a few places need not read the documents.
//!
//! A shredded column holds what navigation along its path gives in each row, whatever that is, as JSON text. It has no field
//! id, so that other readers of the file pass over it, and its name is the path: `["payload","stationID"]`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use sonic_rs::JsonValueTrait;

use super::Column;
use crate::error::Result;
use crate::functions::{Form, JsonPath, Step, extract};
use crate::types::SqlType;

/// Documents that are looked at.
const SAMPLE: usize = 1000;
/// The part of them, in percent, that has a scalar at a path that is worth a column.
const NEARLY_ALL: usize = 90;
/// Shredded columns of one column, the length of a value, and how deep a path goes, at most.
const MOST_PATHS: usize = 32;
const LONGEST_VALUE: usize = 128;
const DEEPEST: usize = 4;

/// A path into a SUPER column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShreddedPath {
    /// The place of the column in its relation.
    column: usize,
    keys: Vec<String>,
    /// The name of the shredded column.
    pub(super) name: String,
}

/// The name of the shredded column for a path into the column `column`; none if it is not one of keys.
pub(super) fn shredded_name(column: &str, steps: &[Step]) -> Option<String> {
    let mut names = vec![column];
    for step in steps {
        match step {
            Step::Key(key) => names.push(key),
            Step::Index(_) => return None,
        }
    }
    sonic_rs::to_string(&names).ok()
}

/// The paths that are worth a column in a file that starts with `rows`.
pub(super) fn worthwhile(columns: &[Column], rows: &RecordBatch) -> Vec<ShreddedPath> {
    let mut paths = Vec::new();
    for (place, (column, values)) in columns.iter().zip(rows.columns()).enumerate() {
        if column.sql_type == SqlType::Super {
            for keys in common_paths(values.as_string_view()) {
                let steps: Vec<Step> = keys.iter().cloned().map(Step::Key).collect();
                if let Some(name) = shredded_name(&column.name, &steps) {
                    paths.push(ShreddedPath { column: place, keys, name });
                }
            }
        }
    }
    paths
}

/// The shredded columns of `rows`, in the order of `paths`.
pub(super) fn shred(paths: &[ShreddedPath], rows: &RecordBatch) -> Result<Vec<ArrayRef>> {
    let mut shredded = Vec::with_capacity(paths.len());
    for group in paths.chunk_by(|one, next| one.column == next.column) {
        let steps = |path: &ShreddedPath| path.keys.iter().cloned().map(Step::Key).collect();
        let wanted: Vec<JsonPath> =
            group.iter().map(|path| JsonPath { steps: steps(path), form: Form::Json }).collect();
        shredded.extend(extract(rows.column(group[0].column).as_string_view(), &wanted, true)?);
    }
    Ok(shredded)
}

/// The paths at which nearly all of a sample of the documents have a short scalar.
fn common_paths(documents: &StringViewArray) -> Vec<Vec<String>> {
    let sample = documents.iter().step_by((documents.len() / SAMPLE).max(1)).flatten();
    let (mut seen, mut count): (Vec<(Vec<String>, usize)>, usize) = (Vec::new(), 0);
    for document in sample {
        count += 1;
        note_scalars(document, &mut Vec::new(), &mut seen);
    }
    seen.retain(|(_, times)| times * 100 >= count * NEARLY_ALL);
    seen.truncate(MOST_PATHS);
    seen.into_iter().map(|(path, _)| path).collect()
}

/// Counts the scalars of an object, and of the objects in it, by their paths.
fn note_scalars(object: &str, above: &mut Vec<String>, seen: &mut Vec<(Vec<String>, usize)>) {
    for (key, value) in sonic_rs::to_object_iter(object).flatten() {
        above.push(key.to_string());
        let raw = value.as_raw_str();
        if value.is_object() && above.len() < DEEPEST {
            note_scalars(raw, above, seen);
        } else if !value.is_object() && !value.is_array() && raw.len() <= LONGEST_VALUE {
            match seen.iter().position(|(path, _)| path == above) {
                Some(place) => seen[place].1 += 1,
                None if seen.len() < SAMPLE => seen.push((above.clone(), 1)),
                None => {}
            }
        }
        above.pop();
    }
}
