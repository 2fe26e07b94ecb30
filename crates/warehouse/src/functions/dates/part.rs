//! The parts of a date or time, by all names that Redshift knows.

use chrono::{DateTime, Datelike, Months, NaiveDate, NaiveDateTime, TimeDelta, Timelike};
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use crate::error::{ErrorKind, Result, SqlError};

/// Microseconds.
pub(crate) const SECOND: i64 = 1_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
pub(crate) const DAY: i64 = 24 * HOUR;

/// A part of a date or time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DatePart {
    Millennium,
    Century,
    Decade,
    Year,
    Quarter,
    Month,
    Week,
    Day,
    DayOfWeek,
    DayOfYear,
    Hour,
    Minute,
    Second,
    Millisecond,
    Microsecond,
    Epoch,
    Timezone,
}

const NAMES: [(DatePart, &[&str]); 17] = [
    (DatePart::Millennium, &["millennium", "millennia", "mil", "mils"]),
    (DatePart::Century, &["century", "centuries", "c", "cent", "cents"]),
    (DatePart::Decade, &["decade", "decades", "dec", "decs"]),
    (DatePart::Year, &["year", "years", "y", "yr", "yrs"]),
    (DatePart::Quarter, &["quarter", "quarters", "qtr", "qtrs"]),
    (DatePart::Month, &["month", "months", "mon", "mons"]),
    (DatePart::Week, &["week", "weeks", "w"]),
    (DatePart::Day, &["day", "days", "d"]),
    (DatePart::DayOfWeek, &["dayofweek", "dow", "dw", "weekday"]),
    (DatePart::DayOfYear, &["dayofyear", "doy", "dy", "yearday"]),
    (DatePart::Hour, &["hour", "hours", "h", "hr", "hrs"]),
    (DatePart::Minute, &["minute", "minutes", "m", "min", "mins"]),
    (DatePart::Second, &["second", "seconds", "s", "sec", "secs"]),
    (
        DatePart::Millisecond,
        &[
            "millisecond",
            "milliseconds",
            "ms",
            "msec",
            "msecs",
            "msecond",
            "mseconds",
            "millisec",
            "millisecs",
            "millisecon",
        ],
    ),
    (
        DatePart::Microsecond,
        &["microsecond", "microseconds", "us", "usec", "usecs", "usecond", "useconds", "microsec", "microsecs"],
    ),
    (DatePart::Epoch, &["epoch"]),
    (DatePart::Timezone, &["timezone", "timezone_hour", "timezone_minute"]),
];

impl DatePart {
    /// Reads a name.
    pub(crate) fn parse(name: &str) -> Result<Self> {
        let lower = name.trim().to_ascii_lowercase();
        let found = NAMES.iter().find(|(_, names)| names.contains(&lower.as_str()));
        found.map(|(part, _)| *part).ok_or_else(|| {
            let message = format!("timestamp units \"{name}\" not recognized");
            SqlError::new(ErrorKind::InvalidParameterValue, message)
        })
    }

    /// Its length in microseconds, where that is always the same.
    pub(crate) fn length(self) -> Option<i64> {
        Some(match self {
            Self::Week => 7 * DAY,
            Self::Day | Self::DayOfWeek | Self::DayOfYear => DAY,
            Self::Hour => HOUR,
            Self::Minute => MINUTE,
            Self::Second | Self::Epoch => SECOND,
            Self::Millisecond => 1_000,
            Self::Microsecond => 1,
            _ => return None,
        })
    }

    /// How many of it began since some moment in the past, up to `micros`. The difference between two of these numbers is that of
    /// the boundaries between them.
    pub(crate) fn count(self, micros: i64) -> Result<i64> {
        let year = |micros| date_time(micros).map(|time| i64::from(time.year()));
        Ok(match self {
            // Years 1 to 1000 are the first, and so on.
            Self::Millennium => (year(micros)? - 1).div_euclid(1000),
            Self::Century => (year(micros)? - 1).div_euclid(100),
            Self::Decade => year(micros)?.div_euclid(10),
            Self::Year => year(micros)?,
            Self::Quarter => year(micros)? * 4 + i64::from(date_time(micros)?.month0() / 3),
            Self::Month => year(micros)? * 12 + i64::from(date_time(micros)?.month0()),
            Self::Week => (micros + WEEK_OFFSET).div_euclid(7 * DAY),
            Self::Timezone => return Err(self.unsupported()),
            other => micros.div_euclid(other.length().unwrap_or(DAY)),
        })
    }

