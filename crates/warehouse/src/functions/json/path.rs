//! Taking values out of JSON text by path, several in one pass over each text.
//!
//! Values that need no unescaping are views on the text's own bytes: nothing is copied.

use std::borrow::Cow;
use std::hash::Hash;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, StringViewArray, StringViewBuilder, StructArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Fields};
use datafusion::common::{DataFusionError, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDFImpl, Signature, Volatility,
};

use super::path_tree::PathTree;
use crate::error::{ErrorKind, SqlError};
use crate::functions::casts::super_value::from_super;
use crate::functions::super_values::value::Step;
use crate::types::{MAX_VARCHAR, SqlType};

/// What to take and how to show it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JsonPath {
    pub(crate) steps: Vec<Step>,
    pub(crate) form: Form,
}

/// How a value is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    /// A string without its quotes, JSON null as NULL (Redshift: JSON_EXTRACT_PATH_TEXT).
    Text,
    /// JSON (Redshift: SUPER navigation).
    Json,
    /// A value of this type, which is not SUPER, or NULL (Redshift: a cast of SUPER).
    Cast(SqlType),
}

impl Form {
    /// What a cast of a SUPER value makes of it.
    pub(crate) fn of_cast(to: SqlType) -> Self {
        match to {
            SqlType::Super => Self::Json,
            to => Self::Cast(to),
        }
    }

    pub(crate) fn sql_type(self) -> SqlType {
        match self {
            Self::Text => SqlType::Varchar(MAX_VARCHAR),
            Self::Json => SqlType::Super,
            Self::Cast(to) => to,
        }
    }
}

/// Takes several paths out of one JSON text: a struct, one field a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct JsonPaths {
    paths: Vec<JsonPath>,
    /// Whether text that is no JSON gives NULL instead of an error.
    null_if_invalid: bool,
    signature: Signature,
}

impl JsonPaths {
    pub(crate) fn new(paths: Vec<JsonPath>, null_if_invalid: bool) -> Self {
        Self { paths, null_if_invalid, signature: Signature::exact(vec![DataType::Utf8View], Volatility::Immutable) }
    }

    /// What is taken.
    pub(crate) fn paths(&self) -> &[JsonPath] {
        &self.paths
    }

    fn fields(&self) -> Fields {
        path_fields(self.paths.iter().map(|path| path.form.sql_type().arrow()))
    }
}

/// The fields of a struct of the values of paths.
pub(crate) fn path_fields(types: impl Iterator<Item = DataType>) -> Fields {
    types.enumerate().map(|(index, data_type)| Field::new(format!("path_{index}"), data_type, true)).collect()
}

pub(crate) const PATH_FIELD: &str = "path_field";

/// The values of one path in what [`JsonPaths`] gives. It is not the engine's access to a field of a struct, because the engine
/// moves that one towards the data, and with it the taking of the paths, once for each of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct PathField {
    index: usize,
    form: Form,
    signature: Signature,
}

impl PathField {
    /// Takes path number `index`, whose values are of this form.
    pub(crate) fn new(index: usize, form: Form) -> Self {
        Self { index, form, signature: Signature::any(1, Volatility::Immutable) }
    }
}

impl ScalarUDFImpl for PathField {
    fn name(&self) -> &str {
        PATH_FIELD
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(self.form.sql_type().arrow())
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(self.form.sql_type().field_ref(self.name()))
    }

    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let argument = args.first().map(|argument| argument.schema_name().to_string()).unwrap_or_default();
        Ok(format!("path_field({argument}, {})", self.index))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let paths = args.args[0].to_array(args.number_rows)?;
        Ok(ColumnarValue::Array(Arc::clone(paths.as_struct().column(self.index))))
    }
}

impl ScalarUDFImpl for JsonPaths {
    fn name(&self) -> &str {
        "json_paths"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _arguments: &[DataType]) -> Result<DataType> {
        Ok(DataType::Struct(self.fields()))
    }

    fn return_field_from_args(&self, _args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        Ok(Arc::new(Field::new(self.name(), DataType::Struct(self.fields()), true)))
    }

    /// Paths are part of the function, so they belong in its name.
    fn schema_name(&self, args: &[Expr]) -> Result<String> {
        let argument = args.first().map(|argument| argument.schema_name().to_string()).unwrap_or_default();
        Ok(format!("json_paths({argument}, {:?}, {})", self.paths, self.null_if_invalid))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let json = args.args[0].to_array(args.number_rows)?;
        let columns = extract(json.as_string_view(), &self.paths, self.null_if_invalid)?;
        Ok(ColumnarValue::Array(Arc::new(StructArray::try_new(self.fields(), columns, None)?)))
    }
}

