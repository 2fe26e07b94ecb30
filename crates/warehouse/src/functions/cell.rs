//! What functions give back.

use std::sync::Arc;

use datafusion::arrow::array::{
    Array, ArrayRef, BinaryViewArray, BooleanArray, Date32Array, Float64Array, Int32Array, Int64Array, StringViewArray,
    TimestampMicrosecondArray,
};
use datafusion::common::Result;

use crate::types::{MAX_VARBYTE, MAX_VARCHAR, SqlType};

/// A value that a function gives back.
pub(super) trait Cell: Sized {
    const TYPE: SqlType;
    /// What it is kept as, and many of it.
    type Kept;
    type Array: Array + FromIterator<Option<Self::Kept>> + 'static;

    fn kept(self) -> Self::Kept;

    fn collect(values: impl Iterator<Item = Result<Option<Self>>>) -> Result<ArrayRef> {
        let kept = values.map(|value| Ok(value?.map(Self::kept)));
        Ok(Arc::new(kept.collect::<Result<Self::Array>>()?))
    }
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
    type Kept = Self;
    type Array = StringViewArray;

    fn kept(self) -> Self {
        self
    }
}

impl Cell for Json {
    const TYPE: SqlType = SqlType::Super;
    type Kept = String;
    type Array = StringViewArray;

    fn kept(self) -> String {
        self.0
    }
}

impl Cell for Vec<u8> {
    const TYPE: SqlType = SqlType::Varbyte(MAX_VARBYTE);
    type Kept = Self;
    type Array = BinaryViewArray;

    fn kept(self) -> Self {
        self
    }
}

impl Cell for bool {
    const TYPE: SqlType = SqlType::Boolean;
    type Kept = Self;
    type Array = BooleanArray;

    fn kept(self) -> Self {
        self
    }
}

impl Cell for i32 {
    const TYPE: SqlType = SqlType::Integer;
    type Kept = Self;
    type Array = Int32Array;

    fn kept(self) -> Self {
        self
    }
}

impl Cell for i64 {
    const TYPE: SqlType = SqlType::BigInt;
    type Kept = Self;
    type Array = Int64Array;

    fn kept(self) -> Self {
        self
    }
}

impl Cell for f64 {
    const TYPE: SqlType = SqlType::Double;
    type Kept = Self;
    type Array = Float64Array;

    fn kept(self) -> Self {
        self
    }
}

impl Cell for Moment {
    const TYPE: SqlType = SqlType::Timestamp;
    type Kept = i64;
    type Array = TimestampMicrosecondArray;

    fn kept(self) -> i64 {
        self.0
    }
}

impl Cell for Day {
    const TYPE: SqlType = SqlType::Date;
    type Kept = i32;
    type Array = Date32Array;

    fn kept(self) -> i32 {
        self.0
    }
}
