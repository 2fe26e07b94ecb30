//! The engine's functions of texts, for values of all types: Redshift takes a number or a date for its text.

use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, FieldRef};
use datafusion::common::Result;
use datafusion::functions::{crypto, string, unicode};
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

use crate::functions::casts::cast::cast;
use crate::functions::function::{Function, invalid, map_value};
use crate::functions::row::Kind::{Bytes, Whole};
use crate::functions::row::by_row;
use crate::types::{MAX_VARCHAR, SqlType};

/// The functions. Of each, so many arguments at the start are texts.
pub(crate) fn functions() -> Vec<ScalarUDF> {
    let functions = [
        (crypto::md5(), 1),
        (string::btrim(), 1),
        (string::ltrim(), 1),
        (string::rtrim(), 1),
        (string::lower(), 1),
        (string::upper(), 1),
        (string::replace(), 3),
        (string::split_part(), 2),
        (unicode::initcap(), 1),
        (unicode::left(), 1),
        (unicode::right(), 1),
        (unicode::reverse(), 1),
        (unicode::strpos(), 2),
        (unicode::translate(), 3),
    ];
    let function = |inner, texts, of_bytes| {
        let signature = Signature::user_defined(Volatility::Immutable);
        ScalarUDF::from(OfTexts { inner, texts, of_bytes, signature })
    };
    let functions = functions.map(|(inner, texts)| function(inner, texts, None));
    functions.into_iter().chain([function(unicode::substr(), 1, Some(substring_of_bytes()))]).collect()
}

/// SUBSTRING of a VARBYTE, whose places are bytes.
fn substring_of_bytes() -> Function {
    by_row("substr", &[Bytes, Whole], &[Whole], |row| {
        let (bytes, start) = (row.bytes(0), row.whole(1));
        let end = if row.len() > 2 { start.saturating_add(row.whole(2)) } else { i64::MAX };
        if row.len() > 2 && row.whole(2) < 0 {
            return Err(invalid("negative substring length not allowed"));
        }
        let place = |place: i64| usize::try_from(place.saturating_sub(1)).unwrap_or(0).min(bytes.len());
        Ok(Some(bytes[place(start)..place(end).max(place(start))].to_vec()))
    })
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfTexts {
    inner: Arc<ScalarUDF>,
    texts: usize,
    /// What it does with a VARBYTE.
    of_bytes: Option<Function>,
    signature: Signature,
}

impl OfTexts {
    fn of_bytes(&self, first: Option<&DataType>) -> Option<&Function> {
        self.of_bytes.as_ref().filter(|_| first.is_some_and(DataType::is_binary))
    }

    fn is_text_from(&self, place: usize, argument: &DataType) -> bool {
        place < self.texts && !argument.is_string() && !argument.is_null() && !argument.is_binary()
    }

    /// The argument's field once it is a text.
    fn as_text(&self, place: usize, field: &FieldRef) -> FieldRef {
        match self.is_text_from(place, field.data_type()) {
            true => SqlType::Varchar(MAX_VARCHAR).field_ref(field.name()),
            false => Arc::clone(field),
        }
    }

    fn as_texts(&self, fields: &[FieldRef]) -> Vec<FieldRef> {
        fields.iter().enumerate().map(|(place, field)| self.as_text(place, field)).collect()
    }
}

impl ScalarUDFImpl for OfTexts {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, arguments: &[DataType]) -> Result<DataType> {
        self.inner.return_type(arguments)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        if let Some(function) = self.of_bytes(args.arg_fields.first().map(|field| field.data_type())) {
            return function.return_field_from_args(args);
        }
        let fields = self.as_texts(args.arg_fields);
        self.inner
            .return_field_from_args(ReturnFieldArgs { arg_fields: &fields, scalar_arguments: args.scalar_arguments })
    }

    fn coerce_types(&self, arguments: &[DataType]) -> Result<Vec<DataType>> {
        if let Some(function) = self.of_bytes(arguments.first()) {
            return function.coerce_types(arguments);
        }
        // The engine's take BIGINTs only.
        let taken = |argument: &DataType| if argument.is_integer() { DataType::Int64 } else { argument.clone() };
        let given =
            arguments.iter().map(|argument| SqlType::of_arrow(argument).field("").with_data_type(taken(argument)));
        let fields = self.as_texts(&given.map(Arc::new).collect::<Vec<_>>());
        let wanted = fields_with_udf(&fields, self.inner.as_ref())?;
        let places = arguments.iter().zip(wanted).enumerate();
        Ok(places
            .map(|(place, (given, wanted))| match self.is_text_from(place, given) {
                true => given.clone(),
                false => wanted.data_type().clone(),
            })
            .collect())
    }

    fn invoke_with_args(&self, mut args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        if let Some(function) = self.of_bytes(args.arg_fields.first().map(|field| field.data_type())) {
            return function.invoke_with_args(args);
        }
        for (place, value) in args.args.iter_mut().enumerate() {
            let from = SqlType::of(&args.arg_fields[place]);
            if self.is_text_from(place, args.arg_fields[place].data_type()) {
                *value = map_value(value, |values| cast(values, from, SqlType::Varchar(MAX_VARCHAR)))?;
            }
        }
        args.arg_fields = self.as_texts(&args.arg_fields);
        self.inner.invoke_with_args(args)
    }
}
