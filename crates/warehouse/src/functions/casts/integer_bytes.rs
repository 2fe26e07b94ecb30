//! Casts between integers and VARBYTE: as many bytes as the integer has, the highest first.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, BinaryViewArray, Int64Array};
use datafusion::arrow::datatypes::{DataType, Int16Type, Int32Type, Int64Type};
use datafusion::common::Result;

use super::cast::{cast, convert};
use crate::error::{ErrorKind, SqlError};
use crate::types::SqlType;

pub(crate) fn to_bytes(values: &ArrayRef, from: SqlType) -> Result<ArrayRef> {
    let values = convert(values, &from.arrow())?;
    let bytes: BinaryViewArray = match values.data_type() {
        DataType::Int16 => values.as_primitive::<Int16Type>().iter().map(|value| value.map(i16::to_be_bytes)).collect(),
        DataType::Int32 => values.as_primitive::<Int32Type>().iter().map(|value| value.map(i32::to_be_bytes)).collect(),
        _ => values.as_primitive::<Int64Type>().iter().map(|value| value.map(i64::to_be_bytes)).collect(),
    };
    Ok(Arc::new(bytes))
}

pub(crate) fn from_bytes(values: &BinaryViewArray, to: SqlType) -> Result<ArrayRef> {
    let integers = values.iter().map(|bytes| bytes.map(|bytes| integer(bytes, to)).transpose());
    let integers: ArrayRef = Arc::new(integers.collect::<Result<Int64Array, SqlError>>()?);
    cast(&integers, SqlType::BigInt, to)
}

fn integer(bytes: &[u8], to: SqlType) -> Result<i64, SqlError> {
    let size = usize::try_from(to.size()).unwrap_or(size_of::<i64>());
    if bytes.len() != size {
        let message = format!("cannot cast VARBYTE of {} bytes to {to}, which has {size}", bytes.len());
        return Err(SqlError::new(ErrorKind::InvalidTextRepresentation, message));
    }
    // The sign is in the first byte.
    let sign = if bytes[0] >= 0x80 { -1 } else { 0 };
    Ok(bytes.iter().fold(sign, |value, byte| value << 8 | i64::from(*byte)))
}
