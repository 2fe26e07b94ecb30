//! Tags of streams and consumers: what they may be, and changing them.

use serde::Serialize;
use tidemill_stream::Tags;

use super::refused::Refused;
use crate::error::{AwsError, Result};

/// The most tags of one resource.
const MOST_TAGS: usize = 200;

/// A tag as answers show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TagOutput {
    key: String,
    value: String,
}

impl TagOutput {
    pub(super) fn new((key, value): (&String, &String)) -> Self {
        Self { key: key.clone(), value: value.clone() }
    }
}

/// Checks the characters of tags.
pub(super) fn check_tags(tags: &Tags) -> Result<()> {
    let allowed = |letter: char| letter.is_alphanumeric() || letter.is_whitespace() || "_.:/=+-@%".contains(letter);
    let texts = || tags.iter().flat_map(|(key, value)| [key, value]);
    if texts().any(|text| !text.chars().all(allowed)) {
        return Err(AwsError::invalid(
            "Some tags contain invalid characters. Valid characters: Unicode letters, digits, white space, _ . : / = + - % @.",
        ));
    }
    if tags.keys().any(|key| key.to_ascii_lowercase().starts_with("aws:")) {
        return Err(AwsError::invalid("Tag keys starting with 'aws:' are reserved."));
    }
    Ok(())
}

/// Adds tags, or replaces those of the same keys.
pub(super) fn add_tags(tags: &mut Tags, new: Tags) -> Result<(), Refused> {
    check_tags(&new)?;
    tags.extend(new);
    match tags.len() {
        0..=MOST_TAGS => Ok(()),
        count => {
            let message = format!("A resource cannot have more than {MOST_TAGS} tags, not {count}.");
            Err(AwsError::invalid(message).into())
        }
    }
}

/// Removes tags; those that are not there are no error.
pub(super) fn remove_tags(tags: &mut Tags, keys: &[String]) {
    tags.retain(|key, _| !keys.contains(key));
}
