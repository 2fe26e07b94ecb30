//! Spans of time as they are written: `1 day, 2 h`, `1 day -02:30`, `1-2` as years and months.

use datafusion::arrow::datatypes::IntervalMonthDayNano;

use super::part::{DAY, DatePart, SECOND};

/// Months, days and microseconds, of which none has always the same number of another.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Span {
    pub(crate) months: i64,
    pub(crate) days: i64,
    pub(crate) micros: i64,
}

impl Span {
    /// Reads a text. `leading` and `last` are the qualifiers of a literal: what they are says what the numbers are that have no
    /// unit, and less than the last one is cut off. None if it is no span, or one too long.
    pub(crate) fn parse(text: &str, leading: Option<DatePart>, last: Option<DatePart>) -> Option<Self> {
        let last = last.or(leading);
        let mut span = Self::default();
        let mut rest = text.trim();
        let has_years = matches!((leading, last), (Some(DatePart::Year), Some(DatePart::Month)));
        while !rest.is_empty() {
            let end = rest.find([' ', ',']).unwrap_or(rest.len());
            let (word, behind) = rest.split_at(end);
            rest = match word.find('-').filter(|place| *place > 0 && has_years) {
                _ if word.contains(':') => {
                    span.add_clock(word, leading, last)?;
                    behind
                }
                Some(place) => {
                    span.add_years(word, place)?;
                    behind
                }
                None => span.add_words(rest, last)?,
            };
            rest = rest.trim_start_matches([' ', ',']);
        }
        Some(span.cut_to(last))
    }

    /// As the engine keeps it; none if it is too long for that.
    pub(crate) fn kept(self) -> Option<IntervalMonthDayNano> {
        let (months, days) = (i32::try_from(self.months).ok()?, i32::try_from(self.days).ok()?);
        Some(IntervalMonthDayNano::new(months, days, self.micros.checked_mul(1_000)?))
    }

    /// A number, and a unit behind it; gives what is behind both. In front of a time a number is one of days.
    fn add_words<'t>(&mut self, text: &'t str, last: Option<DatePart>) -> Option<&'t str> {
        let end = text.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '-' | '+')).unwrap_or(text.len());
        let (number, behind) = text.split_at(end);
        let after = behind.trim_start();
        let end = after.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, rest) = match after.split_at(end) {
            ("", _) if after.split([' ', ',']).next().is_some_and(|word| word.contains(':')) => (DatePart::Day, behind),
            ("", _) => (last.unwrap_or(DatePart::Second), behind),
            (unit, rest) => (DatePart::parse(unit).ok()?, rest),
        };
        self.add(unit, number.parse().ok()?)?;
        Some(rest)
    }

    fn add(&mut self, unit: DatePart, number: f64) -> Option<()> {
        let months = match unit {
            DatePart::Millennium => 12_000.0,
            DatePart::Century => 1_200.0,
            DatePart::Decade => 120.0,
            DatePart::Year => 12.0,
            DatePart::Quarter => 3.0,
            DatePart::Month => 1.0,
            unit => return self.add_time(unit, number),
        };
        let months = months * number;
        self.months = self.months.checked_add(whole(months)?)?;
        // PostgreSQL: months of 30 days.
        self.add_time(DatePart::Day, months.fract() * 30.0)
    }

    fn add_time(&mut self, unit: DatePart, number: f64) -> Option<()> {
        let length = unit.length()? as f64;
        if matches!(unit, DatePart::Day | DatePart::Week) {
            let days = number * length / DAY as f64;
            self.days = self.days.checked_add(whole(days)?)?;
            return self.add_time(DatePart::Microsecond, days.fract() * DAY as f64);
        }
        self.micros = self.micros.checked_add(whole((number * length).round())?)?;
        Some(())
    }

    /// Hours, minutes and seconds with colons between them, all of one sign; of two of these, the qualifiers tell which.
    fn add_clock(&mut self, word: &str, leading: Option<DatePart>, last: Option<DatePart>) -> Option<()> {
        let (sign, clock) = signed(word);
        let parts: Vec<f64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let units = match (parts.len(), leading, last) {
            (2, Some(DatePart::Minute), Some(DatePart::Second)) => [DatePart::Minute, DatePart::Second].as_slice(),
            (2, ..) => &[DatePart::Hour, DatePart::Minute],
            (3, ..) => &[DatePart::Hour, DatePart::Minute, DatePart::Second],
            _ => return None,
        };
        parts.iter().zip(units).try_for_each(|(number, unit)| self.add(*unit, sign * number))
    }

    /// Years and months, of one sign, parted at `place`.
    fn add_years(&mut self, word: &str, place: usize) -> Option<()> {
        let (sign, years) = signed(&word[..place]);
        self.add(DatePart::Year, sign * years.parse::<f64>().ok()?)?;
        self.add(DatePart::Month, sign * word[place + 1..].parse::<f64>().ok()?)
    }

    /// Without what is less than the last qualifier.
    fn cut_to(mut self, last: Option<DatePart>) -> Self {
        match last {
            Some(DatePart::Year) => self.months -= self.months % 12,
            Some(DatePart::Second) | None => {}
            Some(unit) => {
                if let Some(length) = unit.length() {
                    self.micros -= self.micros % length;
                }
            }
        }
        self
    }

    /// In the words that the engine knows.
    pub(crate) fn words(self) -> String {
        let (sign, micros) = (if self.micros < 0 { "-" } else { "" }, self.micros.unsigned_abs());
        let (second, fraction) = (micros / SECOND as u64, micros % SECOND as u64);
        format!("{} months {} days {sign}{second}.{fraction:06} seconds", self.months, self.days)
    }
}

fn signed(word: &str) -> (f64, &str) {
    match word.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, word.strip_prefix('+').unwrap_or(word)),
    }
}

/// What is in front of the point, if that fits.
fn whole(number: f64) -> Option<i64> {
    const MOST: f64 = i64::MAX as f64;
    (number.abs() < MOST).then_some(number.trunc() as i64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::functions::interval_text;

    fn read(text: &str) -> String {
        Span::parse(text, None, None).and_then(Span::kept).map_or("none".into(), interval_text)
    }

    #[test]
    fn what_is_shown_is_read_again() {
        for text in ["1 year 2 mons -3 days +01:02:03.5", "-2 days -01:00:00", "1 day", "00:00:00", "-1 days +02:00:00"]
        {
            assert_eq!(read(text), text);
        }
    }

    #[test]
    fn numbers_have_units_and_signs_of_their_own() {
        assert_eq!(read("1 day -02:30:00"), "1 day -02:30:00");
        assert_eq!(read("1w, 36h 2m"), "8 days 12:02:00");
        assert_eq!(read("5"), "00:00:05");
        assert_eq!(read("9223372036854775807 us 9223372036854775807 us"), "none");
    }
}
