//! Parameters of a prepared statement: `$1`, `$2`, ….

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CharacterLength, DataType, ExactNumberInfo, Expr, LimitClause, Query, Select, SelectItem,
    Statement, TimezoneInfo, Value, ValueWithSpan, VisitMut, VisitorMut,
};

use super::rewrite::{arguments_of, is_named};
use crate::error::{ErrorKind, Result, SqlError};
use crate::sql::cast;
use crate::types::SqlType;

/// The value of a parameter, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parameter {
    /// No value.
    Null,
    /// A value that is written in quotes.
    Text(String),
    /// A number.
    Number(String),
}

/// Puts the values of parameters in the places of `$1`, `$2`, ….
pub(crate) fn bind_parameters<T: VisitMut>(tree: &mut T, parameters: &[Parameter]) -> Result<()> {
    match tree.visit(&mut Bind { parameters }) {
        ControlFlow::Break(missing) => {
            Err(SqlError::new(ErrorKind::InvalidParameterValue, format!("there is no parameter {missing}")))
        }
        ControlFlow::Continue(()) => Ok(()),
    }
}

struct Bind<'p> {
    parameters: &'p [Parameter],
}

impl VisitorMut for Bind<'_> {
    type Break = String;

    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<String> {
        let Value::Placeholder(name) = &value.value else { return ControlFlow::Continue(()) };
        value.value = match place_of(name).and_then(|place| self.parameters.get(place)) {
            None => return ControlFlow::Break(name.clone()),
            Some(Parameter::Null) => Value::Null,
            Some(Parameter::Text(text)) => Value::SingleQuotedString(text.clone()),
            Some(Parameter::Number(number)) => Value::Number(number.clone(), false),
        };
        ControlFlow::Continue(())
    }
}

/// Gives the parameters of a query the types that a client declares, where they are more than texts. What is assigned to a column, or
/// counts rows, has its type from there; what is put together or shown, and has no type at all, is a text. How many digits a DECIMAL has
/// is known when its value is: with `decimals`, it has as many as are told.
pub(crate) fn declare_parameters(statement: &mut Statement, types: &[Option<SqlType>], decimals: bool) {
    let query = match statement {
        Statement::Query(query) => Some(query),
        Statement::CreateTable(create) => create.query.as_mut(),
        _ => None,
    };
    if let Some(query) = query {
        // Never breaks off.
        let _ = query.visit(&mut Declare { types, decimals, limits: Vec::new() });
    }
}

struct Declare<'t> {
    types: &'t [Option<SqlType>],
    /// Whether this includes DECIMALs.
    decimals: bool,
    /// Of the queries that are being visited.
    limits: Vec<Option<LimitClause>>,
}

impl VisitorMut for Declare<'_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        self.limits.push(query.limit_clause.take());
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        query.limit_clause = self.limits.pop().flatten();
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                self.as_text(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } = expr {
            self.as_text(left);
            self.as_text(right);
        }
        if let Expr::Function(function) = expr
            && is_named(&function.name, &["concat"])
        {
            arguments_of(function).for_each(|argument| self.as_text(argument));
        }
        if let Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) = expr
            && let Some(told) = self.told(name)
            && (self.decimals || !matches!(told, SqlType::Decimal(..)))
            && let Some(data_type) = syntax_of(told)
        {
            *expr = cast(Expr::Nested(Box::new(expr.clone())), data_type);
        }
        ControlFlow::Continue(())
    }
}

impl Declare<'_> {
    fn told(&self, name: &str) -> Option<SqlType> {
        *self.types.get(place_of(name)?)?
    }

    /// Makes a text of a parameter of which nothing is told.
    fn as_text(&self, expr: &mut Expr) {
        if let Expr::Value(ValueWithSpan { value: Value::Placeholder(name), .. }) = expr
            && self.told(name).is_none()
        {
            *expr = cast(Expr::Nested(Box::new(expr.clone())), DataType::Varchar(Some(CharacterLength::Max)));
        }
    }
}

/// The place of a parameter among the values.
fn place_of(name: &str) -> Option<usize> {
    name.strip_prefix('$')?.parse::<usize>().ok()?.checked_sub(1)
}

/// How a type is written that a parameter may be declared with.
fn syntax_of(sql_type: SqlType) -> Option<DataType> {
    Some(match sql_type {
        SqlType::Boolean => DataType::Boolean,
        SqlType::SmallInt => DataType::SmallInt(None),
        SqlType::Integer => DataType::Integer(None),
        SqlType::BigInt => DataType::BigInt(None),
        SqlType::Real => DataType::Real,
        SqlType::Double => DataType::DoublePrecision,
        SqlType::Decimal(precision, scale) => {
            DataType::Decimal(ExactNumberInfo::PrecisionAndScale(precision.into(), scale.into()))
        }
        SqlType::Date => DataType::Date,
        SqlType::Time => DataType::Time(None, TimezoneInfo::None),
        SqlType::Timestamp => DataType::Timestamp(None, TimezoneInfo::None),
        SqlType::TimestampTz => DataType::Timestamp(None, TimezoneInfo::Tz),
        _ => return None,
    })
}

/// Whether an expression is a parameter.
pub(super) fn is_parameter(expr: &Expr) -> bool {
    match expr {
        Expr::Nested(inner) => is_parameter(inner),
        Expr::Value(value) => matches!(value.value, Value::Placeholder(_)),
        _ => false,
    }
}
