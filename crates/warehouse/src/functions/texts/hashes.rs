//! Hashes: of texts (CRC32, FARMFINGERPRINT64, SHA1, SHA2; the engine has MD5), and of what any value is kept as (FNV_HASH,
//! MURMUR3_32_HASH).

use std::io::Cursor;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, BinaryViewArray, Int64Array};
use datafusion::arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float64Type, Int64Type, Time64MicrosecondType, TimestampMicrosecondType,
};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use tidemill_clock::hex;

use crate::functions::casts::cast::{cast, convert};
use crate::functions::dates::part::DAY;
use crate::functions::function::{Function, map_first, no_match};
use crate::functions::row::Kind::{Bytes, Text, Whole};
use crate::functions::row::by_row;
use crate::types::SqlType;

pub(crate) fn functions() -> Vec<Function> {
    vec![
        by_row("crc32", &[Text], &[], |row| Ok(Some(format!("{:08x}", crc32c::crc32c(row.text(0).as_bytes()))))),
        by_row("farmfingerprint64", &[Bytes], &[], |row| Ok(Some(farmhash::fingerprint64(row.bytes(0)).cast_signed()))),
        by_row("sha1", &[Text], &[], |row| Ok(Some(hex(&Sha1::digest(row.text(0)))))).also(&["sha", "func_sha1"]),
        by_row("sha2", &[Text, Whole], &[], |row| Ok(Some(sha2(row.text(0), row.whole(1))))),
        of_any("fnv_hash", SqlType::BigInt, |args| hash_all(args, SqlType::BigInt, stored, fnv)),
        of_any("murmur3_32_hash", SqlType::Integer, |args| hash_all(args, SqlType::Integer, iceberg, murmur)),
    ]
}

/// Redshift: empty for a number of bits that there is not.
fn sha2(text: &str, bits: i64) -> String {
    match bits {
        0 | 256 => hex(&Sha256::digest(text)),
        224 => hex(&Sha224::digest(text)),
        384 => hex(&Sha384::digest(text)),
        512 => hex(&Sha512::digest(text)),
        _ => String::new(),
    }
}

/// A function of a value of any type and, if it is told, the hash to go on from.
fn of_any(name: &'static str, result: SqlType, run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>) -> Function {
    let arguments = move |types: &[DataType]| match types {
        [value] => Ok(vec![value.clone()]),
        [value, seed] if seed.is_integer() || seed.is_null() => Ok(vec![value.clone(), DataType::Int64]),
        types => no_match(name, types),
    };
    Function::new(name, arguments, move |_| Ok(result.field_ref(name)), run).of_super().by_type()
}

fn hash_all(
    args: &ScalarFunctionArgs,
    result: SqlType,
    bytes: fn(&ArrayRef, SqlType) -> Result<BinaryViewArray>,
    hash: fn(&[u8], Option<i64>) -> i64,
) -> Result<ColumnarValue> {
    let from = SqlType::of(&args.arg_fields[0]);
    let hashed = |values: &ArrayRef, seeds: Option<&Int64Array>| {
        // The engine has more than one type for some.
        let bytes = bytes(&convert(values, &from.arrow())?, from)?;
        let hashes = (0..bytes.len()).map(|row| match seeds {
            _ if bytes.is_null(row) => None,
            None => Some(hash(bytes.value(row), None)),
            Some(seeds) => seeds.is_valid(row).then(|| hash(bytes.value(row), Some(seeds.value(row)))),
        });
        let hashes: ArrayRef = Arc::new(hashes.collect::<Int64Array>());
        cast(&hashes, SqlType::BigInt, result)
    };
    match args.args.get(1) {
        None => map_first(args, |values| hashed(values, None)),
        Some(seeds) => {
            let (values, seeds) = (args.args[0].to_array(args.number_rows)?, seeds.to_array(args.number_rows)?);
            Ok(ColumnarValue::Array(hashed(&values, Some(seeds.as_primitive()))?))
        }
    }
}

