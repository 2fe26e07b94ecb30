//! What [`JsonPaths`](super::path::JsonPaths) gives, put together from columns that hold the paths' values.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StructArray};
use datafusion::arrow::datatypes::{DataType, Int64Type};
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::path::{Form, path_fields, shown};
use super::spelling::Spelling;

/// The values of one path from a column that holds them as JSON, or as integers that are numbers spelled in one way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ShreddedPath {
    form: Form,
    spelling: Option<Spelling>,
    signature: Signature,
}

impl ShreddedPath {
    pub(crate) fn new(form: Form, spelling: Option<Spelling>) -> Self {
        Self { form, spelling, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ShreddedPath {
    fn name(&self) -> &str {
        "shredded_path"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.form.sql_type().arrow())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let values = args.args[0].to_array(args.number_rows)?;
        let shown = match self.spelling {
            None => shown(values.as_string_view(), self.form),
            Some(spelling) => spelling.shown(values.as_primitive::<Int64Type>(), self.form),
        };
        Ok(ColumnarValue::Array(shown?))
    }
}

/// A struct of the values of several paths.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ShreddedPaths {
    signature: Signature,
}

impl ShreddedPaths {
    pub(crate) fn new(paths: usize) -> Self {
        Self { signature: Signature::any(paths, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for ShreddedPaths {
    fn name(&self) -> &str {
        "shredded_paths"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(path_fields(arguments.iter().cloned())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns =
            args.args.iter().map(|values| values.to_array(args.number_rows)).collect::<Result<Vec<ArrayRef>>>()?;
        let fields = path_fields(columns.iter().map(|values| values.data_type().clone()));
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(fields, columns, None)?)))
    }
}
