//! Shredded paths: what nearly every value of a SUPER column has at one place is also written as a column of the file, so that
//! a query of a few places need not read the documents.
//!
//! A shredded column holds what navigation along its path gives in each row, whatever that is, as JSON text. It has no field
//! id, so that other readers of the file pass over it, and its name is the path: `["payload","stationID"]`.

use std::collections::HashMap;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringViewArray};
use sonic_rs::{JsonValueTrait, LazyValue};

use super::Column;
use crate::error::Result;
use crate::functions::{Form, JsonPath, Step, extract};
use crate::types::SqlType;

/// Documents that are looked at.
const SAMPLE: usize = 1000;
/// The part of them, in percent, that has a scalar at a path that is worth a column.
const NEARLY_ALL: usize = 90;
/// Shredded columns of one column, the length of a value on the average, and how deep a path goes, at most.
const MOST_PATHS: usize = 32;
const LONGEST_VALUE: usize = 128;
const DEEPEST: usize = 4;
/// Members of one document, and paths of all, that are looked at.
const MOST_MEMBERS: usize = 256;
const MOST_CANDIDATES: usize = 4096;

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
    let (mut seen, mut count) = (Seen::default(), 0);
    for document in sample {
        count += 1;
        seen.note(document, &mut Vec::new(), &mut { MOST_MEMBERS });
    }
    let is_common = |found: &Found| found.scalars * 100 >= count * NEARLY_ALL && found.bytes <= count * LONGEST_VALUE;
    let mut common: Vec<(Vec<String>, Found)> = seen.paths.into_iter().filter(|(_, found)| is_common(found)).collect();
    common.sort_by_key(|(_, found)| found.order);
    common.truncate(MOST_PATHS);
    common.into_iter().map(|(path, _)| path).collect()
}

/// What a sample of documents has at which paths.
#[derive(Debug, Default)]
struct Seen {
    paths: HashMap<Vec<String>, Found>,
}

/// What documents have at one path.
#[derive(Debug)]
struct Found {
    /// How many paths were seen before.
    order: usize,
    /// How often a scalar, which JSON null is not.
    scalars: usize,
    /// Bytes of all values.
    bytes: usize,
}

impl Seen {
    /// Notes the members of an object, and of the objects in it, as long as there are not more than `left`.
    fn note(&mut self, object: &str, above: &mut Vec<String>, left: &mut usize) {
        for (key, value) in sonic_rs::to_object_iter(object).flatten() {
            if *left == 0 {
                return;
            }
            *left -= 1;
            above.push(key.to_string());
            self.note_value(&value, above);
            if value.is_object() && above.len() < DEEPEST {
                self.note(value.as_raw_str(), above, left);
            }
            above.pop();
        }
    }

    fn note_value(&mut self, value: &LazyValue<'_>, path: &[String]) {
        let order = self.paths.len();
        if !self.paths.contains_key(path) {
            if order == MOST_CANDIDATES {
                return;
            }
            self.paths.insert(path.to_vec(), Found { order, scalars: 0, bytes: 0 });
        }
        if let Some(found) = self.paths.get_mut(path) {
            found.scalars += usize::from(!value.is_object() && !value.is_array() && !value.is_null());
            found.bytes += value.as_raw_str().len();
        }
    }
}
