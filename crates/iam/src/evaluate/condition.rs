//! Condition operators (IAM: JSON policy elements, condition operators).

use std::collections::BTreeMap;

use wildmatch::WildMatch;

use crate::policy::Values;

type Test = fn(&str, &str) -> bool;

/// The test of an operator's base name, and whether it must not hold.
fn operator(name: &str) -> Option<(Test, bool)> {
    Some(match name {
        "StringEquals" => (equals, false),
        "StringNotEquals" => (equals, true),
        "StringEqualsIgnoreCase" | "Bool" => (equals_ignoring_case, false),
        "StringNotEqualsIgnoreCase" => (equals_ignoring_case, true),
        "StringLike" | "ArnEquals" | "ArnLike" => (like, false),
        "StringNotLike" | "ArnNotEquals" | "ArnNotLike" => (like, true),
        "NumericEquals" => (|left, right| number(left) == number(right), false),
        "NumericNotEquals" => (|left, right| number(left) == number(right), true),
        "NumericLessThan" => (|left, right| number(left) < number(right), false),
        "NumericLessThanEquals" => (|left, right| number(left) <= number(right), false),
        "NumericGreaterThan" => (|left, right| number(left) > number(right), false),
        "NumericGreaterThanEquals" => (|left, right| number(left) >= number(right), false),
        _ => return None,
    })
}

/// Whether `name` is an operator that can be evaluated here.
pub(crate) fn is_known(name: &str) -> bool {
    name == "Null" || operator(name.strip_suffix("IfExists").unwrap_or(name)).is_some()
}

/// Whether every key of one operator's block meets one of its values.
pub(crate) fn holds(name: &str, keys: &BTreeMap<String, Values>, context: &BTreeMap<String, String>) -> bool {
    keys.iter().all(|(key, wanted)| {
        let found = context.get(&key.to_ascii_lowercase());
        if name == "Null" {
            return wanted.0.iter().any(|wanted| wanted.parse() == Ok(found.is_none()));
        }
        let base = name.strip_suffix("IfExists").unwrap_or(name);
        let Some((test, negated)) = operator(base) else { return false };
        match found {
            Some(found) => wanted.0.iter().any(|wanted| test(found, wanted)) != negated,
            None => negated || base.len() < name.len(),
        }
    })
}

fn equals(found: &str, wanted: &str) -> bool {
    found == wanted
}

fn equals_ignoring_case(found: &str, wanted: &str) -> bool {
    found.eq_ignore_ascii_case(wanted)
}

fn like(found: &str, wanted: &str) -> bool {
    WildMatch::new(wanted).matches(found)
}

/// Text that is no number compares as unequal to, and neither below nor above, anything.
fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}
