//! Functions of dates and times: their parts, what lies between two of them, and what lies so far from one.

use std::cmp::Ordering;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Weekday};
use datafusion::common::Result;

use super::date_part::{DAY, DatePart, add_months, date_time, micros_of, out_of_range};
use super::function::Function;
use super::row::Kind::{Moment as AMoment, Text, Whole};
use super::row::{Day, Memo, Moment, Row, by_row, by_row_with};
use crate::error::{ErrorKind, SqlError};
use crate::types::SqlType;

/// The name of EXTRACT in a plan.
pub(crate) const EXTRACT: &str = "extract";

/// Comparisons of two moments, which differ in the types that they are documented for.
const COMPARISONS: [&str; 8] = [
    "date_cmp",
    "date_cmp_timestamp",
    "date_cmp_timestamptz",
    "timestamp_cmp",
    "timestamp_cmp_date",
    "timestamp_cmp_timestamptz",
    "timestamptz_cmp",
    "timestamptz_cmp_timestamp",
];

pub(super) fn functions() -> Vec<Function> {
    let comparisons = COMPARISONS.map(|name| by_row(name, &[AMoment, AMoment], &[], compare));
    let functions = [
        by_row_with("dateadd", &[Text, Whole, AMoment], &[], |parts: &mut Memo<DatePart>, row| {
            Ok(Some(Moment(part(parts, row)?.add(row.whole(1), row.whole(2))?)))
        })
        .returning(|types| kept(types[2]))
        .also(&["date_add"]),
        by_row_with("datediff", &[Text, AMoment, AMoment], &[], |parts: &mut Memo<DatePart>, row| {
            let part = part(parts, row)?;
            Ok(Some(part.count(row.whole(2))? - part.count(row.whole(1))?))
        })
        .also(&["date_diff"]),
        by_row_with("date_part", &[Text, AMoment], &[], |parts: &mut Memo<DatePart>, row| {
            Ok(Some(part(parts, row)?.value(row.whole(1))?))
        })
        .also(&["pgdate_part"]),
        by_row_with(EXTRACT, &[Text, AMoment], &[], |parts: &mut Memo<DatePart>, row| {
            Ok(Some(part(parts, row)?.whole_value(row.whole(1))?))
        })
        .returning(|types| Some(if types[1] == SqlType::TimestampTz { SqlType::Double } else { SqlType::Integer })),
        by_row_with("date_trunc", &[Text, AMoment], &[], |parts: &mut Memo<DatePart>, row| {
            Ok(Some(Moment(part(parts, row)?.start(row.whole(1))?)))
        })
        .returning(|types| kept(types[1])),
        by_row("date_part_year", &[AMoment], &[], |row| Ok(Some(date_time(row.whole(0))?.year()))),
        by_row("add_months", &[AMoment, Whole], &[], |row| {
            let (moment, moved) = (row.whole(0), add_months(row.whole(0), row.whole(1))?);
            Ok(Some(Moment(if is_last_of_month(moment)? { last_day(moved)? } else { moved })))
        }),
        by_row("last_day", &[AMoment], &[], |row| day_of(last_day(row.whole(0))?)),
        by_row("next_day", &[AMoment, Text], &[], |row| {
            let (day, wanted) = (date_time(row.whole(0))?.date(), weekday(row.text(1))?);
            let ahead = wanted.days_since(day.weekday());
            let next = day.checked_add_days(Days::new(if ahead == 0 { 7 } else { u64::from(ahead) }));
            day_of(micros_of(next.ok_or_else(out_of_range)?.into()))
        }),
        by_row("months_between", &[AMoment, AMoment], &[], |row| {
            Ok(Some(months_between(date_time(row.whole(0))?, date_time(row.whole(1))?)))
        }),
    ];
    functions.into_iter().chain(comparisons).collect()
}

fn part(parts: &mut Memo<DatePart>, row: &Row<'_>) -> Result<DatePart> {
    let name = row.text(0);
    parts.get(&[name], || Ok(DatePart::parse(name)?)).copied()
}

/// The type of what is computed from a moment; none for a TIMESTAMP.
fn kept(given: SqlType) -> Option<SqlType> {
    matches!(given, SqlType::Time | SqlType::TimestampTz).then_some(given)
}

fn compare(row: &Row<'_>) -> Result<Option<i32>> {
    Ok(Some(match row.whole(0).cmp(&row.whole(1)) {
        Ordering::Less => -1,
        Ordering::Equal => 0,
        Ordering::Greater => 1,
    }))
}

fn day_of(micros: i64) -> Result<Option<Day>> {
    let day = i32::try_from(micros.div_euclid(DAY)).map_err(|_| out_of_range())?;
    Ok(Some(Day(day)))
}

fn last_day_of_month(day: NaiveDate) -> u32 {
    u32::from(day.num_days_in_month())
}

fn is_last_of_month(micros: i64) -> Result<bool> {
    let day = date_time(micros)?.date();
    Ok(day.day() == last_day_of_month(day))
}

/// The same time on the last day of the month.
fn last_day(micros: i64) -> Result<i64> {
    let day = date_time(micros)?.date();
    Ok(micros + i64::from(last_day_of_month(day) - day.day()) * DAY)
}

/// Reads the name of a day, which may be shortened to as little as its first two letters.
fn weekday(name: &str) -> Result<Weekday> {
    const DAYS: [(&str, Weekday); 7] = [
        ("sunday", Weekday::Sun),
        ("monday", Weekday::Mon),
        ("tuesday", Weekday::Tue),
        ("wednesday", Weekday::Wed),
        ("thursday", Weekday::Thu),
        ("friday", Weekday::Fri),
        ("saturday", Weekday::Sat),
    ];
    let lower = name.trim().to_ascii_lowercase();
    let found = DAYS.iter().find(|(day, _)| lower.len() >= 2 && day.starts_with(&lower));
    found.map(|(_, day)| *day).ok_or_else(|| {
        SqlError::new(ErrorKind::InvalidParameterValue, format!("\"{name}\" is not a day of the week")).into_engine()
    })
}

/// Whole months between the same days or two last days of months, whatever the times; else with days of a month of 31 days.
fn months_between(one: NaiveDateTime, other: NaiveDateTime) -> f64 {
    let months = |time: NaiveDateTime| i64::from(time.year()) * 12 + i64::from(time.month0());
    let whole = (months(one) - months(other)) as f64;
    let is_last = |time: NaiveDateTime| time.day() == last_day_of_month(time.date());
    if one.day() == other.day() || is_last(one) && is_last(other) {
        return whole;
    }
    let days = |time: NaiveDateTime| f64::from(time.day()) + micros_of(time).rem_euclid(DAY) as f64 / DAY as f64;
    whole + (days(one) - days(other)) / 31.0
}
