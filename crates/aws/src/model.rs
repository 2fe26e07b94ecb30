//! What a service's model demands of an operation's input, checked as AWS does: all that is wrong, in one message.

use serde_json::Value;

use crate::error::{AwsError, Result};

/// A member of a structure.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: &'static str,
    pub(crate) required: bool,
    pub(crate) shape: Shape,
}

/// What a value must be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// A text of so many characters.
    Text { shortest: usize, longest: usize, pattern: Option<&'static Pattern> },
    /// One of these texts.
    Choice(&'static [&'static str]),
    /// A whole number within these bounds.
    Number { least: i64, most: i64 },
    /// True or false.
    Flag,
    /// A time.
    Time,
    /// So many values of one shape.
    List { fewest: usize, most: usize, of: &'static Shape },
    /// So many pairs.
    Map { fewest: usize, most: usize, key: &'static Shape, value: &'static Shape },
    /// Members.
    Structure(&'static [Member]),
}

/// A regular expression of the model, and a function that matches it.
#[derive(Debug)]
pub(crate) struct Pattern {
    pub(crate) text: &'static str,
    pub(crate) matches: fn(&str) -> bool,
}

impl Member {
    /// A member that may be absent.
    pub(crate) const fn new(name: &'static str, shape: Shape) -> Self {
        Self { name, required: false, shape }
    }

    /// The same member, which must be there.
    pub(crate) const fn required(self) -> Self {
        Self { required: true, ..self }
    }
}

/// Checks the members of an input.
pub(crate) fn check(input: &Value, members: &[Member]) -> Result<()> {
    if !input.is_object() {
        return Err(AwsError::serialization("the request is not a structure"));
    }
    let mut failures = Vec::new();
    check_members(input, members, "", &mut failures)?;
    match failures.len() {
        0 => Ok(()),
        1 => Err(AwsError::validation(format!("1 validation error detected: {}", failures[0]))),
        count => Err(AwsError::validation(format!("{count} validation errors detected: {}", failures.join("; ")))),
    }
}

fn check_members(input: &Value, members: &[Member], path: &str, failures: &mut Vec<String>) -> Result<()> {
    for member in members {
        let path = format!("{path}{}", lower_first(member.name));
        match input.get(member.name) {
            None | Some(Value::Null) if member.required => {
                failures.push(failure("null", &path, "Member must not be null"))
            }
            None | Some(Value::Null) => {}
            Some(value) => check_value(value, &member.shape, &path, failures)?,
        }
    }
    Ok(())
}

fn check_value(value: &Value, shape: &Shape, path: &str, failures: &mut Vec<String>) -> Result<()> {
    match (shape, value) {
        (Shape::Text { shortest, longest, pattern }, Value::String(text)) => {
            let shown = format!("'{text}'");
            check_length(text.chars().count(), *shortest, *longest, &shown, path, failures);
            if let Some(pattern) = pattern.filter(|pattern| !(pattern.matches)(text)) {
                let demand = format!("Member must satisfy regular expression pattern: {}", pattern.text);
                failures.push(failure(&shown, path, &demand));
            }
        }
        (Shape::Choice(options), Value::String(text)) => {
            if !options.contains(&text.as_str()) {
                let demand = format!("Member must satisfy enum value set: [{}]", options.join(", "));
                failures.push(failure(&format!("'{text}'"), path, &demand));
            }
        }
        (Shape::Number { least, most }, Value::Number(number)) => {
            let Some(number) = number.as_i64() else { return Err(unlike(value, "an Integer")) };
            if number < *least {
                let demand = format!("Member must have value greater than or equal to {least}");
                failures.push(failure(&format!("'{number}'"), path, &demand));
            }
            if number > *most {
                let demand = format!("Member must have value less than or equal to {most}");
                failures.push(failure(&format!("'{number}'"), path, &demand));
            }
        }
        (Shape::Flag, Value::Bool(_)) | (Shape::Time, Value::Number(_)) => {}
        (Shape::List { fewest, most, of }, Value::Array(items)) => {
            check_length(items.len(), *fewest, *most, &shown(value), path, failures);
            for (place, item) in (1..).zip(items) {
                check_value(item, of, &format!("{path}.{place}.member"), failures)?;
            }
        }
        (Shape::Map { fewest, most, key, value: of }, Value::Object(pairs)) => {
            check_length(pairs.len(), *fewest, *most, &shown(value), path, failures);
            for (name, item) in pairs {
                check_value(&Value::String(name.clone()), key, &format!("{path}.{name}.key"), failures)?;
                check_value(item, of, &format!("{path}.{name}.member"), failures)?;
            }
        }
        (Shape::Structure(members), Value::Object(_)) => {
            check_members(value, members, &format!("{path}."), failures)?;
        }
        _ => return Err(unlike(value, shape.kind())),
    }
    Ok(())
}

fn check_length(length: usize, fewest: usize, most: usize, shown: &str, path: &str, failures: &mut Vec<String>) {
    if length < fewest {
        let demand = format!("Member must have length greater than or equal to {fewest}");
        failures.push(failure(shown, path, &demand));
    }
    if length > most {
        let demand = format!("Member must have length less than or equal to {most}");
        failures.push(failure(shown, path, &demand));
    }
}

impl Shape {
    /// What a value of the shape is called by Kinesis.
    fn kind(&self) -> &'static str {
        match self {
            Self::Text { .. } | Self::Choice(_) => "a String",
            Self::Number { .. } => "an Integer",
            Self::Flag => "a Boolean",
            Self::Time => "a Timestamp",
            Self::List { .. } => "a List",
            Self::Map { .. } => "a Map",
            Self::Structure(_) => "a Structure",
        }
    }
}

