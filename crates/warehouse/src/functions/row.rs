//! Functions that are computed row by row from typed values, most of which need not be more than a few lines.

use datafusion::arrow::datatypes::{DataType, IntervalMonthDayNano};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::{ColumnarValue, ScalarFunctionArgs};

pub(super) use super::cell::{Cell, Day, Json, Moment};
use super::function::{Function, no_match};
use super::kind::Column;
pub(super) use super::kind::Kind;
use crate::types::SqlType;

#[derive(Debug)]
pub(super) struct Argument {
    pub(super) column: Column,
    /// By how many values of the column a row is ahead of the one before: a constant has one value for all.
    pub(super) step: usize,
    pub(super) sql_type: SqlType,
}

/// The arguments of one call. Arguments that are left out are empty, 0 or false.
#[derive(Debug)]
pub(super) struct Row<'c> {
    arguments: &'c [Argument],
    row: usize,
}

impl<'c> Row<'c> {
    /// How many arguments there are.
    pub(super) fn len(&self) -> usize {
        self.arguments.len()
    }

    fn at(&self, place: usize) -> Option<(&'c Column, usize)> {
        self.arguments.get(place).map(|argument| (&argument.column, self.row * argument.step))
    }

    /// The type that an argument was given in.
    pub(super) fn sql_type(&self, place: usize) -> Option<SqlType> {
        self.arguments.get(place).map(|argument| argument.sql_type)
    }

    pub(super) fn is_null(&self, place: usize) -> bool {
        self.at(place).is_none_or(|(column, row)| column.is_null(row))
    }

    fn has_null(&self) -> bool {
        (0..self.len()).any(|place| self.is_null(place))
    }

    pub(super) fn text(&self, place: usize) -> &'c str {
        match self.at(place) {
            Some((Column::Text(values), row)) => values.value(row),
            _ => "",
        }
    }

    /// A number without a fraction, or a moment.
    pub(super) fn whole(&self, place: usize) -> i64 {
        match self.at(place) {
            Some((Column::Whole(values), row)) => values.value(row),
            _ => 0,
        }
    }

    pub(super) fn number(&self, place: usize) -> f64 {
        match self.at(place) {
            Some((Column::Number(values), row)) => values.value(row),
            _ => 0.0,
        }
    }

    pub(super) fn flag(&self, place: usize) -> bool {
        match self.at(place) {
            Some((Column::Flag(values), row)) => values.value(row),
            _ => false,
        }
    }

    pub(super) fn span(&self, place: usize) -> Option<IntervalMonthDayNano> {
        match self.at(place) {
            Some((Column::Span(values), row)) => Some(values.value(row)),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, place: usize) -> &'c [u8] {
        match self.at(place) {
            Some((Column::Bytes(values), row)) => values.value(row),
            _ => &[],
        }
    }
}

/// Something costly that is made of texts, kept for as long as these stay the same: mostly they are constants.
#[derive(Debug)]
pub(super) struct Memo<M> {
    last: Option<(Vec<String>, M)>,
}

impl<M> Default for Memo<M> {
    fn default() -> Self {
        Self { last: None }
    }
}

impl<M> Memo<M> {
    pub(super) fn get(&mut self, of: &[&str], make: impl FnOnce() -> Result<M>) -> Result<&M> {
        let is_last = self.last.as_ref().is_some_and(|(last, _)| last == of);
        let (_, made) = match self.last.take().filter(|_| is_last) {
            Some(last) => self.last.insert(last),
            None => self.last.insert((of.iter().map(|&text| text.to_owned()).collect(), make()?)),
        };
        Ok(made)
    }
}

/// What a function takes.
#[derive(Debug, Clone, Copy)]
struct Takes {
    required: &'static [Kind],
    optional: &'static [Kind],
    /// And as many more of this kind as there are.
    rest: Option<Kind>,
    /// Whether it looks at NULLs. Else one of them makes the result NULL.
    nulls: bool,
}

impl Takes {
    fn kinds(&self) -> impl Iterator<Item = Kind> {
        let told = self.required.iter().chain(self.optional).copied();
        told.chain(self.rest.into_iter().flat_map(std::iter::repeat))
    }

    /// The types that arguments are converted to; none if they are not taken.
    fn accept(&self, types: &[DataType]) -> Option<Vec<DataType>> {
        if types.len() < self.required.len() || self.kinds().take(types.len()).count() < types.len() {
            return None;
        }
        types.iter().zip(self.kinds()).map(|(argument, kind)| kind.accept(argument)).collect()
    }
}

/// A function that takes `required` arguments and may take `optional` ones, and is NULL where one of them is.
pub(super) fn by_row<R: Cell + 'static>(
    name: &'static str,
    required: &'static [Kind],
    optional: &'static [Kind],
    compute: fn(&Row<'_>) -> Result<Option<R>>,
) -> Function {
    by_row_with(name, required, optional, move |(), row| compute(row))
}

/// The same with something that is kept from row to row of a batch.
pub(super) fn by_row_with<S: Default + 'static, R: Cell + 'static>(
    name: &'static str,
    required: &'static [Kind],
    optional: &'static [Kind],
    compute: impl Fn(&mut S, &Row<'_>) -> Result<Option<R>> + Send + Sync + 'static,
) -> Function {
    function(name, Takes { required, optional, rest: None, nulls: false }, compute)
}

/// A function that looks at NULLs.
pub(super) fn by_row_of_nulls<R: Cell + 'static>(
    name: &'static str,
    required: &'static [Kind],
    optional: &'static [Kind],
    compute: impl Fn(&Row<'_>) -> Result<Option<R>> + Send + Sync + 'static,
) -> Function {
    function(name, Takes { required, optional, rest: None, nulls: true }, move |(), row| compute(row))
}

/// A function of any number of arguments, NULLs among them.
pub(super) fn by_row_of_many<R: Cell + 'static>(
    name: &'static str,
    kind: Kind,
    compute: fn(&Row<'_>) -> Result<Option<R>>,
) -> Function {
    function(name, Takes { required: &[], optional: &[], rest: Some(kind), nulls: true }, move |(), row| compute(row))
}

fn function<S: Default + 'static, R: Cell + 'static>(
    name: &'static str,
    takes: Takes,
    compute: impl Fn(&mut S, &Row<'_>) -> Result<Option<R>> + Send + Sync + 'static,
) -> Function {
    let accept = move |types: &[DataType]| takes.accept(types).map_or_else(|| no_match(name, types), Ok);
    let run = move |args: &ScalarFunctionArgs| {
        let arguments = takes.kinds().zip(&args.args).zip(&args.arg_fields);
        let arguments = arguments.map(|((kind, values), field)| kind.column(values, SqlType::of(field)));
        let arguments: Vec<Argument> = arguments.collect::<Result<_>>()?;
        let is_constant = arguments.iter().all(|argument| argument.step == 0);
        let mut state = S::default();
        let values = R::collect((0..if is_constant { 1 } else { args.number_rows }).map(|row| {
            let row = Row { arguments: &arguments, row };
            if !takes.nulls && row.has_null() { Ok(None) } else { compute(&mut state, &row) }
        }))?;
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&values, 0)?),
            false => ColumnarValue::Array(values),
        })
    };
    Function::new(name, accept, move |_| Ok(R::TYPE.field_ref(name)), run).of_super().by_type()
}
