//! Functions of texts that the engine does not have, or has with another meaning.

use datafusion::common::Result;

use crate::error::{ErrorKind, SqlError};
use crate::functions::Function;
use crate::functions::function::invalid;
use crate::functions::row::Kind::{Bytes, Text, Whole};
use crate::functions::row::{Row, by_row};

/// The name of the function that writes the pattern of a LIKE with ESCAPE.
pub(crate) const LIKE_PATTERN: &str = "like_pattern";

pub(crate) fn functions() -> Vec<Function> {
    vec![
        by_row("chr", &[Whole], &[], |row| Ok(ascii(row.whole(0)).map(String::from))),
        by_row("charindex", &[Text, Text], &[], |row| Ok(Some(place(row.text(0), row.text(1), characters)))),
        by_row("octetindex", &[Text, Text], &[], |row| Ok(Some(place(row.text(0), row.text(1), str::len)))),
        by_row("replicate", &[Text, Whole], &[], |row| repeat(row).map(Some)).also(&["repeat"]),
        by_row("lpad", &[Text, Whole], &[Text], |row| padded(row, |padding, text| padding + text).map(Some)),
        by_row("rpad", &[Text, Whole], &[Text], |row| {
            padded(row, |padding, text| text.to_owned() + &padding).map(Some)
        }),
        by_row("quote_ident", &[Text], &[], |row| Ok(Some(quote_ident(row.text(0))))),
        by_row("quote_literal", &[Text], &[], |row| Ok(Some(quote_literal(row.text(0))))),
        by_row("strtol", &[Text, Whole], &[], |row| strtol(row.text(0), row.whole(1)).map(Some)),
        by_row("soundex", &[Text], &[], |row| Ok(Some(soundex(row.text(0))))),
        by_row("difference", &[Text, Text], &[], |row| {
            let (one, other) = (soundex(row.text(0)), soundex(row.text(1)));
            // Redshift: two texts without a letter agree in one place.
            let is_same = |(one, other): &(u8, u8)| one == other;
            let both_are_empty = one.is_empty() && other.is_empty();
            Ok(Some(one.bytes().zip(other.bytes()).filter(is_same).count() as i32 + i32::from(both_are_empty)))
        }),
        by_row("bttext_pattern_cmp", &[Text, Text], &[], compare).also(&["bpcharcmp"]),
        by_row(LIKE_PATTERN, &[Text, Text], &[], |row| like_pattern(row.text(0), row.text(1)).map(Some)),
        by_row("getbit", &[Bytes, Whole], &[], getbit),
    ]
}

/// A pattern of LIKE with another escape character, or none, written with the backslash.
fn like_pattern(pattern: &str, escape: &str) -> Result<String> {
    let mut escapes = escape.chars();
    let (escape, None) = (escapes.next(), escapes.next()) else {
        return Err(invalid("an escape string must be empty or one character"));
    };
    let (mut written, mut letters) = (String::with_capacity(pattern.len()), pattern.chars());
    while let Some(letter) = letters.next() {
        match letter {
            escaping if Some(escaping) == escape => {
                let escaped =
                    letters.next().ok_or_else(|| invalid("a pattern must not end with its escape character"))?;
                written.extend(['\\', escaped]);
            }
            '\\' => written.push_str("\\\\"),
            other => written.push(other),
        }
    }
    Ok(written)
}

fn characters(text: &str) -> usize {
    text.chars().count()
}

/// Where `wanted` begins, counted from 1; 0 if it does not occur.
fn place(wanted: &str, text: &str, measure: fn(&str) -> usize) -> i32 {
    text.find(wanted).map_or(0, |at| measure(&text[..at]) as i32 + 1)
}

fn ascii(code: i64) -> Option<char> {
    u8::try_from(code).ok().filter(|code| *code != 0 && code.is_ascii()).map(char::from)
}

/// The most bytes of a text in memory (Redshift: character types).
const MOST: usize = 16_000_000;

