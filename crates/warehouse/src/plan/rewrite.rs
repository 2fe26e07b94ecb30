//! Rewrites of a statement's syntax tree before it is planned.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident,
    JsonPathElem, ObjectName, Query, SelectItem, SetExpr, Subscript, TableFactor, TimezoneInfo, Value, VisitMut,
    VisitorMut,
};

use super::parameters::is_parameter;
use super::syntax::{SpellOutSyntax, in_query};
use super::using::NameJoinedColumns;
use crate::functions::{ASSIGN_AS, CAN_JSON_PARSE, CAN_JSON_PARSE_LAST, CAST_AS, JSON_PARSE, JSON_PARSE_LAST};
use crate::sql::{alias_parts, call, cast, is_call, name_outputs, number, text};
use crate::types::SqlType;

/// What session functions give: fixed for one statement.
#[derive(Debug, Clone)]
pub(crate) struct SessionValues {
    pub(crate) user: String,
    pub(crate) database: String,
    pub(crate) schema: String,
    pub(crate) backend: i32,
    pub(crate) version: String,
    /// Microseconds since the epoch.
    pub(crate) now: i64,
    /// Whether JSON_PARSE keeps the last one of attributes of one name, and does not fail.
    pub(crate) keeps_last: bool,
}

/// Prepares a query for the planner: names its outputs, and puts in what the planner does not know.
pub(crate) fn prepare_query(query: &mut Query, values: &SessionValues) {
    spell_out_paths(query);
    alias_parts(query);
    name_outputs(query);
    // Never breaks off.
    let _ = query.visit(&mut Prepare { values });
    spell_out(query);
}

/// Writes PartiQL paths (`payload.items[0].price`) as the field accesses that the planner knows.
pub(crate) fn spell_out_paths(query: &mut Query) {
    // Never breaks off.
    let _ = query.visit(&mut SpellOutPaths);
}

struct SpellOutPaths;

impl VisitorMut for SpellOutPaths {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::CompoundFieldAccess { root, access_chain } = expr
            && !matches!(**root, Expr::Identifier(_))
        {
            // Of what a function gives.
            for access in access_chain {
                if let AccessExpr::Dot(Expr::Identifier(key)) = access {
                    *access = AccessExpr::Dot(text(&key.value));
                }
            }
        } else if let Expr::JsonAccess { value, path } = expr {
            let access = |element: JsonPathElem| match element {
                JsonPathElem::Dot { key, .. } => AccessExpr::Dot(text(&key)),
                JsonPathElem::Bracket { key } | JsonPathElem::ColonBracket { key } => {
                    AccessExpr::Subscript(Subscript::Index { index: key })
                }
            };
            let access_chain = std::mem::take(&mut path.path).into_iter().map(access).collect();
            let root = std::mem::replace(value, Box::new(number(0)));
            *expr = Expr::CompoundFieldAccess { root, access_chain };
        }
        ControlFlow::Continue(())
    }
}

/// Writes casts and Redshift's own syntax as calls of functions of ours. Comes after the outputs were named, which are called like
/// what is written.
pub(super) fn spell_out(query: &mut Query) {
    // None breaks off.
    let _ = query.visit(&mut SpellOutSyntax);
    let _ = query.visit(&mut NameJoinedColumns);
    let _ = query.visit(&mut SpellOutCasts);
}

struct SpellOutCasts;

impl VisitorMut for SpellOutCasts {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Cast { kind: CastKind::Cast | CastKind::DoubleColon, expr: value, data_type, array: false, format: None } = expr
            // The type of a parameter is told by the engine's own cast.
            && !is_parameter(value)
            // A type that does not exist is the planner's to refuse.
            && let Ok(to) = SqlType::from_ast(data_type)
        {
            *expr = call(CAST_AS, [(**value).clone(), text(&to.to_string())]);
        }
        ControlFlow::Continue(())
    }
}

/// A value that is assigned to a column. What a parameter is given as is told by the planner.
pub(crate) fn assigned(value: Expr, sql_type: SqlType) -> Expr {
    match is_parameter(&value) {
        true => value,
        false => call(ASSIGN_AS, [value, text(&sql_type.to_string())]),
    }
}

struct Prepare<'v> {
    values: &'v SessionValues,
}

