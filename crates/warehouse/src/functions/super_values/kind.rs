//! What a SUPER value is: IS_ARRAY, IS_OBJECT and the like. Of NULL and of a JSON null all of them are false.

use crate::functions::Function;
use crate::functions::row::{Kind, by_row_of_nulls};

pub(crate) fn functions() -> Vec<Function> {
    vec![
        is("is_array", |json| json.starts_with('[')),
        is("is_object", |json| json.starts_with('{')),
        is("is_scalar", |json| !json.starts_with(['[', '{'])),
        is("is_boolean", |json| json == "true" || json == "false"),
        is("is_varchar", |json| json.starts_with('"')),
        is("is_char", |json| json.starts_with('"') && json.is_ascii()),
    ]
}

/// A function that tells whether a value that is not null passes a test.
pub(crate) fn is(name: &'static str, test: fn(&str) -> bool) -> Function {
    by_row_of_nulls(name, &[Kind::Super], &[], move |row| {
        Ok(Some(!row.is_null(0) && row.text(0) != "null" && test(row.text(0))))
    })
}
