//! Objects in SUPER.

use std::collections::HashSet;

use datafusion::common::Result;

use crate::error::{ErrorKind, SqlError};
use crate::functions::Function;
use crate::functions::function::invalid;
use crate::functions::row::Kind::Super;
use crate::functions::row::{Json, Row, by_row, by_row_of_many};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        by_row_of_many("object", Super, object),
        by_row("get_number_attributes", &[Super], &[], |row| {
            let is_object = row.text(0).starts_with('{');
            Ok(is_object.then(|| sonic_rs::to_object_iter(row.text(0)).count() as i64))
        }),
        by_row("lower_attribute_names", &[Super], &[], |row| renamed(row.text(0), str::to_lowercase).map(Some)),
        by_row("upper_attribute_names", &[Super], &[], |row| renamed(row.text(0), str::to_uppercase).map(Some)),
    ]
}

/// Names and values by turns.
fn object(row: &Row<'_>) -> Result<Option<Json>> {
    if !row.len().is_multiple_of(2) {
        return Err(invalid("OBJECT takes a value for each name"));
    }
    let mut json = String::from("{");
    for place in (0..row.len()).step_by(2) {
        let name = row.text(place);
        if row.is_null(place) || !name.starts_with('"') {
            return Err(invalid("the name of an attribute must be a string"));
        }
        let value = if row.is_null(place + 1) { "null" } else { row.text(place + 1) };
        let comma = if place == 0 { "" } else { "," };
        json.extend([comma, name, ":", value]);
    }
    json.push('}');
    Ok(Some(Json(json)))
}

/// A value with other names for the attributes of all objects in it.
fn renamed(json: &str, rename: fn(&str) -> String) -> Result<Json> {
    let mut renamed = String::with_capacity(json.len());
    write_renamed(json, rename, &mut renamed)?;
    Ok(Json(renamed))
}

fn write_renamed(json: &str, rename: fn(&str) -> String, renamed: &mut String) -> Result<()> {
    match json.as_bytes().first() {
        Some(b'{') => {
            let mut seen = HashSet::new();
            renamed.push('{');
            for attribute in sonic_rs::to_object_iter(json) {
                let (name, value) = attribute.map_err(|error| invalid(error.to_string()))?;
                let name = rename(&name);
                renamed.push_str(if seen.is_empty() { "" } else { "," });
                renamed.push_str(&sonic_rs::to_string(&name).unwrap_or_default());
                renamed.push(':');
                write_renamed(value.as_raw_str(), rename, renamed)?;
                if !seen.insert(name) {
                    let error = SqlError::new(ErrorKind::InvalidParameterValue, "Invalid input");
                    let error = error.with_detail("SUPER value has duplicate attributes after case conversion.");
                    return Err(error.into_engine());
                }
            }
            renamed.push('}');
        }
        Some(b'[') => {
            renamed.push('[');
            for (place, value) in sonic_rs::to_array_iter(json).enumerate() {
                let value = value.map_err(|error| invalid(error.to_string()))?;
                renamed.push_str(if place == 0 { "" } else { "," });
                write_renamed(value.as_raw_str(), rename, renamed)?;
            }
            renamed.push(']');
        }
        _ => renamed.push_str(json),
    }
    Ok(())
}
