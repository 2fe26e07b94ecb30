//! Redshift's data types, and how each is held in Arrow.
//!
//! Arrow knows fewer types than Redshift, so a field's metadata says which one it is
//! (`varchar(30)`), from the planner to the wire.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, TimeUnit};
use datafusion::sql::sqlparser::ast::{self, ExactNumberInfo, TimezoneInfo};

use crate::error::{ErrorKind, Result, SqlError};

/// The key of a field's metadata that names its SQL type.
const KEY: &str = "redshift.type";
/// VARCHAR(MAX), in bytes.
pub const MAX_VARCHAR: u32 = 65_535;
/// A VARCHAR without a length, in bytes.
const DEFAULT_VARCHAR: u32 = 256;
/// The largest VARBYTE.
pub const MAX_VARBYTE: u32 = 16_777_216;
/// A VARBYTE without a length.
const DEFAULT_VARBYTE: u32 = 64_000;
/// The largest CHAR.
const MAX_CHAR: u32 = 4_096;

/// A Redshift data type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the names are Redshift's")]
pub enum SqlType {
    Boolean,
    SmallInt,
    Integer,
    BigInt,
    Real,
    Double,
    /// Precision and scale.
    Decimal(u8, i8),
    /// Length in bytes.
    Char(u32),
    /// Length in bytes.
    Varchar(u32),
    Date,
    Time,
    Timestamp,
    TimestampTz,
    Interval,
    /// Length in bytes.
    Varbyte(u32),
    Super,
    /// PostgreSQL's catalog types, for system tables.
    Oid,
    Name,
}

impl SqlType {
    /// How values of the type are held.
    pub fn arrow(self) -> DataType {
        match self {
            Self::Boolean => DataType::Boolean,
            Self::SmallInt => DataType::Int16,
            Self::Integer => DataType::Int32,
            Self::BigInt | Self::Oid => DataType::Int64,
            Self::Real => DataType::Float32,
            Self::Double => DataType::Float64,
            Self::Decimal(precision, scale) => DataType::Decimal128(precision, scale),
            Self::Char(_) | Self::Varchar(_) | Self::Super | Self::Name => DataType::Utf8View,
            Self::Date => DataType::Date32,
            Self::Time => DataType::Time64(TimeUnit::Microsecond),
            Self::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            Self::TimestampTz => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            Self::Interval => DataType::Interval(datafusion::arrow::datatypes::IntervalUnit::MonthDayNano),
            Self::Varbyte(_) => DataType::BinaryView,
        }
    }

    /// A nullable field of the type.
    pub fn field(self, name: impl Into<String>) -> Field {
        let field = Field::new(name, self.arrow(), true);
        if self.needs_metadata() { field.with_metadata(self.metadata()) } else { field }
    }

    /// The same, shared.
    pub fn field_ref(self, name: impl Into<String>) -> FieldRef {
        Arc::new(self.field(name))
    }

    /// A field that names the type even where Arrow's type would tell it.
    pub(crate) fn tagged_field(self, name: &str) -> FieldRef {
        Arc::new(Field::new(name, self.arrow(), true).with_metadata(self.metadata()))
    }

    /// Whether values are numbers.
    pub(crate) fn is_numeric(self) -> bool {
        matches!(self, Self::SmallInt | Self::Integer | Self::BigInt | Self::Real | Self::Double | Self::Decimal(..))
    }

    /// The type that a field names, if it names one.
    pub(crate) fn tag_of(field: &Field) -> Option<Self> {
        field.metadata().get(KEY).and_then(|name| Self::parse(name))
    }

    /// The type of a field, by its metadata, else by what Arrow says.
    pub fn of(field: &Field) -> Self {
        Self::tag_of(field)
            .filter(|told| same_storage(&told.arrow(), field.data_type()))
            .unwrap_or_else(|| Self::of_arrow(field.data_type()))
    }

