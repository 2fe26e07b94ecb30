//! Date formats of moment.js, in UTC.

use chrono::{DateTime, Utc};
use tidemill_clock::Timestamp;

type Token = fn(&DateTime<Utc>) -> String;

/// Tokens, longest first where one begins with another.
const TOKENS: [(&str, Token); 17] = [
    ("YYYY", |time| time.format("%Y").to_string()),
    ("YY", |time| time.format("%y").to_string()),
    ("MMMM", |time| time.format("%B").to_string()),
    ("MMM", |time| time.format("%b").to_string()),
    ("MM", |time| time.format("%m").to_string()),
    ("DD", |time| time.format("%d").to_string()),
    ("dddd", |time| time.format("%A").to_string()),
    ("ddd", |time| time.format("%a").to_string()),
    ("HH", |time| time.format("%H").to_string()),
    ("hh", |time| time.format("%I").to_string()),
    ("mm", |time| time.format("%M").to_string()),
    ("ss", |time| time.format("%S").to_string()),
    ("SSS", |time| time.format("%3f").to_string()),
    ("A", |time| time.format("%p").to_string()),
    ("Z", |_| "+00:00".into()),
    ("X", |time| time.timestamp().to_string()),
    ("x", |time| time.timestamp_millis().to_string()),
];

/// `time` in a format. What is no token stands for itself, and so does text in `[…]`.
pub(crate) fn format(time: Timestamp, format: &str) -> String {
    let time = DateTime::from_timestamp_millis(time.millis()).unwrap_or_default();
    let (mut shown, mut rest) = (String::new(), format);
    while let Some(first) = rest.chars().next() {
        if let Some((literal, after)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            shown.push_str(literal);
            rest = after;
        } else if let Some((token, show)) = TOKENS.iter().find(|(token, _)| rest.starts_with(token)) {
            shown.push_str(&show(&time));
            rest = &rest[token.len()..];
        } else {
            shown.push(first);
            rest = &rest[first.len_utf8()..];
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_and_literals_are_told_apart() {
        let time = Timestamp::from_millis(1_700_000_000_123);
        assert_eq!(format(time, "YYYY-MM-DD HH:mm:ss.SSS"), "2023-11-14 22:13:20.123");
        assert_eq!(format(time, "[on] dddd hh A X"), "on Tuesday 10 PM 1700000000");
    }
}
