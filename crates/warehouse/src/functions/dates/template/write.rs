//! Writing dates and times by a template.

use chrono::{Datelike, NaiveDateTime, Timelike};

use super::{Field, Item, MONTHS, Style, Template};

const DAYS: [&str; 7] = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
const ROMAN_MONTHS: [&str; 12] = ["i", "ii", "iii", "iv", "v", "vi", "vii", "viii", "ix", "x", "xi", "xii"];
/// The width that names of months and days are filled up to with blanks.
const NAME_WIDTH: usize = 9;

impl Template {
    /// Writes a time, which is one of UTC.
    pub(crate) fn write(&self, time: NaiveDateTime) -> String {
        let mut text = String::new();
        for item in &self.items {
            match item {
                Item::Literal(letter) => text.push(*letter),
                Item::Field(field, style) => text.push_str(&written(*field, *style, time)),
            }
        }
        text
    }
}

fn written(field: Field, style: Style, time: NaiveDateTime) -> String {
    match number(field, time) {
        Some((number, width)) => {
            let digits = if style.is_plain { number.to_string() } else { format!("{number:0width$}") };
            match style.ordinal {
                Some(letters) => digits + &letters.apply(ordinal(number)),
                None => digits,
            }
        }
        None => {
            let (name, width) = name(field, time);
            let name = style.letters.apply(&name);
            if style.is_plain { name } else { format!("{name:width$}") }
        }
    }
}

/// A field that is a number, and to how many digits it is filled up with zeros.
fn number(field: Field, time: NaiveDateTime) -> Option<(i64, usize)> {
    let (year, iso_year) = (year_of_era(time.year()), year_of_era(time.iso_week().year()));
    let last_digits = |year: i64, digits: u8| (year % 10_i64.pow(u32::from(digits)), usize::from(digits));
    let iso_day = i64::from(time.weekday().number_from_monday());
    Some(match field {
        // Years of more than four digits are written in full.
        Field::Year(4) => (year, 4),
        Field::IsoYear(4) => (iso_year, 4),
        Field::Year(digits) => last_digits(year, digits),
        Field::IsoYear(digits) => last_digits(iso_year, digits),
        Field::Century => ((year + 99) / 100, 2),
        Field::Quarter => (i64::from(time.month0() / 3 + 1), 1),
        Field::Month => (i64::from(time.month()), 2),
        Field::WeekOfMonth => (i64::from(time.day0() / 7 + 1), 1),
        Field::WeekOfYear => (i64::from(time.ordinal0() / 7 + 1), 2),
        Field::IsoWeek => (i64::from(time.iso_week().week()), 2),
        Field::Day => (i64::from(time.day()), 2),
        Field::DayOfYear => (i64::from(time.ordinal()), 3),
        Field::IsoDayOfYear => ((i64::from(time.iso_week().week()) - 1) * 7 + iso_day, 3),
        Field::DayOfWeek => (i64::from(time.weekday().number_from_sunday()), 1),
        Field::IsoDayOfWeek => (iso_day, 1),
        // The first day of the year 1 is the Julian day 1721426.
        Field::JulianDay => (i64::from(time.num_days_from_ce()) + 1_721_425, 1),
        Field::Hour => (i64::from(time.hour()), 2),
        Field::Hour12 => (i64::from(time.hour12().1), 2),
        Field::Minute => (i64::from(time.minute()), 2),
        Field::Second => (i64::from(time.second()), 2),
        Field::Millisecond => (i64::from(time.nanosecond() / 1_000_000), 3),
        Field::Microsecond => (i64::from(time.nanosecond() / 1_000), 6),
        Field::SecondOfDay => (i64::from(time.num_seconds_from_midnight()), 1),
        _ => return None,
    })
}

/// The year 0 is 1 BC.
fn year_of_era(year: i32) -> i64 {
    let year = i64::from(year);
    if year > 0 { year } else { 1 - year }
}

/// A field that is a name, in small letters, and to how many it is filled up with blanks.
fn name(field: Field, time: NaiveDateTime) -> (String, usize) {
    let month = MONTHS[time.month0() as usize];
    let day = DAYS[time.weekday().num_days_from_sunday() as usize];
    let (name, width) = match field {
        Field::MonthName => (month, NAME_WIDTH),
        Field::ShortMonthName => (&month[..3], 3),
        Field::RomanMonth => (ROMAN_MONTHS[time.month0() as usize], 4),
        Field::DayName => (day, NAME_WIDTH),
        Field::ShortDayName => (&day[..3], 3),
        Field::Era(dotted) => match (time.year() > 0, dotted) {
            (true, false) => ("ad", 0),
            (true, true) => ("a.d.", 0),
            (false, false) => ("bc", 0),
            (false, true) => ("b.c.", 0),
        },
        Field::Meridian(dotted) => match (time.hour() < 12, dotted) {
            (true, false) => ("am", 0),
            (true, true) => ("a.m.", 0),
            (false, false) => ("pm", 0),
            (false, true) => ("p.m.", 0),
        },
        Field::Offset => ("+00", 0),
        Field::Zone => ("utc", 0),
        _ => {
            let year = year_of_era(time.year());
            return (format!("{},{:03}", year / 1000, year % 1000), 0);
        }
    };
    (name.to_owned(), width)
}

/// The ending of an ordinal number.
pub(crate) fn ordinal(number: i64) -> &'static str {
    match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    }
}
