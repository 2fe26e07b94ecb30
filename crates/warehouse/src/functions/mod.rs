//! Redshift's functions, where the engine's own differ or do not exist. One family a file.

mod arithmetic;
mod assign;
mod average;
mod bytes;
mod cast;
mod coalesce;
mod date_part;
mod date_text;
mod dates;
mod datetime;
mod division;
mod function;
mod hashes;
mod integer_bytes;
mod interval;
mod json;
mod json_array;
mod length;
mod math;
mod number_format;
mod path;
mod path_tree;
mod regexp;
mod rounding;
mod row;
mod shredded;
mod single_value;
mod spelling;
mod strings;
mod sum;
mod super_aggregate;
mod super_array;
mod super_key;
mod super_kind;
mod super_number;
mod super_object;
mod super_value;
mod template;
mod text_arguments;
mod time_zone;
mod unscaled;

use std::sync::Arc;

use datafusion::logical_expr::{AggregateUDF, ScalarUDF};

pub(crate) use arithmetic::{NEGATIVE, checked_operator};
pub(crate) use assign::{ASSIGN_AS, assign};
pub(crate) use average::average;
use cast::CAST;
pub(crate) use cast::{CAST_AS, cast_target, cast_to, written_cast};
pub(crate) use coalesce::{KNOWN_SUPER, known_super};
pub(crate) use date_part::DatePart;
pub(crate) use dates::EXTRACT;
pub(crate) use division::divide;
pub(crate) use function::Function;
pub use interval::interval_text;
pub(crate) use interval::{divided, times};
pub(crate) use json::{
    CAN_JSON_PARSE, EXTRACT_PATH_TEXT, IS_VALID_JSON, JSON_PARSE, JSON_TYPEOF, json_typeof, parse_known_json,
};
use path::PATH_FIELD;
pub(crate) use path::{Form, JsonPath, JsonPaths, PathField, extract};
pub(crate) use regexp::SIMILAR_TO;
pub(crate) use shredded::{ShreddedPath, ShreddedPaths};
use single_value::single_value;
pub(crate) use spelling::Spelling;
pub(crate) use strings::LIKE_PATTERN;
pub(crate) use sum::{exact_sum, is_exact_sum, is_sum, sum, sum_of_integers};
pub(crate) use super_aggregate::super_aggregate;
pub(crate) use super_key::{SUPER_KEY, super_key, super_key_text};
pub(crate) use super_number::super_arithmetic;
pub(crate) use super_value::{SUPER_GET, Step, navigate};
pub(crate) use time_zone::TIMEZONE;
pub(crate) use unscaled::{UNSCALED_DIGITS, is_unscaled, scaled, unscaled};

/// All scalar functions of this module.
pub(crate) fn scalar_functions() -> Vec<Arc<ScalarUDF>> {
    let families = [
        arithmetic::functions(),
        vec![assign::assign_as()],
        bytes::functions(),
        dates::functions(),
        datetime::functions(),
        hashes::functions(),
        json::functions(),
        json_array::functions(),
        length::functions(),
        math::functions(),
        number_format::functions(),
        regexp::functions(),
        rounding::functions(),
        strings::functions(),
        super_array::functions(),
        super_kind::functions(),
        super_number::functions(),
        super_object::functions(),
        time_zone::functions(),
    ];
    let functions = families.into_iter().flatten().map(ScalarUDF::from);
    let engine_functions = text_arguments::functions();
    functions.chain(engine_functions).chain([coalesce::function(), cast::cast_as()]).map(Arc::new).collect()
}

/// Whether a function takes SUPER values as they are kept, as JSON.
pub(crate) fn takes_super(function: &ScalarUDF) -> bool {
    [CAST_AS, CAST, PATH_FIELD, SUPER_GET].contains(&function.name()) || function::takes_super(function)
}

/// All aggregates of this module.
pub(crate) fn aggregate_functions() -> Vec<Arc<AggregateUDF>> {
    vec![sum(), Arc::new(average::avg()), Arc::new(single_value())]
}
