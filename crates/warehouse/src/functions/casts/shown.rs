//! How values are written, in casts to texts and on the wire.

use chrono::DateTime;
use datafusion::arrow::datatypes::IntervalMonthDayNano;

use crate::functions::dates::part::DAY;

/// Redshift prints floats with so many significant digits, without trailing zeros.
pub fn float_text(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".into();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.into();
    }
    let exponent = format!("{value:.*e}", digits - 1);
    let (mantissa, power) = exponent.split_once('e').unwrap_or((&exponent, "0"));
    let power: i32 = power.parse().unwrap_or(0);
    if power < -4 || power >= digits as i32 {
        let mantissa = trimmed(mantissa);
        let sign = if power < 0 { '-' } else { '+' };
        return format!("{mantissa}e{sign}{:02}", power.abs());
    }
    trimmed(&format!("{value:.*}", (digits as i32 - 1 - power).max(0) as usize)).to_owned()
}

fn trimmed(number: &str) -> &str {
    if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number }
}

/// A TIMESTAMP, of microseconds since the epoch, in UTC.
pub fn timestamp_text(micros: i64) -> String {
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    trimmed(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()).to_owned()
}

/// A TIME, of microseconds since midnight.
pub fn time_text(micros: i64) -> String {
    let time = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    trimmed(&time.format("%H:%M:%S%.6f").to_string()).to_owned()
}

/// `1 year 2 mons 3 days 04:05:06.7`: what is zero is left out, and what is positive after something negative has its sign. Whole
/// days of the time count as days, as they do in a difference of timestamps.
pub fn interval_text(interval: IntervalMonthDayNano) -> String {
    let (months, micros) = (interval.months, interval.nanoseconds / 1000);
    let (days, time) = (i64::from(interval.days) + micros / DAY, micros % DAY);
    let (mut parts, mut after_negative) = (Vec::new(), false);
    for (count, unit) in [(i64::from(months / 12), "year"), (i64::from(months % 12), "mon"), (days, "day")] {
        if count != 0 {
            let sign = if after_negative && count > 0 { "+" } else { "" };
            parts.push(format!("{sign}{count} {unit}{}", if count == 1 { "" } else { "s" }));
            after_negative = count < 0;
        }
    }
    if time != 0 || parts.is_empty() {
        let sign = if time < 0 { "-" } else { if after_negative { "+" } else { "" } };
        let time = time.unsigned_abs();
        let seconds = time / 1_000_000;
        let fraction = format!("{:02}.{:06}", seconds % 60, time % 1_000_000);
        parts.push(format!(
            "{sign}{:02}:{:02}:{}",
            seconds / 3600,
            seconds / 60 % 60,
            fraction.trim_end_matches('0').trim_end_matches('.')
        ));
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_moments_print_as_redshift_prints_them() {
        assert_eq!(float_text(0.1, 15), "0.1");
        assert_eq!(float_text(1e20, 15), "1e+20");
        assert_eq!(float_text(123.0, 15), "123");
        assert_eq!(timestamp_text(1_700_000_000_120_000), "2023-11-14 22:13:20.12");
    }

    #[test]
    fn intervals_print_as_redshift_prints_them() {
        let text = |months, days, nanos| interval_text(IntervalMonthDayNano::new(months, days, nanos));
        assert_eq!(text(14, -3, 3_723_500_000_000), "1 year 2 mons -3 days +01:02:03.5");
        assert_eq!(text(0, 0, -176_400_000_000_000), "-2 days -01:00:00");
        assert_eq!(text(0, 1, 0), "1 day");
        assert_eq!(text(0, 0, 0), "00:00:00");
    }
}