    /// The type that comes nearest to an Arrow type.
    pub fn of_arrow(data_type: &DataType) -> Self {
        match data_type {
            DataType::Boolean => Self::Boolean,
            DataType::Int8 | DataType::Int16 | DataType::UInt8 => Self::SmallInt,
            DataType::Int32 | DataType::UInt16 => Self::Integer,
            DataType::Int64 | DataType::UInt32 | DataType::UInt64 => Self::BigInt,
            DataType::Float16 | DataType::Float32 => Self::Real,
            DataType::Float64 => Self::Double,
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
            | DataType::Decimal256(precision, scale) => Self::Decimal((*precision).min(38), *scale),
            DataType::Date32 | DataType::Date64 => Self::Date,
            DataType::Time32(_) | DataType::Time64(_) => Self::Time,
            DataType::Timestamp(_, None) => Self::Timestamp,
            DataType::Timestamp(_, Some(_)) => Self::TimestampTz,
            DataType::Interval(_) | DataType::Duration(_) => Self::Interval,
            DataType::Binary | DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
                Self::Varbyte(DEFAULT_VARBYTE)
            }
            _ => Self::Varchar(MAX_VARCHAR),
        }
    }

    /// Reads the form that [`fmt::Display`] writes.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, arguments) = match text.split_once('(') {
            Some((name, rest)) => (name, rest.strip_suffix(')')?),
            None => (text, ""),
        };
        let length = || arguments.parse().ok();
        Some(match name {
            "boolean" => Self::Boolean,
            "smallint" => Self::SmallInt,
            "integer" => Self::Integer,
            "bigint" => Self::BigInt,
            "real" => Self::Real,
            "double precision" => Self::Double,
            "numeric" => {
                let (precision, scale) = arguments.split_once(',')?;
                Self::Decimal(precision.parse().ok()?, scale.parse().ok()?)
            }
            "character" => Self::Char(length()?),
            "character varying" => Self::Varchar(length()?),
            "date" => Self::Date,
            "time without time zone" => Self::Time,
            "timestamp without time zone" => Self::Timestamp,
            "timestamp with time zone" => Self::TimestampTz,
            "interval" => Self::Interval,
            "binary varying" => Self::Varbyte(length()?),
            "super" => Self::Super,
            "oid" => Self::Oid,
            "name" => Self::Name,
            _ => return None,
        })
    }

    /// The type that a statement names.
    pub fn from_ast(data_type: &ast::DataType) -> Result<Self> {
        use ast::DataType as Sql;
        Ok(match data_type {
            Sql::Boolean | Sql::Bool => Self::Boolean,
            Sql::SmallInt(_) | Sql::Int2(_) => Self::SmallInt,
            Sql::Int(_) | Sql::Integer(_) | Sql::Int4(_) => Self::Integer,
            Sql::BigInt(_) | Sql::Int8(_) => Self::BigInt,
            Sql::Real | Sql::Float4 => Self::Real,
            Sql::Double(_) | Sql::DoublePrecision | Sql::Float8 | Sql::Float(_) => Self::Double,
            Sql::Numeric(info) | Sql::Decimal(info) | Sql::Dec(info) => decimal(info)?,
            Sql::Char(length) | Sql::Character(length) => {
                Self::Char(char_length(length.as_ref(), 1, MAX_CHAR, "character")?)
            }
            Sql::Varchar(length) | Sql::CharacterVarying(length) | Sql::CharVarying(length) | Sql::Nvarchar(length) => {
                Self::Varchar(char_length(length.as_ref(), DEFAULT_VARCHAR, MAX_VARCHAR, "character varying")?)
            }
            Sql::Text | Sql::String(_) => Self::Varchar(DEFAULT_VARCHAR),
            Sql::Date => Self::Date,
            Sql::Time(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) => Self::Time,
            Sql::Timestamp(_, TimezoneInfo::None | TimezoneInfo::WithoutTimeZone) | Sql::Datetime(_) => Self::Timestamp,
            Sql::Timestamp(_, TimezoneInfo::WithTimeZone | TimezoneInfo::Tz) => Self::TimestampTz,
            Sql::Interval { .. } => Self::Interval,
            Sql::Varbinary(length) => Self::Varbyte(binary_length(length.as_ref(), DEFAULT_VARBYTE)),
            Sql::Bytea => Self::Varbyte(DEFAULT_VARBYTE),
            Sql::Regclass => Self::Oid,
            Sql::Custom(name, arguments) => custom(&name.to_string().to_ascii_lowercase(), arguments)?,
            other => return Err(unknown_type(&other.to_string())),
        })
    }

    /// DuckLake's name of the type.
    pub fn ducklake(self) -> String {
        match self {
            Self::Boolean => "boolean".into(),
            Self::SmallInt => "int16".into(),
            Self::Integer => "int32".into(),
            Self::BigInt | Self::Oid => "int64".into(),
            Self::Real => "float32".into(),
            Self::Double => "float64".into(),
            Self::Decimal(precision, scale) => format!("decimal({precision},{scale})"),
            Self::Char(_) | Self::Varchar(_) | Self::Name => "varchar".into(),
            Self::Date => "date".into(),
            Self::Time => "time".into(),
            Self::Timestamp => "timestamp".into(),
            Self::TimestampTz => "timestamptz".into(),
            Self::Interval => "interval".into(),
            Self::Varbyte(_) => "blob".into(),
            Self::Super => "json".into(),
        }
    }

    /// The type's number on the wire (Redshift's for SUPER and VARBYTE).
    pub fn oid(self) -> u32 {
        match self {
            Self::Boolean => 16,
            Self::SmallInt => 21,
            Self::Integer => 23,
            Self::BigInt => 20,
            Self::Real => 700,
            Self::Double => 701,
            Self::Decimal(..) => 1700,
            Self::Char(_) => 1042,
            Self::Varchar(_) => 1043,
            Self::Date => 1082,
            Self::Time => 1083,
            Self::Timestamp => 1114,
            Self::TimestampTz => 1184,
            Self::Interval => 1186,
            Self::Varbyte(_) => 6551,
            Self::Super => 4000,
            Self::Oid => 26,
            Self::Name => 19,
        }
    }

    /// The type's modifier on the wire: its length or precision and scale, −1 for none.
    pub fn modifier(self) -> i32 {
        match self {
            Self::Decimal(precision, scale) => ((i32::from(precision) << 16) | i32::from(scale)) + 4,
            Self::Char(length) | Self::Varchar(length) | Self::Varbyte(length) => length as i32 + 4,
            _ => -1,
        }
    }

    /// Bytes of a value on the wire in binary form, −1 where they vary.
    pub fn size(self) -> i16 {
        match self {
            Self::Boolean => 1,
            Self::SmallInt => 2,
            Self::Integer | Self::Real | Self::Date | Self::Oid => 4,
            Self::BigInt | Self::Double | Self::Time | Self::Timestamp | Self::TimestampTz => 8,
            Self::Interval => 16,
            Self::Name => 64,
            _ => -1,
        }
    }

    /// Reads back what [`Self::oid`] and [`Self::modifier`] tell.
    pub fn of_oid(oid: u32, modifier: i32) -> Option<Self> {
        let length = u32::try_from(modifier - 4).ok().filter(|_| modifier >= 4);
        Some(match oid {
            16 => Self::Boolean,
            21 => Self::SmallInt,
            23 => Self::Integer,
            20 => Self::BigInt,
            700 => Self::Real,
            701 => Self::Double,
            1700 => match length {
                Some(packed) => Self::Decimal((packed >> 16) as u8, (packed & 0xffff) as i8),
                None => Self::Decimal(38, 0),
            },
            1042 => Self::Char(length.unwrap_or(1)),
            25 | 705 | 1043 => Self::Varchar(length.unwrap_or(MAX_VARCHAR)),
            1082 => Self::Date,
            1083 => Self::Time,
            1114 => Self::Timestamp,
            1184 => Self::TimestampTz,
            1186 => Self::Interval,
            6551 | 17 => Self::Varbyte(length.unwrap_or(MAX_VARBYTE)),
            4000 => Self::Super,
            26 => Self::Oid,
            19 => Self::Name,
            _ => return None,
        })
    }

    /// PostgreSQL's internal name of the type, which names a cast's column.
    pub fn short_name(self) -> &'static str {
        match self {
            Self::Boolean => "bool",
            Self::SmallInt => "int2",
            Self::Integer => "int4",
            Self::BigInt => "int8",
            Self::Real => "float4",
            Self::Double => "float8",
            Self::Decimal(..) => "numeric",
            Self::Char(_) => "bpchar",
            Self::Varchar(_) => "varchar",
            Self::Date => "date",
            Self::Time => "time",
            Self::Timestamp => "timestamp",
            Self::TimestampTz => "timestamptz",
            Self::Interval => "interval",
            Self::Varbyte(_) => "varbyte",
            Self::Super => "super",
            Self::Oid => "oid",
            Self::Name => "name",
        }
    }

    /// Whether Arrow's type alone does not tell it.
    fn needs_metadata(self) -> bool {
        Self::of_arrow(&self.arrow()) != self
    }

    fn metadata(self) -> HashMap<String, String> {
        HashMap::from([(KEY.to_owned(), self.to_string())])
    }
}