/// A text of so many characters: cut, or put together with others until it has as many.
fn padded(row: &Row<'_>, put: fn(String, &str) -> String) -> Result<String> {
    let (text, length) = (row.text(0), usize::try_from(row.whole(1)).unwrap_or(0));
    let with = if row.len() > 2 { row.text(2) } else { " " };
    let missing = length.saturating_sub(characters(text));
    if missing == 0 || with.is_empty() {
        return Ok(text.chars().take(length).collect());
    }
    match missing.checked_mul(4).filter(|bytes| *bytes <= MOST) {
        Some(_) => Ok(put(with.chars().cycle().take(missing).collect(), text)),
        None => Err(invalid(format!("the result is longer than {MOST} bytes"))),
    }
}

fn repeat(row: &Row<'_>) -> Result<String> {
    let (text, times) = (row.text(0), usize::try_from(row.whole(1)).unwrap_or(0));
    match text.len().checked_mul(times).filter(|length| *length <= MOST) {
        Some(_) => Ok(text.repeat(times)),
        None => Err(invalid(format!("the result is longer than {MOST} bytes"))),
    }
}

/// In quotes, if it does not go without.
fn quote_ident(name: &str) -> String {
    let is_plain = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_');
    match name.chars().all(is_plain) && !name.starts_with(|first: char| first.is_ascii_digit()) && !name.is_empty() {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

fn quote_literal(text: &str) -> String {
    format!("'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

fn strtol(text: &str, base: i64) -> Result<i64> {
    let Some(base) = u32::try_from(base).ok().filter(|base| (2..=36).contains(base)) else {
        return Err(invalid(format!("the base of STRTOL must be between 2 and 36, not {base}")));
    };
    let trimmed = text.trim_start();
    if trimmed.is_empty() || trimmed.starts_with('\0') {
        return Ok(0);
    }
    let (sign, digits) = match trimmed.as_bytes()[0] {
        b'-' => ("-", &trimmed[1..]),
        b'+' => ("", &trimmed[1..]),
        _ => ("", trimmed),
    };
    let prefix = digits.get(..2).filter(|prefix| base == 16 && prefix.eq_ignore_ascii_case("0x"));
    let digits = &digits[prefix.map_or(0, str::len)..];
    let is_number = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    if !is_number {
        let message = format!("the input '{text}' is not valid to be converted to base {base}");
        return Err(SqlError::new(ErrorKind::InvalidTextRepresentation, message).into_engine());
    }
    i64::from_str_radix(&[sign, digits].concat(), base).map_err(|_| {
        let message = format!("the input '{text}' is out of the range of BIGINT");
        SqlError::new(ErrorKind::NumericValueOutOfRange, message).into_engine()
    })
}

/// American Soundex: the first letter, and digits for the consonants behind it. Empty if there is no letter at all.
fn soundex(text: &str) -> String {
    let mut letters = text.bytes().map(|letter| letter.to_ascii_uppercase()).filter(u8::is_ascii_uppercase);
    let Some(first) = letters.next() else { return String::new() };
    let (mut code, mut last) = (String::from(char::from(first)), digit(first));
    for letter in letters {
        let this = digit(letter);
        if let Some(this) = this.filter(|_| this != last && code.len() < 4) {
            code.push(this);
        }
        // H and W do not part letters of one digit; vowels do.
        if !matches!(letter, b'H' | b'W') {
            last = this;
        }
    }
    format!("{code:0<4}")
}

fn digit(letter: u8) -> Option<char> {
    Some(match letter {
        b'B' | b'F' | b'P' | b'V' => '1',
        b'C' | b'G' | b'J' | b'K' | b'Q' | b'S' | b'X' | b'Z' => '2',
        b'D' | b'T' => '3',
        b'L' => '4',
        b'M' | b'N' => '5',
        b'R' => '6',
        _ => return None,
    })
}

fn compare(row: &Row<'_>) -> Result<Option<i32>> {
    let trimmed = |place| row.text(place).trim_end_matches(' ');
    Ok(Some(trimmed(0).cmp(trimmed(1)) as i32))
}

/// A bit, counted from the lowest one of the last byte.
fn getbit(row: &Row<'_>) -> Result<Option<i32>> {
    let (bytes, place) = (row.bytes(0), row.whole(1));
    let byte = usize::try_from(place / 8).ok().filter(|_| place >= 0).and_then(|back| bytes.iter().rev().nth(back));
    match byte {
        Some(byte) => Ok(Some(i32::from(byte >> (place % 8) & 1))),
        None => Err(invalid(format!("there is no bit {place} in {} bytes", bytes.len()))),
    }
}
