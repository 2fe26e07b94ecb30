//! Redshift's datetime format strings (`YYYY-MM-DD HH24:MI:SS`), compiled once for a column of texts.

use chrono::{Days, NaiveDate, NaiveDateTime, TimeDelta};

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    items: Vec<Item>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    /// A number of at most so many digits.
    Number(Part, usize),
    MonthName,
    Meridian,
    /// Any one character of the text (Redshift: separators need not be the same).
    Literal(char),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    ShortYear,
    Month,
    Day,
    DayOfYear,
    Hour,
    Hour12,
    Minute,
    Second,
    Millisecond,
    Microsecond,
}

/// Patterns, longest first where one begins with another.
const PATTERNS: [(&str, Item); 17] = [
    ("YYYY", Item::Number(Part::Year, 4)),
    ("YY", Item::Number(Part::ShortYear, 2)),
    ("MONTH", Item::MonthName),
    ("MON", Item::MonthName),
    ("MM", Item::Number(Part::Month, 2)),
    ("MI", Item::Number(Part::Minute, 2)),
    ("MS", Item::Number(Part::Millisecond, 3)),
    ("DDD", Item::Number(Part::DayOfYear, 3)),
    ("DD", Item::Number(Part::Day, 2)),
    ("HH24", Item::Number(Part::Hour, 2)),
    ("HH12", Item::Number(Part::Hour12, 2)),
    ("HH", Item::Number(Part::Hour12, 2)),
    ("SS", Item::Number(Part::Second, 2)),
    ("US", Item::Number(Part::Microsecond, 6)),
    ("AM", Item::Meridian),
    ("PM", Item::Meridian),
    ("D", Item::Number(Part::Day, 1)),
];

const MONTHS: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];

impl Template {
    /// Compiles a format.
    pub(super) fn compile(format: &str) -> Self {
        let mut items = Vec::new();
        let mut rest = format;
        while let Some(first) = rest.chars().next() {
            let found = PATTERNS.iter().find(|(pattern, _)| {
                rest.get(..pattern.len()).is_some_and(|start| start.eq_ignore_ascii_case(pattern))
            });
            let length = found.map_or(first.len_utf8(), |(pattern, _)| pattern.len());
            items.push(found.map_or(Item::Literal(first), |(_, item)| *item));
            rest = &rest[length..];
        }
        Self { items }
    }

    /// Reads a text. Parts that it lacks are those of 0001-01-01 00:00:00; values too large roll over into the
    /// next larger part. The error is the pattern that the text does not fit.
    pub(super) fn read(&self, text: &str) -> Result<NaiveDateTime, String> {
        let mut fields = Fields::default();
        let mut rest = text;
        for item in &self.items {
            rest = fields.take(*item, rest).ok_or_else(|| format!("{item:?}"))?;
        }
        fields.date_time().ok_or_else(|| "date".into())
    }
}

#[derive(Debug)]
struct Fields {
    year: i64,
    month: i64,
    day: i64,
    day_of_year: Option<i64>,
    hour: i64,
    afternoon: Option<bool>,
    minute: i64,
    second: i64,
    micros: i64,
}

impl Default for Fields {
    fn default() -> Self {
        Self { year: 1, month: 1, day: 1, day_of_year: None, hour: 0, afternoon: None, minute: 0, second: 0, micros: 0 }
    }
}

impl Fields {
    /// Takes one item off the start of `text`; returns the rest.
    fn take<'t>(&mut self, item: Item, text: &'t str) -> Option<&'t str> {
        match item {
            Item::Literal(' ') => Some(text.strip_prefix(' ').unwrap_or(text)),
            Item::Literal(_) => {
                let mut rest = text.chars();
                // A separator may be left out at the end of a text that is too short.
                rest.next();
                Some(rest.as_str())
            }
            Item::MonthName => {
                let month = MONTHS.iter().position(|name| starts_with(text, &name[..3]))?;
                self.month = month as i64 + 1;
                let length = if starts_with(text, MONTHS[month]) { MONTHS[month].len() } else { 3 };
                Some(&text[length..])
            }
            Item::Meridian => {
                self.afternoon = Some(starts_with(text, "pm"));
                (starts_with(text, "pm") || starts_with(text, "am")).then(|| &text[2..])
            }
            Item::Number(part, width) => {
                let text = text.trim_start_matches(' ');
                let digits = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
                let number: i64 = text[..digits].parse().ok()?;
                self.set(part, number, digits);
                Some(&text[digits..])
            }
        }
    }

    fn set(&mut self, part: Part, number: i64, digits: usize) {
        match part {
            Part::Year => self.year = number,
            Part::ShortYear => self.year = if number < 70 { 2000 + number } else { 1900 + number },
            Part::Month => self.month = number,
            Part::Day => self.day = number,
            Part::DayOfYear => self.day_of_year = Some(number),
            Part::Hour | Part::Hour12 => self.hour = number,
            Part::Minute => self.minute = number,
            Part::Second => self.second = number,
            Part::Millisecond => self.micros = number * 10_i64.pow(6 - digits as u32),
            Part::Microsecond => self.micros = number * 10_i64.pow(6 - digits as u32),
        }
    }

    fn date_time(&self) -> Option<NaiveDateTime> {
        let months = self.year * 12 + self.month - 1;
        let first = NaiveDate::from_ymd_opt(months.div_euclid(12) as i32, months.rem_euclid(12) as u32 + 1, 1)?;
        let day = match self.day_of_year {
            Some(day) => {
                NaiveDate::from_ymd_opt(self.year as i32, 1, 1)?.checked_add_days(Days::new(day as u64 - 1))?
            }
            None => first.checked_add_signed(TimeDelta::days(self.day - 1))?,
        };
        let hour = match self.afternoon {
            Some(afternoon) => self.hour % 12 + 12 * i64::from(afternoon),
            None => self.hour,
        };
        let seconds = (hour * 60 + self.minute) * 60 + self.second;
        let time = TimeDelta::seconds(seconds) + TimeDelta::microseconds(self.micros);
        day.and_hms_opt(0, 0, 0)?.checked_add_signed(time)
    }
}

fn starts_with(text: &str, lower: &str) -> bool {
    text.get(..lower.len()).is_some_and(|start| start.eq_ignore_ascii_case(lower))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: &str) -> String {
        Template::compile(format).read(text).map_or_else(|error| error, |time| time.to_string())
    }

    #[test]
    fn formats_are_read_as_redshift_documents_them() {
        assert_eq!(read("2011-12-18 15:38:15", "YYYY-MM-DD HH24:MI:SS"), "2011-12-18 15:38:15");
        assert_eq!(read("25.12.2020 03:04 pm", "DD.MM.YYYY HH12:MI AM"), "2020-12-25 15:04:00");
        assert_eq!(read("Dec 5, 99", "MON DD, YY"), "1999-12-05 00:00:00");
        assert_eq!(read("2020-01-02 03:04:05.678", "YYYY-MM-DD HH24:MI:SS.MS"), "2020-01-02 03:04:05.678");
    }

    #[test]
    fn values_too_large_roll_over() {
        assert_eq!(read("2011-13-01", "YYYY-MM-DD"), "2012-01-01 00:00:00");
        assert_eq!(read("2011-12-18 24:38:15", "YYYY-MM-DD HH24:MI:SS"), "2011-12-19 00:38:15");
    }

    #[test]
    fn text_that_does_not_fit_is_refused() {
        assert!(Template::compile("YYYY-MM-DD").read("soon").is_err());
    }
}