/// Takes `paths` out of each text.
pub(crate) fn extract(json: &StringViewArray, paths: &[JsonPath], null_if_invalid: bool) -> Result<Vec<ArrayRef>> {
    let (tree, places) = PathTree::of(paths);
    let mut columns: Vec<Column> = paths.iter().map(|path| Column::new(json, path.form)).collect();
    let mut values = Vec::with_capacity(tree.nodes);
    for row in 0..json.len() {
        if json.is_null(row) {
            columns.iter_mut().for_each(Column::append_null);
            continue;
        }
        let text = json.value(row);
        values.clear();
        values.resize(tree.nodes, None);
        if tree.take(text, &mut values).is_some() {
            for (column, place) in columns.iter_mut().zip(&places) {
                column.append(json, row, values[*place])?;
            }
        } else if null_if_invalid {
            columns.iter_mut().for_each(Column::append_null);
        } else {
            return Err(invalid_json(text));
        }
    }
    columns.into_iter().map(Column::finish).collect()
}

/// JSON values in another form.
pub(crate) fn shown(values: &StringViewArray, form: Form) -> Result<ArrayRef> {
    if form == Form::Json {
        return Ok(Arc::new(values.clone()));
    }
    let mut shown = Column::new(values, form);
    for (row, value) in values.iter().enumerate() {
        shown.append(values, row, value)?;
    }
    shown.finish()
}

/// The error for text that is no JSON.
pub(crate) fn invalid_json(text: &str) -> DataFusionError {
    let shown: String = text.chars().take(200).collect();
    SqlError::new(ErrorKind::InvalidTextRepresentation, "JSON parsing error")
        .with_detail(format!("invalid json object {shown}"))
        .into_engine()
}

/// The values of one path, as texts until they are all there.
struct Column {
    form: Form,
    texts: StringViewBuilder,
    /// The builder's numbers of the JSON column's buffers.
    blocks: Vec<u32>,
}

impl Column {
    fn new(json: &StringViewArray, form: Form) -> Self {
        let mut texts = StringViewBuilder::with_capacity(json.len());
        let blocks = json.data_buffers().iter().map(|buffer| texts.append_block(buffer.clone())).collect();
        Self { form, texts, blocks }
    }

    fn append_null(&mut self) {
        self.texts.append_null();
    }

    /// Appends a value that is a part of row `row`'s text.
    fn append(&mut self, json: &StringViewArray, row: usize, raw: Option<&str>) -> Result<()> {
        let Some(raw) = raw else {
            self.texts.append_null();
            return Ok(());
        };
        match self.form {
            Form::Json | Form::Cast(_) => self.append_slice(json, row, raw),
            Form::Text if raw == "null" => {
                self.texts.append_null();
                Ok(())
            }
            Form::Text => match raw.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
                None => self.append_slice(json, row, raw),
                Some(plain) if !plain.contains('\\') => self.append_slice(json, row, plain),
                Some(_) => {
                    self.texts.append_value(sonic_rs::from_str::<Cow<'_, str>>(raw).unwrap_or_default());
                    Ok(())
                }
            },
        }
    }

    /// Appends a part of row `row`'s text, as a view on the row's own bytes where it is long enough for one.
    fn append_slice(&mut self, json: &StringViewArray, row: usize, part: &str) -> Result<()> {
        const INLINE: usize = 12;
        let text = json.value(row);
        let offset = (part.as_ptr() as usize).wrapping_sub(text.as_ptr() as usize);
        if part.len() <= INLINE || offset >= text.len() {
            self.texts.append_value(part);
            return Ok(());
        }
        let view = json.views()[row];
        let (block, start) = ((view >> 64) as u32, (view >> 96) as u32);
        Ok(self.texts.try_append_view(self.blocks[block as usize], start + offset as u32, part.len() as u32)?)
    }

    fn finish(mut self) -> Result<ArrayRef> {
        let texts = self.texts.finish();
        match self.form {
            Form::Text | Form::Json => Ok(Arc::new(texts)),
            Form::Cast(to) => from_super(&texts, to),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(text: &str, keys: &[&str]) -> Result<Vec<Option<String>>> {
        let path = |key: &&str| JsonPath { steps: vec![Step::Key((*key).into())], form: Form::Text };
        let paths: Vec<JsonPath> = keys.iter().map(path).collect();
        let columns = extract(&StringViewArray::from(vec![text]), &paths, false)?;
        let value = |column: &ArrayRef| column.is_valid(0).then(|| column.as_string_view().value(0).to_owned());
        Ok(columns.iter().map(value).collect())
    }

    #[test]
    fn members_are_taken_in_one_pass_over_all_of_the_text() -> Result<()> {
        let found = take(r#" { "a": "x\ny", "b" : 1.50, "c":null, "a":2 } "#, &["b", "a", "c", "d", "a"])?;
        assert_eq!(found, [Some("1.50".into()), Some("x\ny".into()), None, None, Some("x\ny".into())]);
        assert_eq!(take("{}", &["a"])?, [None]);
        assert_eq!(take("[1]", &["a"])?, [None]);
        for invalid in
            ["{\"a\":1} x", "{\"a\":1}}", "{\"a\":1", "{\"a\":1,}", "{\"a\" 1}", "{\"a\":tru}", "{\"b\":[1,}", "{", "x"]
        {
            assert!(take(invalid, &["a"]).is_err(), "{invalid}");
        }
        Ok(())
    }
}