impl fmt::Display for SqlType {
    /// The name that `format_type` shows.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean => f.write_str("boolean"),
            Self::SmallInt => f.write_str("smallint"),
            Self::Integer => f.write_str("integer"),
            Self::BigInt => f.write_str("bigint"),
            Self::Real => f.write_str("real"),
            Self::Double => f.write_str("double precision"),
            Self::Decimal(precision, scale) => write!(f, "numeric({precision},{scale})"),
            Self::Char(length) => write!(f, "character({length})"),
            Self::Varchar(length) => write!(f, "character varying({length})"),
            Self::Date => f.write_str("date"),
            Self::Time => f.write_str("time without time zone"),
            Self::Timestamp => f.write_str("timestamp without time zone"),
            Self::TimestampTz => f.write_str("timestamp with time zone"),
            Self::Interval => f.write_str("interval"),
            Self::Varbyte(length) => write!(f, "binary varying({length})"),
            Self::Super => f.write_str("super"),
            Self::Oid => f.write_str("oid"),
            Self::Name => f.write_str("name"),
        }
    }
}

/// The type that values of several types become, if it is none that the engine would choose.
pub(crate) fn common_type(types: impl IntoIterator<Item = SqlType>) -> Option<SqlType> {
    let (mut has_float, mut has_decimal, mut has_date, mut moment) = (false, false, false, None);
    for sql_type in types {
        match sql_type {
            SqlType::Real | SqlType::Double => has_float = true,
            SqlType::Decimal(..) => has_decimal = true,
            SqlType::Date => has_date = true,
            SqlType::TimestampTz => moment = Some(SqlType::TimestampTz),
            SqlType::Timestamp => moment = moment.or(Some(SqlType::Timestamp)),
            _ => {}
        }
    }
    match (has_float && has_decimal, moment.filter(|_| has_date)) {
        (true, _) => Some(SqlType::Double),
        (false, moment) => moment,
    }
}

