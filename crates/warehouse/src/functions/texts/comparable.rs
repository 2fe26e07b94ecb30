//! Texts as they are compared: blanks at their end do not count (Redshift: character types, trailing blanks), and in a case-insensitive
//! collation the case of letters does not either.

use std::borrow::Cow;
use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, AsArray, StringViewArray};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, ReturnFieldArgs, ScalarUDF, lit};

use crate::functions::Function;
use crate::functions::function::{invalid, is_text, map_first, no_match};
use crate::types::{MAX_VARCHAR, SqlType};

/// The names by which optimizer rules find such texts.
pub(crate) const COMPARABLE: &str = "comparable";
const COMPARABLE_WITHOUT_CASE: &str = "comparable_without_case";

/// The key of a field's metadata that says in which collation its texts are compared, if not by their bytes.
const COLLATION: &str = "redshift.collation";

/// How texts are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Collation {
    CaseSensitive,
    CaseInsensitive,
}

impl Collation {
    /// The collation of the texts of a field.
    pub(crate) fn of(field: &Field) -> Self {
        match field.metadata().contains_key(COLLATION) {
            true => Self::CaseInsensitive,
            false => Self::CaseSensitive,
        }
    }

    /// The collation that COLLATE calls so.
    fn named(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "case_sensitive" | "cs" => Some(Self::CaseSensitive),
            "case_insensitive" | "ci" => Some(Self::CaseInsensitive),
            _ => None,
        }
    }

    /// What a text is compared by.
    pub(crate) fn key(self, text: &str) -> Cow<'_, str> {
        let text = text.trim_end_matches(' ');
        match self {
            Self::CaseSensitive => Cow::Borrowed(text),
            // Letter by letter: a sigma is written otherwise at the end of a word.
            Self::CaseInsensitive => Cow::Owned(text.chars().flat_map(char::to_lowercase).collect()),
        }
    }

    /// What texts are compared by.
    pub(crate) fn keys(self, texts: &ArrayRef) -> ArrayRef {
        let values = texts.as_string_view();
        match self == Self::CaseInsensitive || end_with_blanks(values) {
            true => Arc::new(values.iter().map(|text| text.map(|text| self.key(text))).collect::<StringViewArray>()),
            false => Arc::clone(texts),
        }
    }
}

/// Whether there is a text with a blank at its end.
pub(crate) fn end_with_blanks(texts: &StringViewArray) -> bool {
    texts.iter().flatten().any(|text| text.ends_with(' '))
}

/// What a value is compared by.
pub(crate) fn comparable(value: Expr, collation: Collation) -> Expr {
    let name = match collation {
        Collation::CaseSensitive => COMPARABLE,
        Collation::CaseInsensitive => COMPARABLE_WITHOUT_CASE,
    };
    let function = Function::new(
        name,
        |types| match types {
            [text] if is_text(text) => Ok(vec![DataType::Utf8View]),
            types => no_match(COMPARABLE, types),
        },
        move |_| Ok(SqlType::Varchar(MAX_VARCHAR).field_ref(name)),
        move |args| map_first(args, |texts| Ok(collation.keys(texts))),
    );
    ScalarUDF::from(function).call(vec![value])
}

/// Whether an expression is what a value is compared by.
pub(crate) fn is_comparable(expr: &Expr) -> bool {
    matches!(expr, Expr::ScalarFunction(call) if matches!(call.name(), COMPARABLE | COMPARABLE_WITHOUT_CASE))
}

/// The same text, compared by its bytes.
pub(crate) fn case_sensitive(value: Expr) -> Expr {
    ScalarUDF::from(collate()).call(vec![value, lit("case_sensitive")])
}

/// COLLATE: the same text, compared in another way.
pub(crate) fn collate() -> Function {
    Function::new(
        "collate",
        |types| match types {
            [text, name] if is_text(text) && is_text(name) => Ok(types.to_vec()),
            types => no_match("collate", types),
        },
        collated,
        |args| Ok(args.args[0].clone()),
    )
}

fn collated(args: &ReturnFieldArgs<'_>) -> Result<FieldRef> {
    let name = args.scalar_arguments[1].and_then(|name| name.try_as_str().flatten());
    let name = name.ok_or_else(|| invalid("the name of a collation must be a constant"))?;
    let collation = Collation::named(name).ok_or_else(|| invalid(format!("collation \"{name}\" does not exist")))?;
    let mut field = args.arg_fields[0].as_ref().clone();
    match collation {
        Collation::CaseSensitive => field.metadata_mut().remove(COLLATION),
        Collation::CaseInsensitive => field.metadata_mut().insert(COLLATION.to_owned(), "ci".to_owned()),
    };
    Ok(Arc::new(field))
}
