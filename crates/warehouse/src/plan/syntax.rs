//! Redshift's own syntax, written as calls of functions: the engine's planner knows these forms with another meaning or not at all.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, DataType, ExactNumberInfo, Expr, Query, SetExpr, SetOperator, TrimWhereField, UnaryOperator, Value,
    VisitorMut,
};

use super::interval::plain_interval;
use super::spelled_calls::{quote_date_part, spelled_call};
use crate::functions::{BITWISE_NOT, EXTRACT, EXTRACT_EPOCH, LIKE_PATTERN, NEGATIVE, SIMILAR_TO, TIMEZONE};
use crate::sql::{call, cast, number, text};

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

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        except_for_minus(&mut query.body);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        let spelled = match expr {
            Expr::Function(function) => spelled_call(function),
            _ => of_syntax(expr),
        };
        if let Some(spelled) = spelled {
            *expr = spelled;
        }
        ControlFlow::Continue(())
    }
}

/// MINUS is EXCEPT.
fn except_for_minus(body: &mut SetExpr) {
    if let SetExpr::SetOperation { op, left, right, .. } = body {
        if *op == SetOperator::Minus {
            *op = SetOperator::Except;
        }
        except_for_minus(left);
        except_for_minus(right);
    }
}

fn of_syntax(expr: &mut Expr) -> Option<Expr> {
    let of = |expr: &Expr| expr.clone();
    Some(match expr {
        Expr::Value(literal) => return of_number(&literal.value),
        Expr::Extract { field, expr, .. } => match field.to_string().trim_matches('\'') {
            epoch if epoch.eq_ignore_ascii_case("epoch") => call(EXTRACT_EPOCH, [of(expr)]),
            part => call(EXTRACT, [text(part), of(expr)]),
        },
        Expr::AtTimeZone { timestamp, time_zone } => call(TIMEZONE, [of(time_zone), of(timestamp)]),
        Expr::Convert { expr, data_type: Some(data_type), .. } => cast(of(expr), data_type.clone()),
        Expr::Position { expr, r#in } => call("strpos", [of(r#in), of(expr)]),
        Expr::Substring { expr, substring_from, substring_for, .. } => {
            let start = substring_from.as_deref().map_or_else(|| number(1), of);
            with_optional("substr", vec![of(expr), start], substring_for.as_deref())
        }
        Expr::Trim { trim_where, expr, trim_what, trim_characters } => {
            let listed = trim_characters.as_ref().and_then(|characters| characters.first());
            with_optional(trim_name(*trim_where), vec![of(expr)], trim_what.as_deref().or(listed))
        }
        Expr::Interval(interval) => plain_interval(interval)?,
        Expr::Like { pattern, escape_char, .. } | Expr::ILike { pattern, escape_char, .. } => {
            // The engine knows the backslash only.
            **pattern = call(LIKE_PATTERN, [of(pattern), Expr::Value(escape_char.take()?)]);
            return None;
        }
        Expr::SimilarTo { negated, expr, pattern, escape_char } => {
            let escape = escape_char.clone().map(Expr::Value);
            let is_similar = with_optional(SIMILAR_TO, vec![of(expr), of(pattern)], escape.as_ref());
            match negated {
                true => Expr::UnaryOp { op: UnaryOperator::Not, expr: Box::new(is_similar) },
                false => is_similar,
            }
        }
        Expr::AnyOp { .. } | Expr::AllOp { .. } => in_query(expr)?,
        Expr::BinaryOp { left, op: BinaryOperator::BitwiseXor | BinaryOperator::PGExp, right } => {
            call("power", [of(left), of(right)])
        }
        Expr::UnaryOp { op, expr } => call(sign_name(*op, expr)?, [of(expr)]),
        _ => return None,
    })
}

/// A number with an exponent is a DOUBLE PRECISION, one that fits no BIGINT a DECIMAL. The engine takes them for a DECIMAL of any scale,
/// and for a BIGINT without a sign.
fn of_number(value: &Value) -> Option<Expr> {
    match value {
        Value::Number(number, _) if number.parse::<u64>().is_ok_and(|number| i64::try_from(number).is_err()) => {
            let digits = ExactNumberInfo::PrecisionAndScale(number.len() as u64, 0);
            Some(cast(text(number), DataType::Decimal(digits)))
        }
        Value::Number(number, _) if number.contains(['e', 'E']) => Some(cast(text(number), DataType::DoublePrecision)),
        _ => None,
    }
}

/// `value = ANY (query)` is IN, and `value <> ALL (query)` is NOT IN.
pub(super) fn in_query(expr: &Expr) -> Option<Expr> {
    let (value, query, negated) = match expr {
        Expr::AnyOp { left, compare_op: BinaryOperator::Eq, right, .. } => (left, right, false),
        Expr::AllOp { left, compare_op: BinaryOperator::NotEq, right } => (left, right, true),
        _ => return None,
    };
    let Expr::Subquery(subquery) = &**query else { return None };
    Some(Expr::InSubquery { expr: value.clone(), subquery: subquery.clone(), negated })
}

/// A call with one more argument, if it is there.
fn with_optional(name: &str, mut arguments: Vec<Expr>, more: Option<&Expr>) -> Expr {
    arguments.extend(more.cloned());
    call(name, arguments)
}

fn trim_name(side: Option<TrimWhereField>) -> &'static str {
    match side {
        Some(TrimWhereField::Leading) => "ltrim",
        Some(TrimWhereField::Trailing) => "rtrim",
        Some(TrimWhereField::Both) | None => "btrim",
    }
}

/// The function that an operator with one side is. A number that is written out has its sign.
fn sign_name(op: UnaryOperator, operand: &Expr) -> Option<&'static str> {
    Some(match op {
        UnaryOperator::PGAbs => "abs",
        UnaryOperator::PGSquareRoot => "sqrt",
        UnaryOperator::PGCubeRoot => "cbrt",
        UnaryOperator::BitwiseNot => BITWISE_NOT,
        UnaryOperator::Minus if !matches!(operand, Expr::Value(_)) => NEGATIVE,
        _ => return None,
    })
}
