//! Texts that say a date, a time or both, in all the ways that Redshift reads: `2008-06-01 09:59:59`, `Jun 1,2008 09:59:59 EST`,
//! `20080215 040506`, `2008.366`, `31-Jan-2000 04:05 PM`.

use chrono::{NaiveDate, NaiveTime};

use super::part::{DAY, micros_of};
use super::template::MONTHS;
use super::time_zone::Zone;
use crate::error::{ErrorKind, Result, SqlError};
use crate::types::SqlType;

/// The days since the epoch of a DATE; the microseconds since midnight of a TIME, or since the epoch of another type.
pub(crate) fn read(text: &str, to: SqlType) -> Result<i64> {
    if text.eq_ignore_ascii_case("epoch") && to != SqlType::Time {
        return Ok(0);
    }
    let invalid =
        || SqlError::new(ErrorKind::InvalidDatetimeFormat, format!("invalid input syntax for type {to}: \"{text}\""));
    let out_of_range =
        || SqlError::new(ErrorKind::DatetimeFieldOverflow, format!("date/time field value out of range: \"{text}\""));
    let mut fields = Fields { is_time: to == SqlType::Time, ..Fields::default() };
    for word in words(text) {
        fields.take(word).ok_or_else(invalid)?;
    }
    let day = match fields.has_date() {
        true => Some(fields.date().ok_or_else(out_of_range)?),
        false => None,
    };
    let time = fields.time().ok_or_else(out_of_range)?;
    match (to, day) {
        (SqlType::Time, _) if fields.time.is_some() => Ok(time),
        (SqlType::Date, Some(day)) => Ok(micros_of(day.into()).div_euclid(DAY)),
        (SqlType::Timestamp, Some(day)) => Ok(micros_of(day.into()) + time),
        (SqlType::TimestampTz, Some(day)) => fields.to_utc(micros_of(day.into()) + time),
        _ => Err(invalid()),
    }
}

/// The words of a text: what blanks, commas, and the T between a date and a time part.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split([' ', ',']).filter(|word| !word.is_empty());
    words
        .flat_map(|word| match word.split_once(['T', 't']) {
            Some((date, time)) if is_numeric(date) && is_numeric(time) => [date, time],
            _ => [word, ""],
        })
        .filter(|word| !word.is_empty())
}

fn is_numeric(word: &str) -> bool {
    word.starts_with(|first: char| first.is_ascii_digit())
}

/// Hours, minutes, seconds and microseconds as they are written.
type Clock = (u32, u32, u32, u32);

#[derive(Debug, Default)]
struct Fields {
    /// Whether a TIME is wanted: nothing else tells `040506` from a date.
    is_time: bool,
    year: Option<i32>,
    month: Option<u32>,
    day: Option<u32>,
    day_of_year: Option<u32>,
    time: Option<Clock>,
    afternoon: Option<bool>,
    zone: Option<Zone>,
}

impl Fields {
    fn has_date(&self) -> bool {
        self.day_of_year.is_some() || self.month.is_some() && self.day.is_some()
    }

    /// Takes a word in; none if it means nothing where it stands.
    fn take(&mut self, word: &str) -> Option<()> {
        let is_number = word.bytes().all(|byte| byte.is_ascii_digit());
        match word.len() {
            _ if is_numeric(word) && word.contains(':') => self.take_clock(word),
            _ if word.eq_ignore_ascii_case("bc") => {
                self.year = Some(1 - self.year?);
                Some(())
            }
            _ if word.eq_ignore_ascii_case("ad") => Some(()),
            8 if is_number => self.take_year_first(word[..4].parse().ok()?, &word[4..6], &word[6..]),
            6 if is_number && (self.has_date() || self.is_time) => {
                self.time = Some((word[..2].parse().ok()?, word[2..4].parse().ok()?, word[4..].parse().ok()?, 0));
                Some(())
            }
            6 if is_number => self.take_year_first(full_year(word[..2].parse().ok()?), &word[2..4], &word[4..]),
            4 if is_number => self.year.replace(word.parse().ok()?).is_none().then_some(()),
            1 | 2 if is_number => self.day.replace(word.parse().ok()?).is_none().then_some(()),
            _ if word.eq_ignore_ascii_case("am") || word.eq_ignore_ascii_case("pm") => {
                self.afternoon.replace(word.eq_ignore_ascii_case("pm")).is_none().then_some(())
            }
            _ => self.take_name(word).or_else(|| self.take_parts(word)).or_else(|| {
                self.zone = Some(offset(word).map(Zone::Fixed).or_else(|| Zone::parse(word))?);
                Some(())
            }),
        }
    }

    fn take_year_first(&mut self, year: i32, month: &str, day: &str) -> Option<()> {
        (self.year, self.month, self.day) = (Some(year), Some(month.parse().ok()?), Some(day.parse().ok()?));
        Some(())
    }

