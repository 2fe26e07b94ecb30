//! Wire protocols: JSON 1.1 and the form-and-XML protocol "query".

pub(crate) mod json;
pub(crate) mod query;