/// One thing that is wrong.
pub(crate) fn failure(shown: &str, path: &str, demand: &str) -> String {
    let shown: String = shown.chars().take(256).collect();
    format!("Value {shown} at '{path}' failed to satisfy constraint: {demand}")
}

/// The error for a member that must be there.
pub(crate) fn is_null(path: &str) -> AwsError {
    let failure = failure("null", path, "Member must not be null");
    AwsError::validation(format!("1 validation error detected: {failure}"))
}

fn unlike(value: &Value, kind: &str) -> AwsError {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    };
    AwsError::serialization(format!("{found} can not be converted to {kind}"))
}

/// A list or a structure as AWS shows it.
fn shown(value: &Value) -> String {
    let text = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    match value {
        Value::Array(items) => format!("'[{}]'", items.iter().map(text).collect::<Vec<_>>().join(", ")),
        Value::Object(pairs) => {
            let pairs = pairs.iter().map(|(name, item)| format!("{name}={}", text(item)));
            format!("'{{{}}}'", pairs.collect::<Vec<_>>().join(", "))
        }
        other => other.to_string(),
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGITS: Pattern = Pattern { text: "[0-9]+", matches: |text| text.bytes().all(|byte| byte.is_ascii_digit()) };
    const MEMBERS: &[Member] = &[
        Member::new("Name", Shape::Text { shortest: 1, longest: 3, pattern: Some(&DIGITS) }).required(),
        Member::new("Limit", Shape::Number { least: 1, most: 10 }),
        Member::new("Mode", Shape::Structure(&[Member::new("Kind", Shape::Choice(&["A", "B"])).required()])),
    ];

    fn message(input: Value) -> String {
        check(&input, MEMBERS).unwrap_err().message
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        assert_eq!(
            message(serde_json::json!({"Name": "abcd", "Limit": 0, "Mode": {"Kind": "C"}})),
            "4 validation errors detected: Value 'abcd' at 'name' failed to satisfy constraint: Member must have length \
             less than or equal to 3; Value 'abcd' at 'name' failed to satisfy constraint: Member must satisfy regular \
             expression pattern: [0-9]+; Value '0' at 'limit' failed to satisfy constraint: Member must have value \
             greater than or equal to 1; Value 'C' at 'mode.kind' failed to satisfy constraint: Member must satisfy \
             enum value set: [A, B]"
        );
        assert_eq!(
            message(serde_json::json!({})),
            "1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"
        );
    }

    #[test]
    fn a_value_of_another_kind_cannot_be_read() {
        assert_eq!(message(serde_json::json!({"Name": 5})), "NUMBER_VALUE can not be converted to a String");
        assert_eq!(
            message(serde_json::json!({"Name": "1", "Limit": "5"})),
            "STRING_VALUE can not be converted to an Integer"
        );
    }
}
