//! A scalar function as a row of a table: what it takes, what it returns, how it runs.

use std::hash::{Hash, Hasher};

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

/// A scalar function.
#[derive(Debug, Clone)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) aliases: Vec<String>,
    signature: Signature,
    /// The types that the arguments are converted to, or why they cannot be.
    arguments: fn(&[DataType]) -> Result<Vec<DataType>>,
    /// The type of the result.
    returns: fn(&ReturnFieldArgs<'_>) -> Result<FieldRef>,
    run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
}

impl Function {
    pub(crate) fn new(
        name: &'static str,
        arguments: fn(&[DataType]) -> Result<Vec<DataType>>,
        returns: fn(&ReturnFieldArgs<'_>) -> Result<FieldRef>,
        run: fn(&ScalarFunctionArgs) -> Result<ColumnarValue>,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        Self { name, aliases: Vec::new(), signature, arguments, returns, run }
    }

    /// The same under further names.
    pub(crate) fn also(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|&alias| alias.to_owned()).collect();
        self
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
    }
}

impl ScalarUDFImpl for Function {
    fn name(&self) -> &str {
        self.name
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        datafusion::common::internal_err!("{} tells a field, not a type", self.name)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        (self.returns)(&args)
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        (self.arguments)(arguments)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        (self.run)(&args)
    }
}

/// Runs a kernel over the first argument, an array or one value, and gives back the same kind.
pub(super) fn map_first(
    args: &ScalarFunctionArgs,
    kernel: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match &args.args[0] {
        ColumnarValue::Array(array) => Ok(ColumnarValue::Array(kernel(array)?)),
        ColumnarValue::Scalar(value) => {
            let result = kernel(&value.to_array()?)?;
            Ok(ColumnarValue::Scalar(ScalarValue::try_from_array(&result, 0)?))
        }
    }
}

/// The constant text in argument `place`, if there is one.
pub(super) fn constant_text(args: &ScalarFunctionArgs, place: usize) -> Option<&str> {
    match args.args.get(place)? {
        ColumnarValue::Scalar(value) => value.try_as_str().flatten(),
        ColumnarValue::Array(_) => None,
    }
}

/// The constant truth value in argument `place`; false without one.
pub(super) fn constant_flag(args: &ScalarFunctionArgs, place: usize) -> bool {
    matches!(args.args.get(place), Some(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true)))))
}

/// The error for arguments of the wrong number or types.
pub(super) fn no_match<T>(name: &str, arguments: &[DataType]) -> Result<T> {
    let types: Vec<String> =
        arguments.iter().map(|argument| crate::types::SqlType::of_arrow(argument).to_string()).collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    Err(crate::error::SqlError::new(crate::error::ErrorKind::UndefinedFunction, message).into_engine())
}

/// Whether an argument is text, or null of no type.
pub(super) fn is_text(data_type: &DataType) -> bool {
    data_type.is_string() || data_type.is_null()
}

/// Whether an argument is bytes.
pub(super) fn is_bytes(data_type: &DataType) -> bool {
    data_type.is_binary()
}
