//! Reading dates and times by a template.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};

use super::{Field, Item, MONTHS, Template, starts_with};

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It is of another form.
    Mismatch,
    /// A value that is too large does not roll over.
    OutOfRange(String),
    /// Fields of this kind are only written.
    WriteOnly,
}

impl Template {
    /// Reads a text. Parts that it lacks are those of 0001-01-01 00:00:00; values too large roll over into the
    /// next larger part, unless the reading is strict.
    pub(crate) fn read(&self, text: &str, is_strict: bool) -> Result<NaiveDateTime, Unreadable> {
        let mut fields = Fields::default();
        let mut rest = text;
        // Redshift: an empty text is the first moment there is.
        let items = if text.is_empty() { &[] } else { self.items.as_slice() };
        for item in items {
            rest = match item {
                Item::Literal(letter) => skip(*letter, rest),
                Item::Field(field, style) => {
                    let behind = fields.take(*field, rest)?;
                    if style.ordinal.is_some() { skip_letters(behind, 2) } else { behind }
                }
            };
        }
        if is_strict {
            fields.check()?;
        }
        fields.date_time().ok_or_else(|| Unreadable::OutOfRange(fields.date_out_of_range()))
    }
}

/// What is behind so many letters, as far as there are any.
fn skip_letters(text: &str, most: usize) -> &str {
    let letters = text.bytes().take(most).take_while(u8::is_ascii_alphabetic).count();
    &text[letters..]
}

/// What is behind a separator. It may be left out at the end of a text that is too short.
fn skip(letter: char, text: &str) -> &str {
    match letter {
        ' ' => text.strip_prefix(' ').unwrap_or(text),
        _ => {
            let mut rest = text.chars();
            rest.next();
            rest.as_str()
        }
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
    /// Takes one field off the start of `text`; returns the rest.
    fn take<'t>(&mut self, field: Field, text: &'t str) -> Result<&'t str, Unreadable> {
        let taken = match field {
            Field::MonthName | Field::ShortMonthName => self.take_month(text),
            Field::Meridian(dotted) => self.take_meridian(text, dotted),
            // A date follows from other fields: this one is left out.
            Field::DayName | Field::ShortDayName => Some(skip_letters(text, "wednesday".len())),
            field => self.take_number(field, text)?,
        };
        taken.ok_or(Unreadable::Mismatch)
    }

    fn take_month<'t>(&mut self, text: &'t str) -> Option<&'t str> {
        let month = MONTHS.iter().position(|name| starts_with(text, &name[..3]))?;
        self.month = month as i64 + 1;
        let length = if starts_with(text, MONTHS[month]) { MONTHS[month].len() } else { 3 };
        Some(&text[length..])
    }

    fn take_meridian<'t>(&mut self, text: &'t str, dotted: bool) -> Option<&'t str> {
        let (morning, afternoon) = if dotted { ("a.m.", "p.m.") } else { ("am", "pm") };
        self.afternoon = Some(starts_with(text, afternoon));
        (starts_with(text, afternoon) || starts_with(text, morning)).then(|| &text[morning.len()..])
    }

    fn take_number<'t>(&mut self, field: Field, text: &'t str) -> Result<Option<&'t str>, Unreadable> {
        let width = match field {
            Field::Year(digits) | Field::IsoYear(digits) => usize::from(digits),
            Field::Quarter | Field::WeekOfMonth | Field::DayOfWeek | Field::IsoDayOfWeek => 1,
            Field::Century | Field::WeekOfYear | Field::IsoWeek => 2,
            Field::Month | Field::Day | Field::Hour | Field::Hour12 | Field::Minute | Field::Second => 2,
            Field::DayOfYear | Field::Millisecond => 3,
            Field::Microsecond => 6,
            _ => return Err(Unreadable::WriteOnly),
        };
        let text = text.trim_start_matches(' ');
        let digits = text.bytes().take(width).take_while(u8::is_ascii_digit).count();
        let Ok(number) = text[..digits].parse() else { return Ok(None) };
        self.set(field, number, digits);
        Ok(Some(&text[digits..]))
    }

    fn set(&mut self, field: Field, number: i64, digits: usize) {
        match field {
            Field::Year(2) => self.year = if number < 70 { 2000 + number } else { 1900 + number },
            Field::Year(1 | 3) => self.year = if number < 520 { 2000 + number } else { 1000 + number },
            Field::Year(_) => self.year = number,
            Field::Month => self.month = number,
            Field::Day => self.day = number,
            Field::DayOfYear => self.day_of_year = Some(number),
            Field::Hour | Field::Hour12 => self.hour = number,
            Field::Minute => self.minute = number,
            Field::Second => self.second = number,
            Field::Millisecond | Field::Microsecond => self.micros = number * 10_i64.pow(6 - digits as u32),
            // Those that only say again what others do.
            _ => {}
        }
    }

    /// Fails for values that would roll over.
    fn check(&self) -> Result<(), Unreadable> {
        let day = i32::try_from(self.year).ok().zip(u32::try_from(self.month).ok()).zip(u32::try_from(self.day).ok());
        if day.and_then(|((year, month), day)| NaiveDate::from_ymd_opt(year, month, day)).is_none() {
            return Err(Unreadable::OutOfRange(self.date_out_of_range()));
        }
        if self.hour >= 24 || self.minute >= 60 || self.second >= 60 {
            let (hour, minute, second) = (self.hour, self.minute, self.second);
            let message = format!("date/time field time value out of range: {hour}:{minute}:{second}.0");
            return Err(Unreadable::OutOfRange(message));
        }
        Ok(())
    }

    fn date_out_of_range(&self) -> String {
        format!("date/time field date value out of range: {}-{}-{}", self.year, self.month, self.day)
    }

    fn date_time(&self) -> Option<NaiveDateTime> {
        let months = self.year * 12 + self.month - 1;
        let first = NaiveDate::from_ymd_opt(months.div_euclid(12) as i32, months.rem_euclid(12) as u32 + 1, 1)?;
        let day = match self.day_of_year {
            Some(day) => {
                NaiveDate::from_ymd_opt(self.year as i32, 1, 1)?.checked_add_signed(TimeDelta::days(day - 1))?
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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, format: &str) -> String {
        Template::compile(format).read(text, false).map_or_else(|error| format!("{error:?}"), |time| time.to_string())
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
        assert!(Template::compile("YYYY-MM-DD").read("soon", false).is_err());
    }
}
