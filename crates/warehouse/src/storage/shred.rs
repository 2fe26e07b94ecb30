//! Shredded paths: what nearly every value of a SUPER column has at one place is also written as a column of the file, so that
//! a query of a few places need not read the documents.
//!
//! A shredded column holds what navigation along its path gives in each row, whatever that is: as JSON text, or as integers if
//! they are numbers that are all spelled alike. It has no field id, so that other readers of the file pass over it, and its name
//! is the path and the spelling: `["payload","stationID"]` or `["payload","kWhDelivered"] 2`.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field};
use sonic_rs::{JsonValueTrait, LazyValue};

use super::Column;
use crate::error::Result;
use crate::functions::{Form, JsonPath, Spelling, Step, extract};
use crate::types::SqlType;

/// The part of them, in percent, that has a scalar at a path that is worth a column.
const NEARLY_ALL: usize = 90;
/// Shredded columns of one column, the length of a value on the average, and how deep a path goes, at most.
const MOST_PATHS: usize = 32;
const LONGEST_VALUE: usize = 128;
const DEEPEST: usize = 4;
/// Members of one document, and paths of all, that are looked at.
const MOST_MEMBERS: usize = 256;
const MOST_CANDIDATES: usize = 4096;

/// A path into a SUPER column that has a column in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shredding {
    /// The place of the SUPER column in its relation.
    column: usize,
    path: JsonPath,
    /// The path as a part of the column's name.
    name: String,
    /// How all numbers are spelled; none if values are kept as text.
    pub(super) spelling: Option<Spelling>,
}

impl Shredding {
    /// The shredded column as the file has it.
    pub(super) fn field(&self) -> Field {
        match self.spelling {
            None => SqlType::Super.field(&self.name),
            Some(spelling) => Field::new(format!("{} {spelling}", self.name), DataType::Int64, true),
        }
    }

    /// What is kept of JSON values; none if one is not spelled as it should be.
    fn kept(&self, values: ArrayRef) -> Option<ArrayRef> {
        match self.spelling {
            None => Some(values),
            Some(spelling) => Some(Arc::new(spelling.read(values.as_string_view())?)),
        }
    }
}

/// The name of a path into the column `column`; none if it is not one of keys.
pub(super) fn path_name(column: &str, steps: &[Step]) -> Option<String> {
    let mut names = vec![column];
    for step in steps {
        match step {
            Step::Key(key) => names.push(key),
            Step::Index(_) => return None,
        }
    }
    sonic_rs::to_string(&names).ok()
}

/// How the column of a file keeps the values of a path, if it is the shredded one for it: as numbers of a spelling, or as text.
pub(super) fn kept_as(column: &str, path_name: &str) -> Option<Option<Spelling>> {
    match column.strip_prefix(path_name)? {
        "" => Some(None),
        rest => Spelling::parse(rest.strip_prefix(' ')?).map(Some),
    }
}

/// The paths that are worth a column in a file with rows such as those of `sample`.
pub(super) fn worthwhile(columns: &[Column], sample: &RecordBatch) -> Result<Vec<Shredding>> {
    let mut shreddings = Vec::new();
    for (place, (column, values)) in columns.iter().zip(sample.columns()).enumerate() {
        if column.sql_type != SqlType::Super {
            continue;
        }
        for keys in common_paths(values.as_string_view()) {
            let path = JsonPath { steps: keys.into_iter().map(Step::Key).collect(), form: Form::Json };
            if let Some(name) = path_name(&column.name, &path.steps) {
                shreddings.push(Shredding { column: place, path, name, spelling: None });
            }
        }
    }
    for (place, values) in shred(&shreddings, sample)?.into_iter().enumerate() {
        shreddings[place].spelling = values.and_then(|values| Spelling::of(values.as_string_view()));
    }
    Ok(shreddings)
}

/// The shredded columns of `rows`, in the order of `shreddings`; none for one that has a value of another spelling.
pub(super) fn shred(shreddings: &[Shredding], rows: &RecordBatch) -> Result<Vec<Option<ArrayRef>>> {
    let mut shredded = Vec::with_capacity(shreddings.len());
    for group in shreddings.chunk_by(|one, next| one.column == next.column) {
        let paths: Vec<JsonPath> = group.iter().map(|shredding| shredding.path.clone()).collect();
        let values = extract(rows.column(group[0].column).as_string_view(), &paths, true)?;
        shredded.extend(group.iter().zip(values).map(|(shredding, values)| shredding.kept(values)));
    }
    Ok(shredded)
}

/// The paths at which nearly all of the documents have a short scalar.
fn common_paths(documents: &StringViewArray) -> Vec<Vec<String>> {
    let (mut seen, mut count) = (Seen::default(), 0);
    for document in documents.iter().flatten() {
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
