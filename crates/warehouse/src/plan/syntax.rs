//! Redshift's own syntax, written as calls of functions: the engine's planner knows these forms with another meaning or not at all.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, TimezoneInfo,
    TrimWhereField, UnaryOperator, Value, VisitorMut,
};

use super::interval::plain_interval;
use super::rewrite::{arguments_of, call, cast, number, text};
use crate::functions::{EXTRACT, LIKE_PATTERN, NEGATIVE, SIMILAR_TO, TIMEZONE};

/// Takes the place of each such expression.
pub(super) struct SpellOutSyntax;

impl VisitorMut for SpellOutSyntax {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr {
            quote_date_part(function);
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let spelled = match expr {
            Expr::Function(function) => of_function(function),
            _ => of_syntax(expr),
        };
        if let Some(spelled) = spelled {
            *expr = spelled;
        }
        ControlFlow::Continue(())
    }
}

/// A date part may be written without quotes; then it looks like a column.
fn quote_date_part(function: &mut Function) {
    const OF_DATE_PARTS: [&str; 7] =
        ["date_add", "date_diff", "date_part", "date_trunc", "dateadd", "datediff", "pgdate_part"];
    if is_one_of(function, &OF_DATE_PARTS)
        && let Some(part @ Expr::Identifier(_)) = arguments_of(function).next()
        && let Expr::Identifier(name) = &*part
    {
        *part = text(&name.value);
    }
}

fn is_one_of(function: &Function, names: &[&str]) -> bool {
    let name = function.name.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| names.iter().any(|known| name.value.eq_ignore_ascii_case(known)))
}

fn of_function(function: &mut Function) -> Option<Expr> {
    let is = |name: &str| is_one_of(function, &[name]);
    let spell: fn(&mut Vec<Expr>) -> Option<Expr> = match () {
        () if is("concat") => |arguments| operation(arguments, BinaryOperator::StringConcat),
        () if is("mod") => |arguments| operation(arguments, BinaryOperator::Modulo),
        () if is("decode") => decode,
        () if is("nullif") => nullif,
        () if is("date") => |arguments| converted(arguments, DataType::Date),
        () if is("timestamp") => |arguments| converted(arguments, DataType::Timestamp(None, TimezoneInfo::None)),
        () if is("timestamptz") => |arguments| converted(arguments, DataType::Timestamp(None, TimezoneInfo::Tz)),
        () if is("convert_timezone") => |arguments| match arguments.as_slice() {
            [to, moment] => Some(call("convert_timezone", [text("UTC"), to.clone(), moment.clone()])),
            _ => None,
        },
        () => return None,
    };
    if !matches!(&function.args, FunctionArguments::List(list) if list.args.iter().all(is_plain)) {
        return None;
    }
    spell(&mut arguments_of(function).map(|argument| argument.clone()).collect())
}

fn is_plain(argument: &FunctionArg) -> bool {
    matches!(argument, FunctionArg::Unnamed(FunctionArgExpr::Expr(_)))
}

/// A function of two arguments that is an operator.
fn operation(arguments: &mut Vec<Expr>, op: BinaryOperator) -> Option<Expr> {
    let (right, left) = (arguments.pop()?, arguments.pop()?);
    let nested = |side| Box::new(Expr::Nested(Box::new(side)));
    arguments
        .is_empty()
        .then(|| Expr::Nested(Box::new(Expr::BinaryOp { left: nested(left), op, right: nested(right) })))
}

/// The name of a type as a function.
fn converted(arguments: &mut Vec<Expr>, data_type: DataType) -> Option<Expr> {
    let value = arguments.pop()?;
    arguments.is_empty().then(|| cast(value, data_type))
}

/// DECODE: a CASE in which NULL is equal to NULL. With two arguments it is another function.
fn decode(arguments: &mut Vec<Expr>) -> Option<Expr> {
    if arguments.len() < 3 {
        return None;
    }
    let default = arguments.len().is_multiple_of(2).then(|| arguments.pop()).flatten();
    let value = arguments.first()?.clone();
    let conditions = arguments[1..]
        .chunks_exact(2)
        .map(|pair| CaseWhen { condition: same(value.clone(), pair[0].clone()), result: pair[1].clone() });
    Some(case(conditions.collect(), default))
}

