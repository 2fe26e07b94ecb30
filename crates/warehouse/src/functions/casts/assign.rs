//! Assignments: values as they are stored into a column of some type.

use datafusion::arrow::array::ArrayRef;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ReturnFieldArgs, ScalarFunctionArgs};

use super::cast::{as_text, cast, cut};
use crate::error::{ErrorKind, SqlError};
use crate::functions::function::{Function, map_first, no_match};
use crate::types::SqlType;

/// The name of the function that assigns its first argument to a column of the type that is its second.
pub(crate) const ASSIGN_AS: &str = "assign_as";

pub(crate) fn assign_as() -> Function {
    let returns = |args: &ReturnFieldArgs<'_>| {
        let to = args.scalar_arguments.get(1).copied().flatten().and_then(ScalarValue::try_as_str).flatten();
        match to.and_then(SqlType::parse) {
            Some(to) => Ok(to.field_ref(ASSIGN_AS)),
            None => no_match(ASSIGN_AS, &[]),
        }
    };
    let run = |args: &ScalarFunctionArgs| {
        let (from, to) = (SqlType::of(&args.arg_fields[0]), SqlType::of(&args.return_field));
        map_first(args, |values| assign(values, from, to))
    };
    Function::new(ASSIGN_AS, |types| Ok(types.to_vec()), returns, run).of_super().by_type()
}

/// Converts values that are stored into a column: what does not fit is an error, except blanks at the end.
pub(crate) fn assign(values: &ArrayRef, from: SqlType, to: SqlType) -> Result<ArrayRef> {
    let (SqlType::Varchar(length) | SqlType::Char(length)) = to else { return cast(values, from, to) };
    if from == SqlType::Super {
        return cast(values, from, to);
    }
    let text = as_text(values, from)?;
    let too_long = |text: &&str| text.trim_end_matches(' ').len() > length as usize;
    if text.iter().flatten().any(|text| too_long(&text)) {
        let message = format!("value too long for type {to}");
        return Err(SqlError::new(ErrorKind::StringDataRightTruncation, message).into_engine());
    }
    Ok(cut(&text, length as usize))
}
