//! SUPER: compact JSON text, navigated on demand.

use datafusion::arrow::array::AsArray;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::prelude::lit;

use crate::functions::json::path::{Form, JsonPath, extract};
use crate::types::SqlType;

/// One step into a document.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Step {
    /// An attribute of an object.
    Key(String),
    /// An element of an array, from 0.
    Index(usize),
}

impl Step {
    /// Reads a step back from the argument that [`navigate`] made of it.
    pub(crate) fn of(value: &ScalarValue) -> Option<Self> {
        match value {
            ScalarValue::Int64(Some(index)) => usize::try_from(*index).ok().map(Self::Index),
            value => value.try_as_str().flatten().map(|key| Self::Key(key.to_owned())),
        }
    }
}

/// `value` navigated by `step`, missing attributes giving NULL (Redshift: `navigate_super_null_on_error`).
pub(crate) fn navigate(value: Expr, step: Step) -> Expr {
    let step = match step {
        Step::Key(key) => lit(key),
        Step::Index(index) => lit(index as i64),
    };
    ScalarUDF::from(SuperGet::new()).call(vec![value, step])
}

/// The name by which the optimizer finds navigation.
pub(crate) const SUPER_GET: &str = "super_get";

/// One step of navigation.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct SuperGet {
    signature: Signature,
}

impl SuperGet {
    fn new() -> Self {
        Self { signature: Signature::any(2, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for SuperGet {
    fn name(&self) -> &str {
        SUPER_GET
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(SqlType::Super.arrow())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(SqlType::Super.field_ref(SUPER_GET))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let ColumnarValue::Scalar(step) = &args.args[1] else {
            return datafusion::common::exec_err!("a SUPER value is navigated by constants only");
        };
        let Some(step) = Step::of(step) else {
            return Ok(ColumnarValue::Scalar(ScalarValue::Utf8View(None)));
        };
        let path = JsonPath { steps: vec![step], form: Form::Json };
        let json = args.args[0].to_array(args.number_rows)?;
        let json = datafusion::arrow::compute::cast(&json, &DataType::Utf8View)?;
        let columns = extract(json.as_string_view(), &[path], true)?;
        columns
            .into_iter()
            .next()
            .map(ColumnarValue::Array)
            .map_or_else(|| datafusion::common::internal_err!("one path gives one column"), Ok)
    }
}
