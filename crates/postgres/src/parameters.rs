//! Parameters of prepared statements, from either wire form.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use pgwire::api::Type;
use pgwire::api::portal::Portal;
use pgwire::error::PgWireResult;
use tidemill_warehouse::{ErrorKind, Parameter, SqlError};

use crate::errors::to_wire;

/// The parameters of a bound statement. `types` are those that the statement itself suggests.
pub(crate) fn read<S>(portal: &Portal<S>, types: &[Type]) -> PgWireResult<Vec<Parameter>> {
    let value = |(place, bytes): (usize, &Option<bytes::Bytes>)| {
        let told = portal.statement.parameter_types.get(place).cloned().flatten();
        let wire_type = told.or_else(|| types.get(place).cloned()).unwrap_or(Type::VARCHAR);
        match bytes {
            None => Ok(Parameter::Null),
            Some(bytes) if portal.parameter_format.is_binary(place) => binary(&wire_type, bytes),
            Some(bytes) => text(&wire_type, bytes),
        }
    };
    portal.parameters.iter().enumerate().map(value).collect()
}

fn text(wire_type: &Type, bytes: &[u8]) -> PgWireResult<Parameter> {
    let Ok(text) = std::str::from_utf8(bytes) else { return Err(invalid("a parameter is not valid UTF-8")) };
    let is_number = matches!(
        *wire_type,
        Type::INT2 | Type::INT4 | Type::INT8 | Type::FLOAT4 | Type::FLOAT8 | Type::NUMERIC | Type::OID
    );
    match is_number && text.parse::<f64>().is_ok_and(f64::is_finite) {
        true => Ok(Parameter::Number(text.to_owned())),
        false => Ok(Parameter::Text(text.to_owned())),
    }
}

fn binary(wire_type: &Type, bytes: &[u8]) -> PgWireResult<Parameter> {
    let number = |number: Option<String>| {
        number.map(Parameter::Number).ok_or_else(|| invalid("a parameter has the wrong length"))
    };
    let float = |number: Option<(f64, String)>| match number {
        // No number that could be written out.
        Some((value, text)) if !value.is_finite() => Ok(Parameter::Text(text)),
        // As a DECIMAL, it would have too many digits.
        Some((value, _)) if value.abs() >= 1e15 || value != 0.0 && value.abs() < 1e-6 => {
            Ok(Parameter::Number(format!("{value:e}")))
        }
        Some((_, text)) => Ok(Parameter::Number(text)),
        None => Err(invalid("a parameter has the wrong length")),
    };
    match *wire_type {
        Type::BOOL => Ok(Parameter::Text(if bytes == [1] { "true" } else { "false" }.to_owned())),
        Type::INT2 => number(bytes.try_into().ok().map(|bytes| i16::from_be_bytes(bytes).to_string())),
        Type::INT4 => number(bytes.try_into().ok().map(|bytes| i32::from_be_bytes(bytes).to_string())),
        Type::INT8 => number(bytes.try_into().ok().map(|bytes| i64::from_be_bytes(bytes).to_string())),
        Type::FLOAT4 => {
            float(bytes.try_into().ok().map(f32::from_be_bytes).map(|value| (value.into(), value.to_string())))
        }
        Type::FLOAT8 => float(bytes.try_into().ok().map(f64::from_be_bytes).map(|value| (value, value.to_string()))),
        Type::NUMERIC => number(decimal(bytes)),
        Type::DATE => moment(bytes.try_into().ok().map(i32::from_be_bytes).and_then(date)),
        Type::TIME => moment(bytes.try_into().ok().map(i64::from_be_bytes).and_then(time)),
        Type::TIMESTAMP => moment(bytes.try_into().ok().map(i64::from_be_bytes).and_then(timestamp)),
        Type::TIMESTAMPTZ => {
            let time = bytes.try_into().ok().map(i64::from_be_bytes).and_then(timestamp);
            moment(time.map(|time| format!("{time}+00")))
        }
        Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::UNKNOWN | Type::NAME => text(wire_type, bytes),
        _ => Err(invalid(&format!("binary parameters of type {wire_type} are not supported"))),
    }
}

/// A DECIMAL: how many groups of four digits there are, the place of the first one, the sign, the digits of the fraction, and the groups.
fn decimal(bytes: &[u8]) -> Option<String> {
    const NEGATIVE: i16 = 0x4000;
    const MOST_DIGITS: i16 = 1_000;
    let words: Vec<i16> = bytes.chunks_exact(2).map(|word| i16::from_be_bytes([word[0], word[1]])).collect();
    let [_, first, sign @ (0 | NEGATIVE), scale @ 0..MOST_DIGITS, groups @ ..] = words.as_slice() else { return None };
    if !(-MOST_DIGITS..MOST_DIGITS).contains(first) || !groups.iter().all(|group| (0..10_000).contains(group)) {
        return None;
    }
    let group = |place: i16| usize::try_from(first - place).ok().and_then(|at| groups.get(at)).copied().unwrap_or(0);
    let whole: String = (0..=(*first).max(0)).rev().map(|place| format!("{:04}", group(place))).collect();
    let fraction: String = (1..=(scale + 3) / 4).map(|place| format!("{:04}", group(-place))).collect();
    let sign = if *sign == NEGATIVE { "-" } else { "" };
    let point = if *scale > 0 { "." } else { "" };
    Some(format!("{sign}{whole}{point}{}", &fraction[..usize::from(scale.unsigned_abs())]))
}

fn invalid(message: &str) -> pgwire::error::PgWireError {
    to_wire(SqlError::new(ErrorKind::InvalidParameterValue, message))
}

fn moment(text: Option<String>) -> PgWireResult<Parameter> {
    text.map(Parameter::Text).ok_or_else(|| invalid("a parameter is no date or time that can be written"))
}

/// The start of the calendar on the wire.
fn epoch() -> Option<NaiveDateTime> {
    NaiveDate::from_ymd_opt(2000, 1, 1)?.and_hms_opt(0, 0, 0)
}

/// A date, in days since then.
fn date(days: i32) -> Option<String> {
    let date = epoch()?.date().checked_add_signed(TimeDelta::try_days(i64::from(days))?)?;
    Some(date.to_string())
}

/// A time of the day, in microseconds.
fn time(micros: i64) -> Option<String> {
    let time = epoch()?.checked_add_signed(TimeDelta::microseconds(micros))?;
    Some(time.format("%H:%M:%S%.6f").to_string())
}

/// A time, in microseconds since then.
fn timestamp(micros: i64) -> Option<String> {
    let time = epoch()?.checked_add_signed(TimeDelta::microseconds(micros))?;
    Some(time.format("%Y-%m-%d %H:%M:%S%.6f").to_string())
}
