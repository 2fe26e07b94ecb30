//! Functions of dates and times: their parts, what lies between two of them, and what lies so far from one.

use std::sync::Arc;

use chrono::{Datelike, Days, NaiveDate, NaiveDateTime, Weekday};
use datafusion::arrow::array::{ArrayRef, AsArray};
use datafusion::arrow::datatypes::{Int64Type, IntervalMonthDayNano, IntervalMonthDayNanoType};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, ScalarUDF};

use super::part::{DAY, DatePart, add_months, date_time, micros_of, out_of_range};
use crate::functions::function::{Function, invalid};
use crate::functions::row::Kind::{Instant, Moment as AMoment, MomentOrSpan, Span, Text, Whole};
use crate::functions::row::{Day, Kind, Memo, Moment, Row, by_row, by_row_with};
use crate::types::SqlType;

/// The name of EXTRACT in a plan.
pub(crate) const EXTRACT: &str = "extract";

/// The same for the seconds since 1970, which are more than an INTEGER has.
pub(crate) const EXTRACT_EPOCH: &str = "extract_epoch";

/// Comparisons of two moments, which differ in what they take texts for.
const COMPARISONS: [(&str, &[Kind]); 9] = [
    ("date_cmp", &[AMoment, AMoment]),
    ("date_cmp_timestamp", &[AMoment, AMoment]),
    ("date_cmp_timestamptz", &[AMoment, Instant]),
    ("timestamp_cmp", &[AMoment, AMoment]),
    ("timestamp_cmp_date", &[AMoment, AMoment]),
    ("timestamp_cmp_timestamptz", &[AMoment, Instant]),
    ("timestamptz_cmp", &[Instant, Instant]),
    ("timestamptz_cmp_date", &[Instant, AMoment]),
    ("timestamptz_cmp_timestamp", &[Instant, AMoment]),
];

pub(crate) fn functions() -> Vec<Function> {
    let comparisons = COMPARISONS.map(|(name, kinds)| by_row(name, kinds, &[], compare));
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
        by_row_with("date_part", &[Text, MomentOrSpan], &[], |parts: &mut Memo<DatePart>, row| {
            let part = part(parts, row)?;
            Ok(Some(row.span(1).map_or_else(|| part.value(row.whole(1)), |span| part.of_span(span))?))
        })
        .also(&["pgdate_part"]),
        by_row_with(EXTRACT, &[Text, MomentOrSpan], &[], |parts: &mut Memo<DatePart>, row| {
            let part = part(parts, row)?;
            Ok(Some(match row.span(1) {
                Some(span) => part.of_span(span)?.trunc() as i64,
                None => part.whole_value(row.whole(1))?,
            }))
        })
        .returning(|types| match types[1] {
            SqlType::TimestampTz => Some(SqlType::Double),
            SqlType::Interval => None,
            _ => Some(SqlType::Integer),
        }),
        by_row_with("date_trunc", &[Text, AMoment], &[], |parts: &mut Memo<DatePart>, row| {
            Ok(Some(Moment(part(parts, row)?.start(row.whole(1))?)))
        })
        .returning(|types| kept(types[1])),
        by_row(EXTRACT_EPOCH, &[MomentOrSpan], &[], |row| {
            Ok(Some(match row.span(0) {
                Some(span) => DatePart::Epoch.of_span(span)?.trunc() as i64,
                None => DatePart::Epoch.whole_value(row.whole(0))?,
            }))
        })
        .returning(|types| (types[0] == SqlType::TimestampTz).then_some(SqlType::Double)),
        by_row("interval_cmp", &[Span, Span], &[], |row| {
            let length = |place| row.span(place).map(length_of).unwrap_or_default();
            Ok(Some(length(0).cmp(&length(1)) as i32))
        }),
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

/// The length of an interval, by which it is compared.
pub(crate) fn interval_length(interval: Expr) -> Expr {
    let function = by_row("interval_length", &[Span], &[], |row| Ok(row.span(0).map(shortened_length_of)));
    ScalarUDF::from(function).call(vec![interval])
}

/// The lengths of intervals.
pub(crate) fn interval_lengths(intervals: &ArrayRef) -> ArrayRef {
    let intervals = intervals.as_primitive::<IntervalMonthDayNanoType>();
    Arc::new(intervals.unary::<_, Int64Type>(shortened_length_of))
}

/// One that is longer is longer than any that is not.
fn shortened_length_of(span: IntervalMonthDayNano) -> i64 {
    let length = length_of(span);
    i64::try_from(length).unwrap_or(if length > 0 { i64::MAX } else { i64::MIN })
}

/// In microseconds (PostgreSQL: with months of 30 days).
fn length_of(span: IntervalMonthDayNano) -> i128 {
    let days = i128::from(span.months) * 30 + i128::from(span.days);
    days * i128::from(DAY) + i128::from(span.nanoseconds / 1_000)
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
    Ok(Some(row.whole(0).cmp(&row.whole(1)) as i32))
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

fn weekday(name: &str) -> Result<Weekday> {
    const DAYS: [(Weekday, &[&str]); 7] = [
        (Weekday::Sun, &["su", "sun", "sunday"]),
        (Weekday::Mon, &["m", "mo", "mon", "monday"]),
        (Weekday::Tue, &["tu", "tue", "tues", "tuesday"]),
        (Weekday::Wed, &["w", "we", "wed", "wednesday"]),
        (Weekday::Thu, &["th", "thu", "thurs", "thursday"]),
        (Weekday::Fri, &["f", "fr", "fri", "friday"]),
        (Weekday::Sat, &["sa", "sat", "saturday"]),
    ];
    let lower = name.trim().to_ascii_lowercase();
    let found = DAYS.iter().find(|(_, names)| names.contains(&lower.as_str()));
    found.map(|(day, _)| *day).ok_or_else(|| invalid(format!("\"{name}\" is not a day of the week")))
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
