//! Redshift's functions, where the engine's own differ or do not exist. One family a file.

mod casts;
mod cell;
mod dates;
mod function;
mod json;
mod kind;
mod null_if;
mod numbers;
mod row;
mod single_value;
mod super_values;
mod texts;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

use crate::types::SqlType;

pub(crate) use casts::assign::{ASSIGN_AS, assign};
pub(crate) use casts::cast::{CAST_AS, cast_target, cast_to, written_cast};
pub use casts::shown::{float_text, interval_text, time_text, timestamp_text};
pub(crate) use dates::arithmetic::interval_length;
pub(crate) use dates::arithmetic::{EXTRACT, EXTRACT_EPOCH};
pub(crate) use dates::interval::{divided, times};
pub(crate) use dates::part::DatePart;
pub(crate) use dates::span::Span;
pub(crate) use dates::time_zone::TIMEZONE;
pub(crate) use function::Function;
pub(crate) use json::documents::{
    CAN_JSON_PARSE, CAN_JSON_PARSE_LAST, EXTRACT_PATH_TEXT, IS_VALID_JSON, JSON_PARSE, JSON_PARSE_LAST, JSON_TYPEOF,
    json_typeof, parse_known_json,
};
pub(crate) use json::path::{Form, JsonPath, JsonPaths, PathField, extract};
pub(crate) use json::shredded::{ShreddedPath, ShreddedPaths};
pub(crate) use json::spelling::Spelling;
pub(crate) use numbers::arithmetic::{BITWISE_NOT, NEGATIVE, checked_operator};
pub(crate) use numbers::average::average;
pub(crate) use numbers::division::{DIVIDE, divide};
pub(crate) use numbers::sum::{exact_sum, is_exact_sum, is_sum, sum, sum_of_integers};
pub(crate) use numbers::unscaled::{UNSCALED_DIGITS, is_unscaled, scaled, unscaled};
use single_value::single_value;
pub(crate) use super_values::aggregate::super_aggregate;
pub(crate) use super_values::coalesce::{KNOWN_SUPER, known_super};
pub(crate) use super_values::key::{SUPER_KEY, super_key, super_key_text};
pub(crate) use super_values::number::super_arithmetic;
pub(crate) use super_values::value::{SUPER_GET, Step, navigate};
pub(crate) use texts::bits::varbyte_operator;
pub(crate) use texts::comparable::{COMPARABLE, Collation, case_sensitive, comparable, end_with_blanks, is_comparable};
pub(crate) use texts::regexp::SIMILAR_TO;
pub(crate) use texts::strings::LIKE_PATTERN;

/// All scalar functions of this module.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let families =
        [dates::functions(), json::functions(), numbers::functions(), super_values::functions(), texts::functions()];
    let functions =
        families.into_iter().flatten().chain([casts::assign::assign_as(), null_if::null_if()]).map(ScalarUDF::from);
    let others = [super_values::coalesce::function(), casts::cast::cast_as()];
    functions.chain(texts::engine_functions()).chain(others).map(Arc::new).collect()
}

/// Whether a function takes SUPER values as they are kept, as JSON.
pub(crate) fn takes_super(function: &ScalarUDF) -> bool {
    [CAST_AS, casts::cast::CAST, json::path::PATH_FIELD, SUPER_GET].contains(&function.name())
        || function::takes_super(function)
}

/// The same function for arguments of some types, whatever fields it is given. None if it does not ask for them, or there are none
/// to tell.
pub(crate) fn pinned(function: &ScalarUDF, types: impl Fn() -> Option<Vec<SqlType>>) -> Option<ScalarUDF> {
    casts::cast::pinned(function, &types).or_else(|| function::pinned(function, &types))
}

/// All aggregates of this module.
pub(crate) fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![sum(), Arc::new(numbers::average::avg()), Arc::new(single_value())]
}