/// Whether both hold the same kind of values, text and bytes in any layout.
fn same_storage(left: &DataType, right: &DataType) -> bool {
    left == right || left.is_string() && right.is_string() || left.is_binary() && right.is_binary()
}

fn decimal(info: &ExactNumberInfo) -> Result<SqlType> {
    let (precision, scale) = match info {
        ExactNumberInfo::None => (18, 0),
        ExactNumberInfo::Precision(precision) => (*precision, 0),
        ExactNumberInfo::PrecisionAndScale(precision, scale) => (*precision, *scale),
    };
    if !(1..=38).contains(&precision) {
        let message = format!("DECIMAL precision {precision} must be between 1 and 38");
        return Err(SqlError::new(ErrorKind::InvalidParameterValue, message));
    }
    if !(0..=precision as i64).contains(&scale) {
        let message = format!("DECIMAL scale {scale} must be between 0 and precision {precision}");
        return Err(SqlError::new(ErrorKind::InvalidParameterValue, message));
    }
    Ok(SqlType::Decimal(precision as u8, scale as i8))
}

fn char_length(length: Option<&ast::CharacterLength>, default: u32, longest: u32, name: &str) -> Result<u32> {
    let length = match length {
        None => return Ok(default),
        Some(ast::CharacterLength::Max) => return Ok(longest),
        Some(ast::CharacterLength::IntegerLength { length, .. }) => *length,
    };
    match u32::try_from(length) {
        Ok(length) if (1..=longest).contains(&length) => Ok(length),
        _ => Err(SqlError::new(
            ErrorKind::InvalidParameterValue,
            format!("length for type {name} must be between 1 and {longest}"),
        )),
    }
}

fn binary_length(length: Option<&ast::BinaryLength>, default: u32) -> u32 {
    match length {
        Some(ast::BinaryLength::IntegerLength { length }) => (*length).min(u64::from(MAX_VARBYTE)) as u32,
        Some(ast::BinaryLength::Max) => MAX_VARBYTE,
        None => default,
    }
}

/// Type names that the parser has no word for.
fn custom(name: &str, arguments: &[String]) -> Result<SqlType> {
    let length = arguments.first().and_then(|length| length.parse().ok());
    Ok(match name {
        "super" => SqlType::Super,
        "varbyte" => SqlType::Varbyte(length.unwrap_or(DEFAULT_VARBYTE).min(MAX_VARBYTE)),
        "bpchar" => SqlType::Char(length.unwrap_or(256).min(MAX_CHAR)),
        "timestamptz" => SqlType::TimestampTz,
        "oid" | "pg_catalog.oid" | "regclass" | "pg_catalog.regclass" | "regtype" | "pg_catalog.regtype" => {
            SqlType::Oid
        }
        "name" => SqlType::Name,
        "pg_catalog.text" | "pg_catalog.varchar" | "\"char\"" | "char" | "pg_catalog.char" | "pg_catalog.\"char\"" => {
            SqlType::Varchar(DEFAULT_VARCHAR)
        }
        "pg_catalog.int4" => SqlType::Integer,
        "pg_catalog.int8" => SqlType::BigInt,
        "pg_catalog.bool" => SqlType::Boolean,
        other => return Err(unknown_type(other)),
    })
}

fn unknown_type(name: &str) -> SqlError {
    SqlError::new(ErrorKind::UndefinedObject, format!("type \"{name}\" does not exist"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_survives_the_trip_through_a_field() {
        for sql_type in [
            SqlType::Char(36),
            SqlType::Varchar(30),
            SqlType::Decimal(10, 2),
            SqlType::Super,
            SqlType::Varbyte(9),
            SqlType::Timestamp,
            SqlType::TimestampTz,
            SqlType::BigInt,
            SqlType::Oid,
        ] {
            assert_eq!(SqlType::of(&sql_type.field("x")), sql_type);
            assert_eq!(SqlType::parse(&sql_type.to_string()), Some(sql_type));
        }
    }
}
