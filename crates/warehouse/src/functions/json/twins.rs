//! Attributes that an object has twice, which JSON_PARSE does not take (Redshift: SUPER configurations, parsing options).

use std::borrow::Cow;
use std::collections::HashMap;

use datafusion::common::Result;
use memchr::{memchr, memchr_iter};

use super::documents::{places_of, string_length};
use super::path::invalid_json;

/// Whether an object in JSON has two attributes of one name.
pub(super) fn has_twins(json: &str) -> bool {
    may_have_twins(json.as_bytes()) && are_twins_in(json)
}

/// The same value with the last one only of attributes of one name.
pub(super) fn without_twins(json: &str) -> Result<String> {
    let mut kept = String::with_capacity(json.len());
    match has_twins(json) {
        true => write_last(json, &mut kept)?,
        false => kept.push_str(json),
    }
    Ok(kept)
}

fn write_last(json: &str, kept: &mut String) -> Result<()> {
    match json.as_bytes().first() {
        Some(b'{') => {
            let attributes =
                sonic_rs::to_object_iter(json).collect::<Result<Vec<_>, _>>().map_err(|_| invalid_json(json))?;
            let last: HashMap<&str, usize> = attributes.iter().map(|(name, _)| &**name).zip(0..).collect();
            kept.push('{');
            for (place, (name, value)) in attributes.iter().enumerate() {
                if last[&**name] == place {
                    kept.push_str(if kept.ends_with('{') { "" } else { "," });
                    kept.push_str(&sonic_rs::to_string(name).unwrap_or_default());
                    kept.push(':');
                    write_last(value.as_raw_str(), kept)?;
                }
            }
            kept.push('}');
        }
        Some(b'[') => {
            kept.push('[');
            for (place, value) in sonic_rs::to_array_iter(json).flatten().enumerate() {
                kept.push_str(if place == 0 { "" } else { "," });
                write_last(value.as_raw_str(), kept)?;
            }
            kept.push(']');
        }
        _ => kept.push_str(json),
    }
    Ok(())
}

/// Whether two names may be alike, if only in different objects: they end alike. Quicker than reading them, and most documents have none.
fn may_have_twins(json: &[u8]) -> bool {
    const FEW: usize = 24;
    if memchr(b'\\', json).is_some() {
        // One name may be spelled in two ways.
        return true;
    }
    let (mut endings, mut names) = ([0_u64; FEW], 0);
    for colon in memchr_iter(b':', json) {
        let before = json[..colon].trim_ascii_end();
        // One in a string may look like the end of a name, too.
        let Some((b'"', before)) = before.split_last() else { continue };
        let ending = ending(before);
        if names == FEW || endings[..names].contains(&ending) {
            return true;
        }
        endings[names] = ending;
        names += 1;
    }
    false
}

/// The last eight bytes of the name at the end of `json`; all of it, with its quote, if it is shorter.
fn ending(json: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    match json.last_chunk() {
        Some(last) => bytes = *last,
        None => bytes[8 - json.len()..].copy_from_slice(json),
    }
    let word = u64::from_le_bytes(bytes);
    match places_of(b'"', word).leading_zeros() / 8 {
        8 => word,
        bytes_behind => word >> (56 - 8 * bytes_behind),
    }
}

/// Whether two names in one object are alike.
fn are_twins_in(json: &str) -> bool {
    /// An object or array that is open.
    struct Open {
        is_object: bool,
        names: usize,
    }
    let (mut open, mut names) = (Vec::<Open>::new(), Vec::<Cow<'_, str>>::new());
    let (mut rest, mut is_name_next) = (json, false);
    while let Some(byte) = rest.as_bytes().first() {
        let mut length = 1;
        match byte {
            b'"' => {
                length = string_length(rest.as_bytes());
                if std::mem::take(&mut is_name_next) {
                    names.push(name(&rest[..length]));
                }
            }
            b'{' | b'[' => {
                is_name_next = *byte == b'{';
                open.push(Open { is_object: is_name_next, names: names.len() });
            }
            b',' => is_name_next = open.last().is_some_and(|open| open.is_object),
            b'}' | b']' => {
                let of_closed = open.pop().map_or(0, |open| open.names);
                names[of_closed..].sort_unstable();
                if names[of_closed..].windows(2).any(|pair| pair[0] == pair[1]) {
                    return true;
                }
                names.truncate(of_closed);
            }
            _ => length = rest.find(['"', ',', '{', '[', '}', ']']).unwrap_or(rest.len()),
        }
        rest = &rest[length..];
    }
    false
}

/// A name without its quotes.
fn name(quoted: &str) -> Cow<'_, str> {
    match quoted.contains('\\') {
        true => sonic_rs::from_str(quoted).map_or(Cow::Borrowed(quoted), Cow::Owned),
        false => Cow::Borrowed(quoted.trim_matches('"')),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn documents() -> impl Strategy<Value = String> {
        let leaf = prop::sample::select(vec!["1", "\"a\"", "\"x\\\":\"", "null"]).prop_map(str::to_owned);
        leaf.prop_recursive(3, 24, 4, |inner| {
            let name = prop::sample::select(vec!["a", "b", "\\u0061", "", "longer name", "a longer name", "\\\""]);
            let attribute = (name, inner.clone()).prop_map(|(name, value)| format!("\"{name}\" :{value}"));
            prop_oneof![
                prop::collection::vec(attribute, 0..4).prop_map(|attributes| format!("{{{}}}", attributes.join(", "))),
                prop::collection::vec(inner, 0..3).prop_map(|values| format!("[{}]", values.join(","))),
            ]
        })
    }

    /// The same, by a parser that knows nothing of how.
    fn has_same_names(json: &str) -> bool {
        let mut names = Vec::new();
        let values: Vec<String> = match json.as_bytes()[0] {
            b'{' => sonic_rs::to_object_iter(json)
                .map(|attribute| {
                    let (name, value) = attribute.unwrap();
                    names.push(name.to_string());
                    value.as_raw_str().to_owned()
                })
                .collect(),
            b'[' => sonic_rs::to_array_iter(json).map(|value| value.unwrap().as_raw_str().to_owned()).collect(),
            _ => Vec::new(),
        };
        let count = names.len();
        names.sort();
        names.dedup();
        names.len() < count || values.iter().any(|value| has_same_names(value))
    }

    proptest! {
        #[test]
        fn twins_are_found_wherever_they_are(json in documents()) {
            prop_assert_eq!(has_twins(&json), has_same_names(&json), "{}", json);
            let kept = without_twins(&json).unwrap();
            prop_assert!(!has_same_names(&kept), "{} of {}", kept, json);
            prop_assert!(has_twins(&json) || kept == json);
        }
    }
}