    /// The name of a month. Names of days say nothing.
    fn take_name(&mut self, word: &str) -> Option<()> {
        if let Some(month) = month(word) {
            return self.month.replace(month).is_none().then_some(());
        }
        let lower = word.to_ascii_lowercase();
        let is_day = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"].iter().any(|day| lower.starts_with(day));
        (is_day && (lower.ends_with("day") || lower.len() == 3)).then_some(())
    }

    /// A date of several parts. The month comes before the day, unless it cannot or a year is in front of both.
    fn take_parts(&mut self, word: &str) -> Option<()> {
        let separator = word.chars().find(|letter| matches!(letter, '-' | '/' | '.'))?;
        let parts: Vec<&str> = word.split(separator).collect();
        let number = |part: &str| part.parse::<u32>().ok();
        match parts.as_slice() {
            [year, day] if separator == '.' && year.len() == 4 && day.len() == 3 => {
                (self.year, self.day_of_year) = (Some(year.parse().ok()?), Some(number(day)?));
            }
            [year, second, third] if year.len() == 4 => {
                let month = month(second).or_else(|| number(second))?;
                (self.year, self.month, self.day) = (Some(year.parse().ok()?), Some(month), Some(number(third)?));
            }
            [first, second, year] => {
                let is_day_first = month(second).is_some() || separator == '.' && number(first)? > 12;
                let (month_part, day) = if is_day_first { (second, first) } else { (first, second) };
                let month = month(month_part).or_else(|| number(month_part))?;
                let written = year.parse().ok()?;
                let year = if year.len() <= 2 { full_year(written) } else { written };
                (self.year, self.month, self.day) = (Some(year), Some(month), Some(number(day)?));
            }
            _ => return None,
        }
        Some(())
    }

    /// A time with colons, behind which a meridian or an offset may stand.
    fn take_clock(&mut self, word: &str) -> Option<()> {
        let end = word.find(|letter: char| !matches!(letter, '0'..='9' | ':' | '.')).unwrap_or(word.len());
        let (clock, rest) = word.split_at(end);
        let mut parts = clock.split(':');
        let (hour, minute) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        let (second, fraction) =
            parts.next().map(|second| second.split_once('.').unwrap_or((second, ""))).unwrap_or(("0", ""));
        if parts.next().is_some() {
            return None;
        }
        let micros = format!("{fraction:0<6}").get(..6)?.parse().ok()?;
        self.time = Some((hour, minute, second.parse().ok()?, micros));
        if rest.is_empty() { Some(()) } else { self.take(rest) }
    }

    fn date(&self) -> Option<NaiveDate> {
        let year = self.year?;
        match self.day_of_year {
            Some(day) => NaiveDate::from_yo_opt(year, day),
            None => NaiveDate::from_ymd_opt(year, self.month?, self.day?),
        }
    }

    /// Microseconds since midnight, which is the time if there is none.
    fn time(&self) -> Option<i64> {
        let Some((hour, minute, second, micros)) = self.time else { return Some(0) };
        let hour = match self.afternoon {
            Some(true) if hour < 12 => hour + 12,
            Some(false) if hour == 12 => 0,
            _ => hour,
        };
        // The end of a day is the start of the next.
        if !self.is_time && (hour, minute, second, micros) == (24, 0, 0, 0) {
            return Some(DAY);
        }
        let time = NaiveTime::from_hms_micro_opt(hour, minute, second, micros)?;
        (time - NaiveTime::MIN).num_microseconds()
    }

    fn to_utc(&self, local: i64) -> Result<i64> {
        self.zone.map_or(Ok(local), |zone| zone.to_utc(local))
    }
}

fn month(name: &str) -> Option<u32> {
    let lower = name.to_ascii_lowercase();
    let is_month = |month: &&str| **month == lower || month[..3] == lower || *month == "september" && lower == "sept";
    MONTHS.iter().position(is_month).map(|place| place as u32 + 1)
}

fn full_year(year: i32) -> i32 {
    if year < 70 { 2000 + year } else { 1900 + year }
}

/// Seconds ahead of UTC: `Z`, `-08`, `+05:30`, `+0530`.
fn offset(word: &str) -> Option<i32> {
    if word.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let (sign, digits) = match word.as_bytes().first()? {
        b'+' => (1, &word[1..]),
        b'-' => (-1, &word[1..]),
        _ => return None,
    };
    let (hours, minutes) = match digits.split_once(':') {
        Some(parts) => parts,
        None if digits.len() == 4 => digits.split_at_checked(2)?,
        None => (digits, "0"),
    };
    let (hours, minutes): (i32, i32) = (hours.parse().ok()?, minutes.parse().ok()?);
    (hours < 24 && minutes < 60).then_some(sign * (hours * 60 + minutes) * 60)
}
