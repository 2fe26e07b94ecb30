//! A scalar function as a row of a table: what it takes, what it returns, how it runs.

use std::borrow::Cow;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::arrow::array::ArrayRef;
use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use super::casts::cast::cast;
use crate::error::{ErrorKind, SqlError};
use crate::types::SqlType;

/// The types that arguments are converted to, or why they cannot be.
type Arguments = dyn Fn(&[DataType]) -> Result<Vec<DataType>> + Send + Sync;
/// The type of the result.
type Returns = dyn Fn(&ReturnFieldArgs<'_>) -> Result<FieldRef> + Send + Sync;
type Run = dyn Fn(&ScalarFunctionArgs) -> Result<ColumnarValue> + Send + Sync;

/// A scalar function.
#[derive(Clone)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    aliases: Vec<String>,
    signature: Signature,
    takes_super: bool,
    asks_for_types: bool,
    /// The types of its arguments, where they are more than Arrow's and might be forgotten.
    pinned: Option<Vec<SqlType>>,
    arguments: Arc<Arguments>,
    returns: Arc<Returns>,
    run: Arc<Run>,
}

impl Function {
    pub(crate) fn new(
        name: &'static str,
        arguments: impl Fn(&[DataType]) -> Result<Vec<DataType>> + Send + Sync + 'static,
        returns: impl Fn(&ReturnFieldArgs<'_>) -> Result<FieldRef> + Send + Sync + 'static,
        run: impl Fn(&ScalarFunctionArgs) -> Result<ColumnarValue> + Send + Sync + 'static,
    ) -> Self {
        let signature = Signature::user_defined(Volatility::Immutable);
        let (arguments, returns, run) = (Arc::new(arguments), Arc::new(returns), Arc::new(run));
        Self {
            name,
            aliases: Vec::new(),
            signature,
            takes_super: false,
            asks_for_types: false,
            pinned: None,
            arguments,
            returns,
            run,
        }
    }

    /// The same under further names.
    pub(crate) fn also(mut self, aliases: &[&str]) -> Self {
        self.aliases = aliases.iter().map(|&alias| alias.to_owned()).collect();
        self
    }

    /// The same, and `other` for arguments that only that one takes.
    pub(super) fn or(self, other: Self) -> Self {
        let both = [self.clone(), other];
        let taker = move |types: &[DataType]| {
            let taker = both.iter().find(|function| (function.arguments)(types).is_ok());
            taker.unwrap_or(&both[0]).clone()
        };
        let types = |fields: &[FieldRef]| fields.iter().map(|field| field.data_type().clone()).collect::<Vec<_>>();
        let (arguments, returns, run) = (taker.clone(), taker.clone(), taker);
        Self {
            arguments: Arc::new(move |given: &[DataType]| (arguments(given).arguments)(given)),
            returns: Arc::new(move |args: &ReturnFieldArgs<'_>| (returns(&types(args.arg_fields)).returns)(args)),
            run: Arc::new(move |args: &ScalarFunctionArgs| (run(&types(&args.arg_fields)).run)(args)),
            ..self
        }
    }

    /// The same for SUPER values as they are kept, as JSON. Other functions get what they say.
    pub(super) fn of_super(mut self) -> Self {
        self.takes_super = true;
        self
    }

    /// The same for a function to which its arguments' types are more than Arrow's.
    pub(super) fn by_type(mut self) -> Self {
        self.asks_for_types = true;
        self
    }

    /// The same with a SUPER result where an argument is SUPER (Redshift: the static type stays SUPER).
    pub(super) fn dynamic(self) -> Self {
        self.returning(|arguments| arguments.contains(&SqlType::Super).then_some(SqlType::Super))
    }

    /// The same with its results converted to the type that is `told` for the types of its arguments, if one is.
    pub(super) fn returning(mut self, told: fn(&[SqlType]) -> Option<SqlType>) -> Self {
        let (name, returns, run) = (self.name, self.returns, self.run);
        let told = move |fields: &[FieldRef]| {
            let arguments: Vec<SqlType> = fields.iter().map(|field| SqlType::of(field)).collect();
            told(&arguments)
        };
        self.returns = Arc::new(move |args: &ReturnFieldArgs<'_>| match told(args.arg_fields) {
            Some(to) => Ok(to.field_ref(name)),
            None => returns(args),
        });
        self.run = Arc::new(move |args: &ScalarFunctionArgs| match told(&args.arg_fields) {
            Some(to) => map_value(&run(args)?, |values| cast(values, SqlType::of_arrow(values.data_type()), to)),
            None => run(args),
        });
        self
    }
}

/// Whether a function takes SUPER values as they are kept.
pub(crate) fn takes_super(function: &ScalarUDF) -> bool {
    function.inner().downcast_ref::<Function>().is_some_and(|function| function.takes_super)
}

/// The same function for arguments of these types, whatever the fields that it is given say; none if it does not ask for them.
/// Where a file is read, fields have no metadata.
pub(super) fn pinned(function: &ScalarUDF, types: impl Fn() -> Option<Vec<SqlType>>) -> Option<ScalarUDF> {
    let function = function.inner().downcast_ref::<Function>().filter(|function| function.asks_for_types)?;
    Some(ScalarUDF::from(Function { pinned: Some(types()?), ..function.clone() }))
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Function").field(&self.name).finish()
    }
}

impl Function {
    /// The fields of its arguments, as they were when they were known.
    fn known<'f>(&self, fields: &'f [FieldRef]) -> Cow<'f, [FieldRef]> {
        let Some(types) = &self.pinned else { return Cow::Borrowed(fields) };
        let known = fields.iter().zip(types).map(|(field, sql_type)| {
            let known = sql_type.field(field.name()).with_data_type(field.data_type().clone());
            Arc::new(known)
        });
        known.collect()
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.pinned == other.pinned
    }
}

impl Eq for Function {}

impl Hash for Function {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.name.hash(state);
        self.pinned.hash(state);
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
        let fields = self.known(args.arg_fields);
        (self.returns)(&ReturnFieldArgs { arg_fields: &fields, scalar_arguments: args.scalar_arguments })
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        (self.arguments)(arguments)
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if self.pinned.is_some() {
            args.arg_fields = self.known(&args.arg_fields).into_owned();
        }
        (self.run)(&args)
    }
}

/// Runs a kernel over the first argument, an array or one value, and gives back the same kind.
pub(super) fn map_first(
    args: &ScalarFunctionArgs,
    kernel: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    map_value(&args.args[0], kernel)
}

/// Runs a kernel over an array or one value, and gives back the same kind.
pub(super) fn map_value(
    value: &ColumnarValue,
    kernel: impl FnOnce(&ArrayRef) -> Result<ArrayRef>,
) -> Result<ColumnarValue> {
    match value {
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
    let types: Vec<String> = arguments.iter().map(|argument| SqlType::of_arrow(argument).to_string()).collect();
    let message = format!("function {name}({}) does not exist", types.join(", "));
    Err(SqlError::new(ErrorKind::UndefinedFunction, message).into_engine())
}

/// The error for an argument whose value is not taken.
pub(super) fn invalid(message: impl Into<String>) -> DataFusionError {
    SqlError::new(ErrorKind::InvalidParameterValue, message).into_engine()
}

/// Whether an argument is text, or null of no type.
pub(super) fn is_text(data_type: &DataType) -> bool {
    data_type.is_string() || data_type.is_null()
}

/// Whether an argument is bytes.
pub(super) fn is_bytes(data_type: &DataType) -> bool {
    data_type.is_binary()
}
