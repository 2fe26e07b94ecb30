//! OBJECT_TRANSFORM: an object with some attributes of another, and new ones.

use std::borrow::Cow;

use datafusion::common::Result;

use crate::functions::Function;
use crate::functions::function::invalid;
use crate::functions::row::Kind::Super;
use crate::functions::row::{Json, Row, by_row_of_many};
use crate::sql::OBJECT_TRANSFORM;

pub(crate) fn functions() -> Vec<Function> {
    vec![by_row_of_many(OBJECT_TRANSFORM, Super, object_transform)]
}

/// Of the input, how many paths are kept, these, and by turns the paths and values that are set.
fn object_transform(row: &Row<'_>) -> Result<Option<Json>> {
    if row.is_null(0) {
        return Ok(None);
    }
    let input = row.text(0);
    if row.len() <= 2 || !input.starts_with('{') {
        return Ok(Some(Json(input.to_owned())));
    }
    let count = row.text(1).parse::<usize>().ok().filter(|count| *count <= row.len() - 2);
    let count = count.ok_or_else(|| invalid("OBJECT_TRANSFORM takes paths after KEEP and SET"))?;
    let (kept, set) = (2..2 + count, 2 + count..row.len());
    if !set.len().is_multiple_of(2) {
        return Err(invalid("OBJECT_TRANSFORM takes a value for each path that is SET"));
    }
    let mut object = Object::default();
    for place in kept {
        let path = path(row, place)?;
        if let Ok(value) = sonic_rs::get(input, &path) {
            object.set(&path, value.as_raw_cow())?;
        }
    }
    for place in set.step_by(2) {
        let value = if row.is_null(place + 1) { "null" } else { row.text(place + 1) };
        object.set(&path(row, place)?, Cow::Borrowed(value))?;
    }
    let mut json = String::new();
    object.write(&mut json);
    Ok(Some(Json(json)))
}

/// The names in a path that is written `"a"."b"`.
fn path(row: &Row<'_>, place: usize) -> Result<Vec<String>> {
    let written = if row.is_null(place) { "null" } else { row.text(place) };
    let path: String = sonic_rs::from_str(written).unwrap_or_default();
    let names = path.strip_prefix('"').and_then(|path| path.strip_suffix('"'));
    let names: Option<Vec<String>> = names.map(|names| names.split("\".\"").map(str::to_owned).collect());
    names.filter(|names| names.iter().all(|name| !name.is_empty() && !name.contains('"'))).ok_or_else(|| {
        invalid(format!("invalid path {written}: its names must be in double quotes, with periods between them"))
    })
}

/// An object that is being made.
#[derive(Debug, Default)]
struct Object<'j> {
    attributes: Vec<(String, Value<'j>)>,
}

#[derive(Debug)]
enum Value<'j> {
    Json(Cow<'j, str>),
    Object(Object<'j>),
}

impl<'j> Object<'j> {
    /// The attributes of an object that is JSON; none of another value.
    fn of(json: &str) -> Result<Self> {
        if !json.starts_with('{') {
            return Ok(Self::default());
        }
        let attributes = sonic_rs::to_object_iter(json).map(|attribute| {
            let (name, value) = attribute.map_err(|error| invalid(error.to_string()))?;
            Ok((name.to_string(), Value::Json(Cow::Owned(value.as_raw_str().to_owned()))))
        });
        Ok(Self { attributes: attributes.collect::<Result<_>>()? })
    }

    /// Gives the attribute at `path` a value, in objects that are made where there are none.
    fn set(&mut self, path: &[String], value: Cow<'j, str>) -> Result<()> {
        let Some((name, rest)) = path.split_first() else { return Ok(()) };
        let place = self.attributes.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            self.attributes.push((name.clone(), Value::Json(Cow::Borrowed("null"))));
            self.attributes.len() - 1
        });
        let attribute = &mut self.attributes[place].1;
        if rest.is_empty() {
            *attribute = Value::Json(value);
            return Ok(());
        }
        if let Value::Json(json) = attribute {
            *attribute = Value::Object(Self::of(json)?);
        }
        match attribute {
            Value::Object(object) => object.set(rest, value),
            Value::Json(_) => Ok(()),
        }
    }

    fn write(&self, json: &mut String) {
        json.push('{');
        for (place, (name, value)) in self.attributes.iter().enumerate() {
            json.push_str(if place == 0 { "" } else { "," });
            json.push_str(&sonic_rs::to_string(name).unwrap_or_default());
            json.push(':');
            match value {
                Value::Json(value) => json.push_str(value),
                Value::Object(object) => object.write(json),
            }
        }
        json.push('}');
    }
}