/// Values as Redshift keeps them: dates and times are counted from the year 2000.
fn stored(values: &ArrayRef, from: SqlType) -> Result<BinaryViewArray> {
    const EPOCH: i64 = 10_957;
    let whole = |bytes: usize| {
        let whole = cast(values, from, SqlType::BigInt)?;
        Ok(of_whole(whole.as_primitive::<Int64Type>(), bytes))
    };
    match from {
        SqlType::SmallInt => whole(2),
        SqlType::Integer => whole(4),
        SqlType::Real => {
            let floats = cast(values, from, SqlType::Double)?;
            let floats = floats.as_primitive::<Float64Type>().iter();
            Ok(floats.map(|value| value.map(|value| (value as f32).to_le_bytes())).collect())
        }
        SqlType::Decimal(precision, _) => {
            let bytes = if precision <= 19 { 8 } else { 16 };
            let decimals = values.as_primitive::<Decimal128Type>().iter();
            Ok(decimals.map(|value| value.map(|value| value.to_le_bytes()[..bytes].to_vec())).collect())
        }
        SqlType::Date => {
            let days = values.as_primitive::<Date32Type>().iter();
            Ok(days.map(|day| day.map(|day| (day - EPOCH as i32).to_le_bytes())).collect())
        }
        SqlType::Timestamp | SqlType::TimestampTz => {
            let moments = values.as_primitive::<TimestampMicrosecondType>().iter();
            Ok(moments.map(|moment| moment.map(|moment| (moment - EPOCH * DAY).to_le_bytes())).collect())
        }
        other => alike(values, other),
    }
}

/// Values as Iceberg's specification has them hashed: integers of all sizes alike.
fn iceberg(values: &ArrayRef, from: SqlType) -> Result<BinaryViewArray> {
    match from {
        SqlType::SmallInt | SqlType::Integer => {
            let whole = cast(values, from, SqlType::BigInt)?;
            Ok(of_whole(whole.as_primitive::<Int64Type>(), 8))
        }
        SqlType::Boolean => {
            let flags = values.as_boolean().iter();
            Ok(flags.map(|flag| flag.map(|flag| i32::from(flag).to_le_bytes())).collect())
        }
        SqlType::Real => alike(&cast(values, from, SqlType::Double)?, SqlType::Double),
        SqlType::Decimal(..) => {
            let decimals = values.as_primitive::<Decimal128Type>().iter();
            Ok(decimals.map(|value| value.map(shortest)).collect())
        }
        SqlType::Date => {
            let days = values.as_primitive::<Date32Type>().iter();
            Ok(days.map(|day| day.map(|day| i64::from(day).to_le_bytes())).collect())
        }
        SqlType::Timestamp | SqlType::TimestampTz => {
            let moments = values.as_primitive::<TimestampMicrosecondType>().iter();
            Ok(moments.map(|moment| moment.map(i64::to_le_bytes)).collect())
        }
        other => alike(values, other),
    }
}

/// Values that both have alike.
fn alike(values: &ArrayRef, from: SqlType) -> Result<BinaryViewArray> {
    match from {
        SqlType::Boolean => Ok(values.as_boolean().iter().map(|flag| flag.map(|flag| [u8::from(flag)])).collect()),
        SqlType::BigInt => Ok(of_whole(values.as_primitive::<Int64Type>(), 8)),
        SqlType::Double => {
            let floats = values.as_primitive::<Float64Type>().iter();
            Ok(floats.map(|value| value.map(f64::to_le_bytes)).collect())
        }
        SqlType::Time => {
            let times = values.as_primitive::<Time64MicrosecondType>().iter();
            Ok(times.map(|time| time.map(i64::to_le_bytes)).collect())
        }
        SqlType::Varbyte(_) => Ok(cast(values, from, from)?.as_binary_view().clone()),
        _ => {
            let text = cast(values, from, SqlType::Varchar(u32::MAX))?;
            Ok(text.as_string_view().clone().to_binary_view())
        }
    }
}

/// The first bytes of integers.
fn of_whole(values: &Int64Array, bytes: usize) -> BinaryViewArray {
    values.iter().map(|value| value.map(|value| value.to_le_bytes()[..bytes].to_vec())).collect()
}

/// The fewest bytes of an integer, the highest one first.
fn shortest(value: i128) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let is_needless = |at: usize| {
        let sign = bytes[at + 1] >> 7;
        sign == 0 && bytes[at] == 0 || sign == 1 && bytes[at] == u8::MAX
    };
    let start = (0..bytes.len() - 1).find(|at| !is_needless(*at)).unwrap_or(bytes.len() - 1);
    bytes[start..].to_vec()
}

/// FNV-1a of 64 bits.
fn fnv(bytes: &[u8], seed: Option<i64>) -> i64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let start = seed.map_or(OFFSET, i64::cast_unsigned);
    bytes.iter().fold(start, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(PRIME)).cast_signed()
}

fn murmur(bytes: &[u8], seed: Option<i64>) -> i64 {
    // Reading from memory does not fail.
    let hash = murmur3::murmur3_32(&mut Cursor::new(bytes), seed.unwrap_or(0) as u32).unwrap_or_default();
    i64::from(hash.cast_signed())
}
