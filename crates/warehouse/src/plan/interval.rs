//! Interval literals (Redshift: `INTERVAL '1 day, 2 h'`, `INTERVAL '1-2' YEAR TO MONTH`), written in the words that the engine knows.

use datafusion::sql::sqlparser::ast::{DateTimeField, Expr, Interval, Value};

use super::rewrite::text;
use crate::functions::DatePart;

/// The same interval in units of months, days and seconds; none if it is written in another way.
pub(super) fn plain_interval(interval: &Interval) -> Option<Expr> {
    let Expr::Value(value) = interval.value.as_ref() else { return None };
    let written = match &value.value {
        Value::SingleQuotedString(text) => text.trim(),
        Value::Number(number, _) => number,
        _ => return None,
    };
    let leading = interval.leading_field.as_ref().and_then(part_of);
    let last = interval.last_field.as_ref().and_then(part_of).or(leading);
    let mut length = Length::default();
    let (sign, unsigned) = written.strip_prefix('-').map_or((1, written), |rest| (-1, rest));
    match (leading, last) {
        (Some(DatePart::Year), Some(DatePart::Month)) if unsigned.contains('-') => {
            let (years, months) = unsigned.split_once('-')?;
            length.add(DatePart::Year, years.parse().ok()?)?;
            length.add(DatePart::Month, months.parse().ok()?)?;
            length = length.times(sign);
        }
        _ if unsigned.contains(':') => {
            length.add_clock(unsigned, leading, last)?;
            length = length.times(sign);
        }
        _ => length.add_words(written, last.unwrap_or(DatePart::Second))?,
    }
    Some(length.cut_to(last).literal())
}

fn part_of(field: &DateTimeField) -> Option<DatePart> {
    DatePart::parse(&field.to_string()).ok()
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

#[derive(Debug, Clone, Copy, Default)]
struct Length {
    months: i64,
    days: i64,
    micros: i64,
}

impl Length {
    /// Numbers and units by turns; a number without one is of `unit`.
    fn add_words(&mut self, written: &str, unit: DatePart) -> Option<()> {
        let mut rest = written;
        loop {
            rest = rest.trim_start_matches([' ', ',']);
            if rest.is_empty() {
                return Some(());
            }
            let end = rest.find(|letter: char| !matches!(letter, '0'..='9' | '.' | '-' | '+')).unwrap_or(rest.len());
            let (number, behind) = rest.split_at(end);
            let behind = behind.trim_start();
            let end = behind.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(behind.len());
            let (name, behind) = behind.split_at(end);
            let unit = if name.is_empty() { unit } else { DatePart::parse(name).ok()? };
            self.add(unit, number.parse().ok()?)?;
            rest = behind;
        }
    }

    fn add(&mut self, unit: DatePart, number: f64) -> Option<()> {
        let months = match unit {
            DatePart::Millennium => 12_000.0,
            DatePart::Century => 1_200.0,
            DatePart::Decade => 120.0,
            DatePart::Year => 12.0,
            DatePart::Quarter => 3.0,
            DatePart::Month => 1.0,
            unit => return self.add_micros(unit, number),
        };
        let months = months * number;
        self.months += months.trunc() as i64;
        // PostgreSQL: months of 30 days.
        self.add_micros(DatePart::Day, months.fract() * 30.0)
    }

    fn add_micros(&mut self, unit: DatePart, number: f64) -> Option<()> {
        let micros = number * unit.length()? as f64;
        if matches!(unit, DatePart::Day | DatePart::Week) {
            self.days += (micros / DAY as f64).trunc() as i64;
            self.micros += (micros % DAY as f64).round() as i64;
        } else {
            self.micros += micros.round() as i64;
        }
        Some(())
    }

    /// Days, and hours, minutes and seconds with colons between them; of two of these, the qualifiers tell which.
    fn add_clock(&mut self, written: &str, leading: Option<DatePart>, last: Option<DatePart>) -> Option<()> {
        let (days, clock) = written.rsplit_once(' ').unwrap_or(("", written));
        self.add_words(days, DatePart::Day)?;
        let parts: Vec<f64> = clock.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
        let units = match (parts.len(), leading, last) {
            (2, Some(DatePart::Minute), Some(DatePart::Second)) => [DatePart::Minute, DatePart::Second].as_slice(),
            (2, ..) => &[DatePart::Hour, DatePart::Minute],
            (3, ..) => &[DatePart::Hour, DatePart::Minute, DatePart::Second],
            _ => return None,
        };
        parts.iter().zip(units).try_for_each(|(number, unit)| self.add(*unit, *number))
    }

    fn times(self, factor: i64) -> Self {
        Self { months: self.months * factor, days: self.days * factor, micros: self.micros * factor }
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

    fn literal(self) -> Expr {
        let (sign, micros) = (if self.micros < 0 { "-" } else { "" }, self.micros.unsigned_abs());
        let (second, fraction) = (micros / SECOND as u64, micros % SECOND as u64);
        let words = format!("{} months {} days {sign}{second}.{fraction:06} seconds", self.months, self.days);
        Expr::Interval(Interval {
            value: Box::new(text(&words)),
            leading_field: None,
            leading_precision: None,
            last_field: None,
            fractional_seconds_precision: None,
        })
    }
}
