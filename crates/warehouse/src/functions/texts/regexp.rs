//! Regular expressions: REGEXP_COUNT, REGEXP_INSTR, REGEXP_REPLACE, REGEXP_SUBSTR, and SIMILAR TO.

use datafusion::common::Result;
use fancy_regex::{Captures, Regex, RegexBuilder};

use crate::error::{ErrorKind, SqlError};
use crate::functions::function::Function;
use crate::functions::row::Kind::{Text, Whole};
use crate::functions::row::{Memo, Row, by_row_with};

/// The name of SIMILAR TO in a plan.
pub(crate) const SIMILAR_TO: &str = "similar_to";

pub(crate) fn functions() -> Vec<Function> {
    vec![
        by_row_with("regexp_count", &[Text, Text], &[Whole, Text], |memo: &mut Memo<Regex>, row| {
            let Some((_, source)) = from_position(row.text(0), position(row, 2)) else { return Ok(Some(0)) };
            let regex = regex(memo, row.text(1), row.text(3))?;
            let found = regex.find_iter(source).try_fold(0, |count, found| found.map(|_| count + 1));
            found.map(Some).map_err(failed)
        }),
        by_row_with("regexp_instr", &[Text, Text], &[Whole, Whole, Whole, Text], |memo: &mut Memo<Regex>, row| {
            instr(memo, row).map(Some)
        }),
        by_row_with("regexp_replace", &[Text, Text], &[Text, Whole, Text], |memo: &mut Memo<Regex>, row| {
            let text = row.text(0);
            let Some((before, source)) = from_position(text, position(row, 3)) else { return Ok(Some(text.into())) };
            let regex = regex(memo, row.text(1), row.text(4))?;
            let replaced = regex.try_replacen(source, 0, |captures: &Captures<'_, str>| expand(row.text(2), captures));
            Ok(Some([before, &replaced.map_err(failed)?].concat()))
        }),
        by_row_with("regexp_substr", &[Text, Text], &[Whole, Whole, Text], |memo: &mut Memo<Regex>, row| {
            substr(memo, row)
        }),
        by_row_with(SIMILAR_TO, &[Text, Text], &[Text], |memo: &mut Memo<Regex>, row| {
            let (pattern, escape) = (row.text(1), if row.len() > 2 { row.text(2) } else { "\\" });
            let regex = memo.get(&[pattern, escape], || compile(&of_similar(pattern, escape.chars().next()), ""))?;
            regex.is_match(row.text(0)).map(Some).map_err(failed)
        }),
    ]
}

fn instr(memo: &mut Memo<Regex>, row: &Row<'_>) -> Result<i32> {
    let occurrence = if row.len() > 3 { row.whole(3) } else { 1 };
    let Some((before, source)) = from_position(row.text(0), position(row, 2)) else { return Ok(0) };
    let found = nth(regex(memo, row.text(1), row.text(5))?, source, occurrence)?;
    // Where the match begins, or what is behind its end.
    let place = found.and_then(|captures| {
        let found = captures.get(group(&captures, row.text(5)))?;
        Some(if row.whole(4) == 0 { found.start() } else { found.end() })
    });
    Ok(place.map_or(0, |place| (before.chars().count() + source[..place].chars().count() + 1) as i32))
}

fn substr(memo: &mut Memo<Regex>, row: &Row<'_>) -> Result<Option<String>> {
    let occurrence = if row.len() > 3 { row.whole(3) } else { 1 };
    if occurrence < 1 || occurrence > row.text(0).chars().count().max(1) as i64 {
        return Ok(None);
    }
    let Some((_, source)) = from_position(row.text(0), position(row, 2)) else { return Ok(Some(String::new())) };
    let found = nth(regex(memo, row.text(1), row.text(4))?, source, occurrence)?;
    let found = found.and_then(|captures| captures.get(group(&captures, row.text(4))));
    Ok(Some(found.map(|found| found.as_str().to_owned()).unwrap_or_default()))
}

fn position(row: &Row<'_>, place: usize) -> i64 {
    row.whole(place).max(1)
}

/// A text split before its character at `position`, counted from 1; none if it is shorter.
fn from_position(text: &str, position: i64) -> Option<(&str, &str)> {
    if position == 1 {
        return Some(("", text));
    }
    let (at, _) = text.char_indices().nth(usize::try_from(position).ok()? - 1)?;
    Some(text.split_at(at))
}

fn nth<'t>(regex: &Regex, source: &'t str, occurrence: i64) -> Result<Option<Captures<'t, str>>> {
    let Some(before) = occurrence.checked_sub(1).and_then(|before| usize::try_from(before).ok()) else {
        return Ok(None);
    };
    regex.captures_iter(source).nth(before).transpose().map_err(failed)
}

