//! What functions give back.

use std::sync::Arc;

use datafusion::arrow::array::{
    ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray,
};
use datafusion::common::Result;

use crate::types::{MAX_VARBYTE, MAX_VARCHAR, SqlType};

/// A value that a function gives back.
pub(super) trait Cell: Sized {
    const TYPE: SqlType;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef>;
}

/// A TIMESTAMP, in microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) i64);

/// A DATE, in days since the epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Day(pub(super) i32);

/// A SUPER value.
#[derive(Debug)]
pub(super) struct Json(pub(super) String);

impl Cell for String {
    const TYPE: SqlType = SqlType::Varchar(MAX_VARCHAR);

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<StringViewArray>>()?))
    }
}

impl Cell for Json {
    const TYPE: SqlType = SqlType::Super;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        String::collect(values.map(|value| Ok(value?.map(|json| json.0))))
    }
}

impl Cell for Vec<u8> {
    const TYPE: SqlType = SqlType::Varbyte(MAX_VARBYTE);

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<BinaryViewArray>>()?))
    }
}

impl Cell for bool {
    const TYPE: SqlType = SqlType::Boolean;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<BooleanArray>>()?))
    }
}

impl Cell for i32 {
    const TYPE: SqlType = SqlType::Integer;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<Int32Array>>()?))
    }
}

impl Cell for i64 {
    const TYPE: SqlType = SqlType::BigInt;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<Int64Array>>()?))
    }
}

impl Cell for f64 {
    const TYPE: SqlType = SqlType::Double;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        Ok(Arc::new(values.collect::<Result<Float64Array>>()?))
    }
}

impl Cell for Moment {
    const TYPE: SqlType = SqlType::Timestamp;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let values = values.map(|value| Ok(value?.map(|moment| moment.0)));
        Ok(Arc::new(values.collect::<Result<TimestampMicrosecondArray>>()?))
    }
}

impl Cell for Day {
    const TYPE: SqlType = SqlType::Date;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let values = values.map(|value| Ok(value?.map(|day| day.0)));
        Ok(Arc::new(values.collect::<Result<Date32Array>>()?))
    }
}
