//! Calls that mean something else to the engine, or that it does not plan as Redshift does.

use datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CaseWhen, DataType, Expr, Function, TimezoneInfo, UnaryOperator, Value,
};

use super::rewrite::{arguments_of, is_named};
use crate::sql::{call, cast, text};

/// A date part may be written without quotes; then it looks like a column.
pub(super) fn quote_date_part(function: &mut Function) {
    const OF_DATE_PARTS: [&str; 7] =
        ["date_add", "date_diff", "date_part", "date_trunc", "dateadd", "datediff", "pgdate_part"];
    if is_named(&function.name, &OF_DATE_PARTS)
        && let Some(part @ Expr::Identifier(_)) = arguments_of(function).next()
        && let Expr::Identifier(name) = &*part
    {
        *part = text(&name.value);
    }
}

/// What takes the place of a call, if something does.
pub(super) fn spelled_call(function: &mut Function) -> Option<Expr> {
    const SPELLED: [&str; 12] = [
        "coalesce",
        "concat",
        "convert_timezone",
        "date",
        "decode",
        "mod",
        "nvl",
        "nvl2",
        "round",
        "timestamp",
        "timestamptz",
        "trunc",
    ];
    if !is_named(&function.name, &SPELLED) {
        return None;
    }
    let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
    let arguments: Vec<Expr> = arguments_of(function).map(|argument| argument.clone()).collect();
    match (name.as_str(), arguments.as_slice()) {
        // The engine would compute the inner one twice, and what is in that four times.
        ("coalesce" | "nvl", [Expr::Function(inner), rest @ ..]) if is_named(&inner.name, &["coalesce", "nvl"]) => {
            let values: Vec<Expr> = arguments_of(&mut inner.clone()).map(|value| value.clone()).collect();
            Some(call("coalesce", values.into_iter().chain(rest.iter().cloned())))
        }
        ("nvl2", [value, one, other]) => Some(either(Expr::IsNotNull(Box::new(value.clone())), one, other)),
        ("concat", [left, right]) => Some(operation(left, BinaryOperator::StringConcat, right)),
        ("mod", [left, right]) => Some(operation(left, BinaryOperator::Modulo, right)),
        ("convert_timezone", [to, moment]) => Some(call("convert_timezone", [text("UTC"), to.clone(), moment.clone()])),
        // Places that are written out are told twice: the result has as many, whatever becomes of the first ones.
        ("round" | "trunc", [value, places]) if is_number(places) => {
            Some(call(&name, [value.clone(), places.clone(), places.clone()]))
        }
        ("date", [value]) => Some(cast(value.clone(), DataType::Date)),
        ("timestamp", [value]) => Some(cast(value.clone(), DataType::Timestamp(None, TimezoneInfo::None))),
        ("timestamptz", [value]) => Some(cast(value.clone(), DataType::Timestamp(None, TimezoneInfo::Tz))),
        ("decode", [value, rest @ ..]) if rest.len() >= 2 => Some(decode(value, rest)),
        _ => None,
    }
}

fn is_number(places: &Expr) -> bool {
    match places {
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => is_number(expr),
        places => matches!(places, Expr::Value(literal) if matches!(literal.value, Value::Number(..))),
    }
}

fn nested(side: &Expr) -> Box<Expr> {
    Box::new(Expr::Nested(Box::new(side.clone())))
}

/// A function of two arguments that is an operator.
fn operation(left: &Expr, op: BinaryOperator, right: &Expr) -> Expr {
    Expr::Nested(Box::new(Expr::BinaryOp { left: nested(left), op, right: nested(right) }))
}

fn either(condition: Expr, one: &Expr, other: &Expr) -> Expr {
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: None,
        conditions: vec![CaseWhen { condition, result: one.clone() }],
        else_result: Some(Box::new(other.clone())),
    }
}

/// A CASE in which NULL is equal to NULL. What is searched for and found by turns may be followed by what is given else.
fn decode(value: &Expr, rest: &[Expr]) -> Expr {
    let (pairs, default) = match rest.len().is_multiple_of(2) {
        true => (rest, None),
        false => (&rest[..rest.len() - 1], rest.last()),
    };
    let is_literal = |search: &Expr| matches!(search, Expr::Value(literal) if literal.value != Value::Null);
    // Then the value is computed once.
    let is_simple = pairs.iter().step_by(2).all(is_literal);
    let conditions = pairs.chunks_exact(2).map(|pair| CaseWhen {
        condition: if is_simple { pair[0].clone() } else { same(value, &pair[0]) },
        result: pair[1].clone(),
    });
    Expr::Case {
        case_token: AttachedToken::empty(),
        end_token: AttachedToken::empty(),
        operand: is_simple.then(|| Box::new(value.clone())),
        conditions: conditions.collect(),
        else_result: default.cloned().map(Box::new),
    }
}

fn same(value: &Expr, search: &Expr) -> Expr {
    match search {
        Expr::Value(literal) if literal.value == Value::Null => Expr::IsNull(nested(value)),
        _ => Expr::IsNotDistinctFrom(nested(value), nested(search)),
    }
}
