//! Values on the wire, as text and in binary.

use std::error::Error;
use std::sync::Arc;

use bytes::{BufMut, BytesMut};
use chrono::NaiveDate;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options};
use datafusion::arrow::datatypes::{
    Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    Schema, Time64MicrosecondType, TimestampMicrosecondType,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use pgwire::api::Type;
use pgwire::api::portal::Format;
use pgwire::api::results::{DataRowEncoder, FieldFormat, FieldInfo};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::data::DataRow;
use pgwire::types::ToSqlText;
use pgwire::types::format::FormatOptions as WireOptions;
use postgres_types::{IsNull, Kind, ToSql};
use tidemill_warehouse::{SqlType, float_text, interval_text, shown_name, time_text, timestamp_text};

/// Days and microseconds from 1970 to 2000, where PostgreSQL counts from.
const EPOCH_DAYS: i32 = 10_957;
const EPOCH_MICROS: i64 = EPOCH_DAYS as i64 * 86_400_000_000;

/// The columns of a result.
pub(crate) fn fields(schema: &Schema, format: &Format) -> Vec<FieldInfo> {
    let field = |(place, field): (usize, &Arc<datafusion::arrow::datatypes::Field>)| {
        let sql_type = SqlType::of(field);
        // Redshift sends these as text whatever the client asks for.
        let text_only = matches!(sql_type, SqlType::Super | SqlType::Varbyte(_));
        let format = if text_only { FieldFormat::Text } else { format.format_for(place) };
        FieldInfo::new(shown_name(field.name()).to_owned(), None, None, wire_type(sql_type), format)
            .with_type_size(sql_type.size())
            .with_type_modifier(sql_type.modifier())
    };
    schema.fields().iter().enumerate().map(field).collect()
}

/// Whether two results look the same to who decodes them.
pub(crate) fn same_types(one: &Schema, other: &Schema) -> bool {
    let types = |schema: &Schema| schema.fields().iter().map(|field| SqlType::of(field).oid()).collect::<Vec<_>>();
    types(one) == types(other)
}

/// The type as the protocol library knows it.
pub(crate) fn wire_type(sql_type: SqlType) -> Type {
    let oid = sql_type.oid();
    let own = || Type::new(sql_type.short_name().into(), oid, Kind::Simple, "pg_catalog".into());
    Type::from_oid(oid).unwrap_or_else(own)
}

/// The type that a client names by one of the protocol library's, but for texts and what does not exist here.
pub(crate) fn sql_type(wire_type: &Type) -> Option<SqlType> {
    Some(match *wire_type {
        Type::BOOL => SqlType::Boolean,
        Type::INT2 => SqlType::SmallInt,
        Type::INT4 => SqlType::Integer,
        Type::INT8 => SqlType::BigInt,
        Type::FLOAT4 => SqlType::Real,
        Type::FLOAT8 => SqlType::Double,
        Type::NUMERIC => SOME_DECIMAL,
        Type::DATE => SqlType::Date,
        Type::TIME => SqlType::Time,
        Type::TIMESTAMP => SqlType::Timestamp,
        Type::TIMESTAMPTZ => SqlType::TimestampTz,
        _ => return None,
    })
}

/// What a DECIMAL is taken for whose digits are not known yet.
const SOME_DECIMAL: SqlType = SqlType::Decimal(18, 6);

/// The rows of a batch, as values of the columns of `schema`. A DECIMAL has the digits that it turns out to have.
pub(crate) fn rows(batch: &RecordBatch, schema: &Schema, fields: &Arc<Vec<FieldInfo>>) -> PgWireResult<Vec<DataRow>> {
    let options = CastOptions { safe: false, ..CastOptions::default() };
    let columns = schema.fields().iter().zip(batch.columns()).map(|(field, values)| {
        let sql_type = match (SqlType::of(field), SqlType::of_arrow(values.data_type())) {
            (SqlType::Decimal(..), given @ SqlType::Decimal(..)) => given,
            (told, _) => told,
        };
        let values = cast_with_options(values, &sql_type.arrow(), &options)
            .map_err(|error| PgWireError::ApiError(Box::new(error)))?;
        Ok((sql_type, values))
    });
    let columns = columns.collect::<PgWireResult<Vec<_>>>()?;
    let mut encoder = DataRowEncoder::new(Arc::clone(fields));
    let mut rows = Vec::with_capacity(batch.num_rows());
    for row in 0..batch.num_rows() {
        for ((sql_type, values), field) in columns.iter().zip(fields.iter()) {
            let value = match field.format() {
                _ if values.is_null(row) => None,
                FieldFormat::Binary => Some(binary(*sql_type, values, row)),
                FieldFormat::Text => Some(text(*sql_type, values, row).into_bytes()),
            };
            encoder.encode_field_with_type_and_format(
                &Encoded(value),
                field.datatype(),
                field.format(),
                &WireOptions::default(),
            )?;
        }
        rows.push(encoder.take_row());
    }
    Ok(rows)
}

/// A value as PostgreSQL prints it. The array must be of the type that [`SqlType::arrow`] tells.
pub fn text(sql_type: SqlType, values: &ArrayRef, row: usize) -> String {
    match sql_type {
        SqlType::Boolean => if values.as_boolean().value(row) { "t" } else { "f" }.to_owned(),
        SqlType::Real => float_text(f64::from(values.as_primitive::<Float32Type>().value(row)), 6),
        SqlType::Double => float_text(values.as_primitive::<Float64Type>().value(row), 15),
        SqlType::Timestamp => timestamp_text(values.as_primitive::<TimestampMicrosecondType>().value(row)),
        SqlType::TimestampTz => {
            format!("{}+00", timestamp_text(values.as_primitive::<TimestampMicrosecondType>().value(row)))
        }
        SqlType::Date => {
            let days = values.as_primitive::<Date32Type>().value(row);
            NaiveDate::from_epoch_days(days).map(|date| date.to_string()).unwrap_or_default()
        }
        SqlType::Varbyte(_) => values.as_binary_view().value(row).iter().map(|byte| format!("{byte:02x}")).collect(),
        SqlType::Char(length) => format!("{:<width$}", values.as_string_view().value(row), width = length as usize),
        SqlType::Varchar(_) | SqlType::Super | SqlType::Name => values.as_string_view().value(row).to_owned(),
        SqlType::Time => time_text(values.as_primitive::<Time64MicrosecondType>().value(row)),
        SqlType::Interval => interval_text(values.as_primitive::<IntervalMonthDayNanoType>().value(row)),
        _ => ArrayFormatter::try_new(values, &FormatOptions::default())
            .map(|format| format.value(row).to_string())
            .unwrap_or_default(),
    }
}

fn binary(sql_type: SqlType, values: &ArrayRef, row: usize) -> Vec<u8> {
    match sql_type {
        SqlType::Boolean => vec![u8::from(values.as_boolean().value(row))],
        SqlType::SmallInt => values.as_primitive::<Int16Type>().value(row).to_be_bytes().to_vec(),
        SqlType::Integer => values.as_primitive::<Int32Type>().value(row).to_be_bytes().to_vec(),
        SqlType::BigInt => values.as_primitive::<Int64Type>().value(row).to_be_bytes().to_vec(),
        SqlType::Oid => (values.as_primitive::<Int64Type>().value(row) as u32).to_be_bytes().to_vec(),
        SqlType::Real => values.as_primitive::<Float32Type>().value(row).to_be_bytes().to_vec(),
        SqlType::Double => values.as_primitive::<Float64Type>().value(row).to_be_bytes().to_vec(),
        SqlType::Decimal(_, scale) => numeric(values.as_primitive::<Decimal128Type>().value(row), scale),
        SqlType::Date => (values.as_primitive::<Date32Type>().value(row) - EPOCH_DAYS).to_be_bytes().to_vec(),
        SqlType::Time => values.as_primitive::<Time64MicrosecondType>().value(row).to_be_bytes().to_vec(),
        SqlType::Timestamp | SqlType::TimestampTz => {
            (values.as_primitive::<TimestampMicrosecondType>().value(row) - EPOCH_MICROS).to_be_bytes().to_vec()
        }
        SqlType::Interval => {
            let interval = values.as_primitive::<IntervalMonthDayNanoType>().value(row);
            let micros = (interval.nanoseconds / 1_000).to_be_bytes();
            [micros.as_slice(), &interval.days.to_be_bytes(), &interval.months.to_be_bytes()].concat()
        }
        other => text(other, values, row).into_bytes(),
    }
}

/// PostgreSQL's binary NUMERIC: digits to the base of 10,000, the weight of the first, sign, scale.
fn numeric(value: i128, scale: i8) -> Vec<u8> {
    let scale = scale.max(0) as u32;
    // Fill the fraction up to whole groups of four digits.
    let padding = (4 - scale % 4) % 4;
    let fraction_groups = (scale + padding) / 4;
    let mut rest = value.unsigned_abs();
    let mut groups: Vec<i16> = Vec::new();
    let mut first = 10_u128.pow(4 - padding);
    let factor = 10_u128.pow(padding);
    while rest > 0 || groups.len() < fraction_groups as usize {
        let group = if groups.is_empty() { (rest % first) * factor } else { rest % first };
        rest /= first;
        first = 10_000;
        groups.push(group as i16);
    }
    let mut weight = groups.len() as i16 - 1 - fraction_groups as i16;
    while groups.last() == Some(&0) {
        groups.pop();
        weight -= 1;
    }
    // Zeros at the end are told by the scale.
    let zeros = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..zeros);
    let mut bytes = BytesMut::new();
    bytes.put_i16(groups.len() as i16);
    bytes.put_i16(if groups.is_empty() { 0 } else { weight });
    bytes.put_u16(if value < 0 { 0x4000 } else { 0 });
    bytes.put_u16(scale as u16);
    groups.iter().rev().for_each(|group| bytes.put_i16(*group));
    bytes.to_vec()
}

/// A value that is in its wire form already.
#[derive(Debug)]
struct Encoded(Option<Vec<u8>>);

impl Encoded {
    fn write(&self, out: &mut BytesMut) -> IsNull {
        match &self.0 {
            Some(bytes) => {
                out.put_slice(bytes);
                IsNull::No
            }
            None => IsNull::Yes,
        }
    }
}

impl ToSql for Encoded {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.write(out))
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.write(out))
    }
}

impl ToSqlText for Encoded {
    fn to_sql_text(
        &self,
        _: &Type,
        out: &mut BytesMut,
        _: &WireOptions,
    ) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        Ok(self.write(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_are_groups_of_four_digits() {
        let groups = |value, scale| {
            numeric(value, scale).chunks(2).map(|pair| i16::from_be_bytes([pair[0], pair[1]])).collect::<Vec<_>>()
        };
        assert_eq!(groups(1_234_567, 2), [3, 1, 0, 2, 1, 2345, 6700]);
        assert_eq!(groups(0, 2), [0, 0, 0, 2]);
        assert_eq!(groups(-5, 2), [1, -1, 0x4000, 2, 500]);
        assert_eq!(groups(10_000, 0), [1, 1, 0, 0, 1]);
    }
}
