//! Arrays in SUPER: making them, taking them apart, searching them. What is no array gives NULL.

use std::borrow::Cow;

use datafusion::common::Result;

use super::key::key;
use crate::functions::Function;
use crate::functions::row::Kind::{Flag, Super, Text, Whole};
use crate::functions::row::{Json, Row, by_row, by_row_of_many, by_row_of_nulls};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        by_row_of_many("array", Super, |row| {
            let values = (0..row.len()).map(|place| if row.is_null(place) { "null" } else { row.text(place) });
            Ok(Some(array(values)))
        }),
        by_row("array_concat", &[Super, Super], &[], |row| {
            both(row, |one, other| one.into_iter().chain(other).collect())
        }),
        by_row("array_flatten", &[Super], &[], |row| {
            let mut flat = Vec::new();
            Ok(elements(row.text(0)).map(|values| {
                flatten(values, &mut flat);
                array(flat)
            }))
        }),
        by_row("get_array_length", &[Super], &[], |row| Ok(elements(row.text(0)).map(|values| values.len() as i64))),
        by_row("split_to_array", &[Text], &[Text], |row| {
            let delimiter = if row.len() > 1 { row.text(1) } else { "," };
            let parts = match delimiter {
                "" => vec![row.text(0)],
                delimiter => row.text(0).split(delimiter).collect(),
            };
            let parts: Vec<String> = parts.into_iter().filter_map(|part| sonic_rs::to_string(part).ok()).collect();
            Ok(Some(array(parts.iter().map(String::as_str))))
        }),
        by_row("subarray", &[Super, Whole], &[Whole], subarray),
        by_row("array_distinct", &[Super], &[], |row| Ok(elements(row.text(0)).map(|values| array(distinct(values))))),
        by_row("array_union", &[Super, Super], &[], |row| {
            both(row, |one, other| distinct(one.into_iter().chain(other).collect()))
        }),
        by_row("array_except", &[Super, Super], &[Flag], |row| chosen(row, false)),
        by_row("array_intersection", &[Super, Super], &[Flag], |row| chosen(row, true)),
        by_row("arrays_overlap", &[Super, Super], &[], |row| {
            let (Some(one), Some(other)) = (keys(row.text(0)), keys(row.text(1))) else { return Ok(None) };
            Ok(Some(one.iter().any(|value| other.contains(value))))
        }),
        by_row(
            "array_sort",
            &[Super],
            &[Flag, Flag],
            |row| Ok(elements(row.text(0)).map(|values| sorted(values, row))),
        ),
        search("array_contains", |places| !places.is_empty()),
        search("array_position", |places| places.first().map_or(-1, |place| *place as i64)),
        search("array_positions", |places| {
            let places: Vec<String> = places.iter().map(usize::to_string).collect();
            array(places.iter().map(String::as_str))
        }),
    ]
}

/// The elements of an array, as they are written; none for anything else.
fn elements(json: &str) -> Option<Vec<&str>> {
    if !json.starts_with('[') {
        return None;
    }
    let elements = sonic_rs::to_array_iter(json).map(|element| match element.ok()?.as_raw_cow() {
        Cow::Borrowed(raw) => Some(raw),
        Cow::Owned(_) => None,
    });
    elements.collect()
}

fn keys(json: &str) -> Option<Vec<Vec<u8>>> {
    Some(elements(json)?.into_iter().map(key).collect())
}

fn array<'v>(values: impl IntoIterator<Item = &'v str>) -> Json {
    let mut json = String::from("[");
    for value in values {
        if json.len() > 1 {
            json.push(',');
        }
        json.push_str(value);
    }
    json.push(']');
    Json(json)
}

/// An array that is made of two.
fn both<'r>(row: &Row<'r>, make: impl Fn(Vec<&'r str>, Vec<&'r str>) -> Vec<&'r str>) -> Result<Option<Json>> {
    let (Some(one), Some(other)) = (elements(row.text(0)), elements(row.text(1))) else { return Ok(None) };
    Ok(Some(array(make(one, other))))
}

fn flatten<'v>(values: Vec<&'v str>, flat: &mut Vec<&'v str>) {
    for value in values {
        match elements(value) {
            Some(inner) => flatten(inner, flat),
            None => flat.push(value),
        }
    }
}

fn subarray(row: &Row<'_>) -> Result<Option<Json>> {
    let Some(values) = elements(row.text(0)) else { return Ok(None) };
    let start = match row.whole(1) {
        // From the end.
        back @ ..0 => (values.len() as i64).saturating_add(back).max(0),
        start => start,
    };
    let length = if row.len() > 2 { row.whole(2).max(0) } else { i64::MAX };
    let (start, length) = (usize::try_from(start).unwrap_or(usize::MAX), usize::try_from(length).unwrap_or(usize::MAX));
    Ok(Some(array(values.into_iter().skip(start).take(length))))
}

/// The first of values that are equal.
fn distinct(values: Vec<&str>) -> Vec<&str> {
    let mut seen = std::collections::HashSet::new();
    values.into_iter().filter(|value| seen.insert(key(value))).collect()
}

/// The elements of an array that are in another one, as many times as there, or that are not: each once if told so.
fn chosen(row: &Row<'_>, is_in: bool) -> Result<Option<Json>> {
    let (Some(values), Some(mut others)) = (elements(row.text(0)), keys(row.text(1))) else { return Ok(None) };
    let is_distinct = row.flag(2);
    let values = if is_distinct { distinct(values) } else { values };
    let is_chosen = |value: &&str| {
        let found = others.iter().position(|other| *other == key(value));
        if let Some(found) = found.filter(|_| !is_distinct) {
            others.swap_remove(found);
        }
        found.is_some() == is_in
    };
    Ok(Some(array(values.into_iter().filter(is_chosen).collect::<Vec<_>>())))
}

/// In ascending order unless told otherwise, nulls last; in descending order they come first.
fn sorted(mut values: Vec<&str>, row: &Row<'_>) -> Json {
    let is_ascending = row.len() < 2 || row.flag(1);
    let nulls_first = if row.len() > 2 { row.flag(2) } else { !is_ascending };
    values.sort_by_cached_key(|value| key(value));
    if !is_ascending {
        values.reverse();
    }
    values.sort_by(|one, other| match (*one == "null").cmp(&(*other == "null")) {
        order if nulls_first => order.reverse(),
        order => order,
    });
    array(values)
}

/// A function of the places at which a value is in an array. If NULL is not to be found, it is what is not known.
fn search<R: crate::functions::row::Cell + 'static>(name: &'static str, tell: fn(Vec<usize>) -> R) -> Function {
    by_row_of_nulls(name, &[Super, Super], &[Flag], move |row| {
        let finds_null = row.len() < 3 || row.flag(2);
        let (false, Some(values)) = (row.is_null(0), elements(row.text(0))) else { return Ok(None) };
        let wanted = if row.is_null(1) { "null" } else { row.text(1) };
        let wanted_key = key(wanted);
        let places: Vec<usize> = (0..values.len()).filter(|place| key(values[*place]) == wanted_key).collect();
        let is_unknown = wanted == "null" || places.is_empty() && values.contains(&"null");
        Ok((finds_null || !is_unknown).then(|| tell(places)))
    })
}