    /// The first moment of the part that `micros` is in.
    pub(crate) fn start(self, micros: i64) -> Result<i64> {
        let year = |year: i64| first_of(year, 1);
        match self {
            Self::Millennium => year(self.count(micros)? * 1000 + 1),
            Self::Century => year(self.count(micros)? * 100 + 1),
            Self::Decade => year(self.count(micros)? * 10),
            Self::Year => year(self.count(micros)?),
            Self::Quarter => {
                let quarter = self.count(micros)?;
                first_of(quarter.div_euclid(4), quarter.rem_euclid(4) as u32 * 3 + 1)
            }
            Self::Month => {
                let month = self.count(micros)?;
                first_of(month.div_euclid(12), month.rem_euclid(12) as u32 + 1)
            }
            Self::Week => Ok(self.count(micros)? * 7 * DAY - WEEK_OFFSET),
            Self::DayOfWeek | Self::DayOfYear | Self::Epoch | Self::Timezone => Err(self.unsupported()),
            other => {
                let length = other.length().unwrap_or(DAY);
                Ok(micros.div_euclid(length) * length)
            }
        }
    }

    /// `micros` and `number` of it. Years go on to 1 March from a 29 February that the year lacks, months to the month's last day
    /// (Redshift: DATEADD's usage notes).
    pub(crate) fn add(self, number: i64, micros: i64) -> Result<i64> {
        let years = |years: i64| add_years(micros, number.checked_mul(years).ok_or_else(out_of_range)?);
        let months = |months: i64| add_months(micros, number.checked_mul(months).ok_or_else(out_of_range)?);
        match self {
            Self::Millennium => years(1000),
            Self::Century => years(100),
            Self::Decade => years(10),
            Self::Year => years(1),
            Self::Quarter => months(3),
            Self::Month => months(1),
            Self::Epoch | Self::Timezone => Err(self.unsupported()),
            other => {
                let length = number.checked_mul(other.length().unwrap_or(DAY));
                length.and_then(|length| micros.checked_add(length)).ok_or_else(out_of_range)
            }
        }
    }

    /// Its value in `micros`, with what is behind its point (Redshift: DATE_PART).
    pub(crate) fn value(self, micros: i64) -> Result<f64> {
        let fraction = micros.rem_euclid(SECOND);
        Ok(match self {
            Self::Second => micros.rem_euclid(MINUTE) as f64 / 1e6,
            Self::Millisecond => fraction as f64 / 1e3,
            Self::Microsecond => fraction as f64,
            Self::Epoch => micros as f64 / 1e6,
            other => other.whole_value(micros)? as f64,
        })
    }

    /// Its value in `micros`, nothing of larger or smaller parts included (Redshift: EXTRACT).
    pub(crate) fn whole_value(self, micros: i64) -> Result<i64> {
        let time = date_time(micros)?;
        Ok(match self {
            // Redshift counts decades from 1 on, too.
            Self::Millennium | Self::Century | Self::Decade => self.count(micros)? + 1,
            Self::Year => i64::from(time.year()),
            Self::Quarter => i64::from(time.month0() / 3 + 1),
            Self::Month => i64::from(time.month()),
            Self::Week => i64::from(time.iso_week().week()),
            Self::Day => i64::from(time.day()),
            Self::DayOfWeek => i64::from(time.weekday().num_days_from_sunday()),
            Self::DayOfYear => i64::from(time.ordinal()),
            Self::Hour => i64::from(time.hour()),
            Self::Minute => i64::from(time.minute()),
            Self::Second => i64::from(time.second()),
            Self::Millisecond => micros.div_euclid(1_000).rem_euclid(1_000),
            Self::Microsecond => micros.rem_euclid(1_000),
            Self::Epoch => micros.div_euclid(SECOND),
            // All are kept in UTC.
            Self::Timezone => 0,
        })
    }