/// The group that is asked for: the first one with the parameter `e`, if there is one, else all of the match.
fn group(captures: &Captures<'_, str>, parameters: &str) -> usize {
    usize::from(parameters.contains('e') && captures.len() > 1)
}

fn regex<'m>(memo: &'m mut Memo<Regex>, pattern: &str, parameters: &str) -> Result<&'m Regex> {
    memo.get(&[pattern, parameters], || compile(pattern, parameters))
}

/// Compiles a pattern. All are read as Perl's, whose syntax goes beyond POSIX's (parameter `p`).
fn compile(pattern: &str, parameters: &str) -> Result<Regex> {
    if let Some(other) = parameters.chars().find(|parameter| !"ceip".contains(*parameter)) {
        return Err(invalid(format!("invalid regular expression parameter '{other}'")));
    }
    // Of c and i the last one counts.
    let is_insensitive = parameters.rfind('i') > parameters.rfind('c');
    let built = RegexBuilder::new(pattern).case_insensitive(is_insensitive).build();
    built.map_err(|error| invalid(format!("invalid regular expression '{pattern}': {error}")))
}

/// What takes the place of a match: `$1` and `\1` are its groups, as far as there are any.
fn expand(replacement: &str, captures: &Captures<'_, str>) -> String {
    let mut expanded = String::new();
    let mut rest = replacement;
    while let Some(at) = rest.find(['$', '\\']) {
        expanded.push_str(&rest[..at]);
        let group = rest[at + 1..].chars().next().and_then(|digit| digit.to_digit(10)).map(|group| group as usize);
        let length = match group.filter(|group| *group < captures.len()) {
            Some(group) => {
                expanded.push_str(captures.get(group).map_or("", |found| found.as_str()));
                2
            }
            None => {
                expanded.push_str(&rest[at..=at]);
                1
            }
        };
        rest = &rest[at + length..];
    }
    expanded.push_str(rest);
    expanded
}

/// The regular expression that a pattern of SIMILAR TO stands for. It describes the whole text.
fn of_similar(pattern: &str, escape: Option<char>) -> String {
    let mut regex = String::from("(?s)^(?:");
    let (mut letters, mut is_set) = (pattern.chars(), false);
    while let Some(letter) = letters.next() {
        match letter {
            escaping if Some(escaping) == escape => {
                regex.extend(letters.next().map(quoted));
                continue;
            }
            '%' if !is_set => regex.push_str(".*"),
            '_' if !is_set => regex.push('.'),
            '.' | '^' | '$' | '\\' if !is_set => regex.push_str(&quoted(letter)),
            other => regex.push(other),
        }
        is_set = match letter {
            '[' => true,
            ']' => false,
            _ => is_set,
        };
    }
    regex + ")$"
}

/// A letter that means itself in a regular expression.
fn quoted(letter: char) -> String {
    fancy_regex::escape(letter.encode_utf8(&mut [0; 4])).into_owned()
}

fn failed(error: fancy_regex::Error) -> datafusion::common::DataFusionError {
    invalid(format!("regular expression failed: {error}"))
}

fn invalid(message: String) -> datafusion::common::DataFusionError {
    SqlError::new(ErrorKind::InvalidRegularExpression, message).into_engine()
}