impl VisitorMut for Prepare<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        // Its query gives more than one value.
        if let Some(is_in) = in_query(expr) {
            *expr = is_in;
        }
        match expr {
            Expr::Subquery(query) if reads_nothing(query) => *expr = Expr::Value(Value::Null.with_empty_span()),
            Expr::Subquery(query) => make_single(query),
            Expr::Function(function) => {
                unqualify(&mut function.name);
                if self.values.keeps_last {
                    let parsers = [(JSON_PARSE, JSON_PARSE_LAST), (CAN_JSON_PARSE, CAN_JSON_PARSE_LAST)];
                    let lenient = parsers.iter().find(|(strict, _)| is_named(&function.name, &[strict]));
                    lenient.into_iter().for_each(|(_, name)| function.name = ObjectName::from(vec![Ident::new(*name)]));
                }
                if let Some(value) = self.session_value(function) {
                    *expr = value;
                }
            }
            Expr::Identifier(ident) if is_call(ident) => {
                if let Some(value) = self.session_word(&ident.value) {
                    *expr = value;
                }
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Prepare<'_> {
    fn session_value(&self, function: &Function) -> Option<Expr> {
        let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
        if !has_no_arguments(function) {
            return None;
        }
        match name.as_str() {
            "current_database" => Some(text(&self.values.database)),
            "current_schema" => Some(text(&self.values.schema)),
            "version" => Some(text(&self.values.version)),
            "pg_backend_pid" => Some(number(i64::from(self.values.backend))),
            _ => self.session_word(&name),
        }
    }

    fn session_word(&self, word: &str) -> Option<Expr> {
        match word {
            "current_user" | "session_user" | "user" | "current_user_id" => Some(text(&self.values.user)),
            _ => time_value(word, self.values.now),
        }
    }
}

pub(super) fn has_no_arguments(function: &Function) -> bool {
    match &function.args {
        FunctionArguments::None => true,
        FunctionArguments::List(list) => list.args.is_empty(),
        FunctionArguments::Subquery(_) => false,
    }
}

/// What a function of the time gives at `now`, in microseconds since the epoch.
pub(super) fn time_value(name: &str, now: i64) -> Option<Expr> {
    const SECOND: i64 = 1_000_000;
    match name {
        "sysdate" => Some(time(now, false)),
        "getdate" => Some(time(now / SECOND * SECOND, false)),
        "now" | "current_timestamp" => Some(time(now / SECOND * SECOND, true)),
        "current_date" => Some(cast(time(now, false), DataType::Date)),
        "current_time" => Some(cast(time(now, false), DataType::Time(None, TimezoneInfo::None))),
        _ => None,
    }
}

/// The plain arguments of a call.
pub(super) fn arguments_of(function: &mut Function) -> impl Iterator<Item = &mut Expr> {
    let arguments = match &mut function.args {
        FunctionArguments::List(list) => list.args.as_mut_slice(),
        FunctionArguments::None | FunctionArguments::Subquery(_) => &mut [],
    };
    arguments.iter_mut().filter_map(|argument| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
        _ => None,
    })
}

pub(super) fn is_named(function: &ObjectName, names: &[&str]) -> bool {
    let name = function.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| names.iter().any(|known| name.value.eq_ignore_ascii_case(known)))
}

/// Functions are not in schemas; `pg_catalog` in front of one says nothing.
fn unqualify(name: &mut ObjectName) {
    if name.0.len() == 2 && name.0[0].as_ident().is_some_and(|schema| schema.value == "pg_catalog") {
        name.0.remove(0);
    }
}

/// Whether a query is an inner join with a system relation that never has rows. psql looks for defaults and collations
/// by correlated subqueries of a kind that the engine cannot plan.
fn reads_nothing(query: &Query) -> bool {
    let Some(select) = query.body.as_select() else { return false };
    select.from.iter().filter(|from| from.joins.is_empty()).any(|from| match &from.relation {
        TableFactor::Table { name, .. } => {
            let name = name.0.last().and_then(|part| part.as_ident());
            name.is_some_and(|name| crate::system::is_always_empty(&name.value))
        }
        _ => false,
    })
}

/// A subquery used as a value has at most one row; the engine wants to see that from its form.
fn make_single(query: &mut Query) {
    let SetExpr::Select(select) = query.body.as_mut() else { return };
    let grouped = !matches!(&select.group_by, datafusion::sql::sqlparser::ast::GroupByExpr::Expressions(exprs, _) if exprs.is_empty());
    if grouped || query.limit_clause.is_some() || select.distinct.is_some() || select.projection.len() != 1 {
        return;
    }
    let (expr, alias) = match &mut select.projection[0] {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.clone())),
        _ => return,
    };
    if has_aggregate(expr) {
        return;
    }
    let single = call("single_value", [expr.clone()]);
    select.projection[0] = match alias {
        Some(alias) => SelectItem::ExprWithAlias { expr: single, alias },
        None => SelectItem::UnnamedExpr(single),
    };
}

/// Whether an expression calls an aggregate. Window functions and inner queries are not looked into, as
/// `single_value` of them is right too.
fn has_aggregate(expr: &Expr) -> bool {
    struct Finder;
    impl datafusion::sql::sqlparser::ast::Visitor for Finder {
        type Break = ();
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            const AGGREGATES: [&str; 12] = [
                "count",
                "sum",
                "avg",
                "min",
                "max",
                "listagg",
                "median",
                "stddev",
                "variance",
                "bool_or",
                "bool_and",
                "single_value",
            ];
            match expr {
                Expr::Function(function) if AGGREGATES.contains(&function.name.to_string().to_lowercase().as_str()) => {
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    datafusion::sql::sqlparser::ast::Visit::visit(expr, &mut Finder).is_break()
}

/// A constant timestamp, with or without time zone.
fn time(micros: i64, with_zone: bool) -> Expr {
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let zone = if with_zone { TimezoneInfo::WithTimeZone } else { TimezoneInfo::None };
    cast(text(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string()), DataType::Timestamp(None, zone))
}