    /// Its value in a span of time, with what is behind its point.
    pub(crate) fn of_span(self, span: IntervalMonthDayNano) -> Result<f64> {
        let (months, days, micros) = (i64::from(span.months), i64::from(span.days), span.nanoseconds / 1_000);
        // Whole days of the time count as days.
        let (days, micros) = (days + micros / DAY, micros % DAY);
        let whole = match self {
            Self::Millennium => months / 12_000,
            Self::Century => months / 1_200,
            Self::Decade => months / 120,
            Self::Year => months / 12,
            Self::Quarter => months % 12 / 3 + 1,
            Self::Month => months % 12,
            Self::Week => days / 7,
            Self::Day => days,
            Self::Hour => micros / HOUR,
            Self::Minute => micros % HOUR / MINUTE,
            Self::Second => return Ok((micros % MINUTE) as f64 / 1e6),
            Self::Millisecond => return Ok((micros % SECOND) as f64 / 1e3),
            Self::Microsecond => micros % SECOND,
            // PostgreSQL: years of 365.25 days, months of 30.
            Self::Epoch => {
                let days_of_months = (months / 12) as f64 * 365.25 + (months % 12 * 30) as f64;
                return Ok((days_of_months + days as f64) * 86_400.0 + micros as f64 / 1e6);
            }
            Self::DayOfWeek | Self::DayOfYear | Self::Timezone => return Err(self.unsupported()),
        };
        Ok(whole as f64)
    }

    fn unsupported(self) -> SqlError {
        let (_, names) = NAMES.iter().find(|(part, _)| *part == self).unwrap_or(&NAMES[0]);
        SqlError::unsupported(format!("timestamp units \"{}\" not supported", names[0]))
    }
}

/// Weeks begin on Mondays; the epoch was a Thursday.
const WEEK_OFFSET: i64 = 3 * DAY;

/// The date and time that a number of microseconds since the epoch is.
pub(crate) fn date_time(micros: i64) -> Result<NaiveDateTime> {
    DateTime::from_timestamp_micros(micros).map(|time| time.naive_utc()).ok_or_else(out_of_range)
}

/// The microseconds since the epoch.
pub(crate) fn micros_of(time: NaiveDateTime) -> i64 {
    time.and_utc().timestamp_micros()
}

/// The same day of another month, or the last one of a month that is too short.
pub(crate) fn add_months(micros: i64, months: i64) -> Result<i64> {
    let time = date_time(micros)?;
    let distance = Months::new(u32::try_from(months.unsigned_abs()).map_err(|_| out_of_range())?);
    let moved = if months < 0 { time.checked_sub_months(distance) } else { time.checked_add_months(distance) };
    moved.map(micros_of).ok_or_else(out_of_range)
}

fn add_years(micros: i64, years: i64) -> Result<i64> {
    let time = date_time(micros)?;
    let year = i32::try_from(i64::from(time.year()).saturating_add(years)).map_err(|_| out_of_range())?;
    let moved = time.with_year(year).or_else(|| {
        time.checked_sub_signed(TimeDelta::days(1))?.with_year(year)?.checked_add_signed(TimeDelta::days(1))
    });
    moved.map(micros_of).ok_or_else(out_of_range)
}

fn first_of(year: i64, month: u32) -> Result<i64> {
    let day = i32::try_from(year).ok().and_then(|year| NaiveDate::from_ymd_opt(year, month, 1));
    day.map(|day| micros_of(day.into())).ok_or_else(out_of_range)
}

pub(crate) fn out_of_range() -> SqlError {
    SqlError::new(ErrorKind::DatetimeFieldOverflow, "timestamp out of range")
}
