//! Templates: text with `{{function(arguments)}}` in it (Amazon Kinesis Data Generator).

use serde_json::Value;
use tidemill_clock::Timestamp;

use crate::functions::{self, Function};

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// There is no such function.
    #[error("line {line}: unknown function {name}")]
    UnknownFunction {
        /// What it is called.
        name: String,
        /// The line of the template, from 1.
        line: usize,
    },
    /// Arguments that the function does not take.
    #[error("line {line}: {name} takes {expected}")]
    BadArguments {
        /// The function.
        name: String,
        /// The line of the template, from 1.
        line: usize,
        /// What it takes.
        expected: &'static str,
    },
    /// `{{` without its `}}`.
    #[error("line {line}: the end of {{{{ is missing")]
    Unclosed {
        /// The line of the template, from 1.
        line: usize,
    },
}

/// A template that was read.
#[derive(Debug, Clone)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    Call(Function),
}

impl Template {
    /// Reads a template. Line breaks outside of calls are dropped, as the generator does.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let (mut parts, mut rest) = (Vec::new(), text);
        let line_of = |rest: &str| 1 + text[..text.len() - rest.len()].matches('\n').count();
        while let Some(start) = rest.find("{{") {
            push_text(&mut parts, &rest[..start]);
            let line = line_of(&rest[start..]);
            let end = call_end(&rest[start + 2..]).ok_or(TemplateError::Unclosed { line })?;
            parts.push(Part::Call(parse_call(rest[start + 2..start + 2 + end].trim(), line)?));
            rest = &rest[start + 2 + end + 2..];
        }
        push_text(&mut parts, rest);
        Ok(Self { parts })
    }

    /// Makes one record.
    pub fn render(&self, now: Timestamp) -> String {
        let mut record = String::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => record.push_str(text),
                Part::Call(function) => record.push_str(&function.call(now)),
            }
        }
        record
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    let text: String = text.chars().filter(|char| !matches!(char, '\n' | '\r')).collect();
    if !text.is_empty() {
        parts.push(Part::Text(text));
    }
}

/// Where `}}` ends a call: not inside of its arguments, which have braces and strings of their own.
fn call_end(text: &str) -> Option<usize> {
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'(' | b'{' | b'[' => depth += 1,
            b'}' if depth == 0 => return text[at..].starts_with("}}").then_some(at),
            b')' | b'}' | b']' => depth -= 1,
            _ => {}
        }
    }
    None
}

fn parse_call(call: &str, line: usize) -> Result<Function, TemplateError> {
    let (name, arguments) = match call.split_once('(') {
        Some((name, rest)) => (name.trim(), rest.trim_end().strip_suffix(')').unwrap_or(rest).trim()),
        None => (call, ""),
    };
    let known = functions::find(name).ok_or_else(|| TemplateError::UnknownFunction { name: name.into(), line })?;
    let bad = || TemplateError::BadArguments { name: name.into(), line, expected: known.takes };
    let value = match arguments {
        "" => Value::Null,
        text => serde_json::from_str(text).map_err(|_| bad())?,
    };
    (known.make)(&value).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn the_labs_template_gives_json_with_the_labs_fields() {
        let template = Template::parse(include_str!("../../../lab/template.txt")).unwrap();
        for _ in 0..200 {
            let record: Value = serde_json::from_str(&template.render(NOW)).unwrap();
            let field = |name: &str| record[name].as_str().unwrap().to_owned();
            assert_eq!(field("_id").len(), 36);
            assert!((1..=50).contains(&field("clusterID").parse::<i32>().unwrap()));
            assert_eq!(field("connectionTime"), "2023-11-14 22:13:20");
            assert!(field("kWhDelivered").parse::<f64>().unwrap() <= 1000.0);
            assert!((1000..=500_000).contains(&field("userID").parse::<i32>().unwrap()));
            assert!(field("spaceID").contains('-'));
            assert_eq!(field("timezone"), "America/Los_Angeles");
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_line() {
        let error = |text| Template::parse(text).unwrap_err().to_string();
        assert_eq!(error("{\n\"a\": {{no.such({\"b\": 1})}} }"), "line 2: unknown function no.such");
        assert_eq!(
            error("{{random.number(x)}}"),
            "line 1: random.number takes {\"min\": n, \"max\": n} or a largest number"
        );
        assert_eq!(error("a\n\n{{random.uuid"), "line 3: the end of {{ is missing");
    }
}
