//! What [`JsonPaths`](super::JsonPaths) gives, put together from columns that hold the paths' values as JSON.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StructArray};
use datafusion::arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility};

use super::path::{Form, path_fields, shown};

/// A struct of texts, one field a column.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct ShreddedPaths {
    forms: Vec<Form>,
    signature: Signature,
}

impl ShreddedPaths {
    /// The values are to be shown in these forms.
    pub(crate) fn new(forms: Vec<Form>) -> Self {
        let signature = Signature::exact(vec![DataType::Utf8View; forms.len()], Volatility::Immutable);
        Self { forms, signature }
    }
}

impl ScalarUDFImpl for ShreddedPaths {
    fn name(&self) -> &str {
        "shredded_paths"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(path_fields(self.forms.len())))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let columns = args.args.iter().zip(&self.forms).map(|(values, form)| -> Result<ArrayRef> {
            let values = values.to_array(args.number_rows)?;
            match form {
                Form::Json => Ok(values),
                Form::Text => shown(values.as_string_view()),
            }
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(path_fields(self.forms.len()), columns, None)?)))
    }
}