/// NULLIF: the first argument with its type, NULL where it is equal to the second.
fn nullif(arguments: &mut Vec<Expr>) -> Option<Expr> {
    let [value, other] = arguments.as_slice() else { return None };
    let equal = Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(value.clone()))),
        op: BinaryOperator::Eq,
        right: Box::new(Expr::Nested(Box::new(other.clone()))),
    };
    let null = Expr::Value(Value::Null.with_empty_span());
    Some(case(vec![CaseWhen { condition: equal, result: null }], Some(value.clone())))
}

fn case(conditions: Vec<CaseWhen>, otherwise: Option<Expr>) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions,
        else_result: otherwise.map(Box::new),
    }
}

fn same(value: Expr, search: Expr) -> Expr {
    let value = Box::new(Expr::Nested(Box::new(value)));
    match &search {
        Expr::Value(literal) if literal.value == Value::Null => Expr::IsNull(value),
        Expr::Value(_) => Expr::BinaryOp { left: value, op: BinaryOperator::Eq, right: Box::new(search) },
        _ => Expr::IsNotDistinctFrom(value, Box::new(Expr::Nested(Box::new(search)))),
    }
}

fn of_syntax(expr: &mut Expr) -> Option<Expr> {
    Some(match expr {
        Expr::Extract { field, expr, .. } => {
            call(EXTRACT, [text(field.to_string().trim_matches('\'')), (**expr).clone()])
        }
        Expr::AtTimeZone { timestamp, time_zone } => call(TIMEZONE, [(**time_zone).clone(), (**timestamp).clone()]),
        Expr::Convert { expr, data_type: Some(data_type), .. } => cast((**expr).clone(), data_type.clone()),
        Expr::Position { expr, r#in } => call("strpos", [(**r#in).clone(), (**expr).clone()]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let start = substring_from.take().unwrap_or_else(|| Box::new(number(1)));
            match substring_for.take() {
                Some(length) => call("substr", [(**expr).clone(), *start, *length]),
                None => call("substr", [(**expr).clone(), *start]),
            }
        }
        Expr::Trim { trim_where, expr, trim_what, trim_characters } => {
            let name = match trim_where {
                Some(TrimWhereField::Leading) => "ltrim",
                Some(TrimWhereField::Trailing) => "rtrim",
                _ => "btrim",
            };
            let listed = trim_characters.take().and_then(|mut characters| characters.pop());
            match trim_what.take().map(|what| *what).or(listed) {
                Some(characters) => call(name, [(**expr).clone(), characters]),
                None => call(name, [(**expr).clone()]),
            }
        }
        Expr::Interval(interval) => plain_interval(interval)?,
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            // The engine knows the backslash only.
            let escape = Expr::Value(escape_char.take()?);
            **pattern = call(LIKE_PATTERN, [(**pattern).clone(), escape]);
            return None;
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let (value, pattern) = ((**expr).clone(), (**pattern).clone());
            let is_similar = match escape_char {
                Some(escape) => call(SIMILAR_TO, [value, pattern, Expr::Value(escape.clone())]),
                None => call(SIMILAR_TO, [value, pattern]),
            };
            match negated {
                true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(is_similar) },
                false => is_similar,
            }
        }
        Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor | BinaryOperator::PGExp, right } => {
            call("power", [(**left).clone(), (**right).clone()])
        }
        Expr::UnaryOp { op: UnaryOperator::PGAbs, expr } => call("abs", [(**expr).clone()]),
        Expr::UnaryOp { op: UnaryOperator::PGSquareRoot, expr } => call("sqrt", [(**expr).clone()]),
        Expr::UnaryOp { op: UnaryOperator::PGCubeRoot, expr } => call("cbrt", [(**expr).clone()]),
        Expr::UnaryOp { op: UnaryOperator::BitwiseNot, expr } => call("bitwise_not", [(**expr).clone()]),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } if !matches!(**expr, Expr::Value(_)) => {
            call(NEGATIVE, [(**expr).clone()])
        }
        _ => return None,
    })
}
