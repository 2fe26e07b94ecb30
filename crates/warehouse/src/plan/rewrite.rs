//! Rewrites of a statement's syntax tree before it is planned.

use std::ops::ControlFlow;

use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, CastKind, DataType, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentList,
    FunctionArguments, Ident, JsonPathElem, ObjectName, Query, SelectItem, SetExpr, Statement, Subscript, TableFactor,
    Value, Visit, VisitMut, Visitor, VisitorMut,
};

use crate::error::{ErrorKind, Result, SqlError};
use crate::sql::{alias_parts, name_outputs};

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
}

/// Prepares a query for the planner: names its outputs, and puts in what the planner does not know.
pub(crate) fn prepare_query(query: &mut Query, values: &SessionValues) {
    spell_out_paths(query);
    alias_parts(query);
    name_outputs(query);
    // Never breaks off.
    let _ = query.visit(&mut Prepare { values });
}

/// Plans the query that defines a view, over leaves and analyzed.
pub(crate) async fn plan_definition(planner: &SessionState, mut query: Query) -> Result<LogicalPlan> {
    refuse_mutable(&query)?;
    spell_out_paths(&mut query);
    name_outputs(&mut query);
    let statement = EngineStatement::Statement(Box::new(Statement::Query(Box::new(query))));
    let plan = planner.statement_to_plan(statement).await?;
    Ok(planner.analyzer().execute_and_check(plan, planner.config_options(), |_, _| {})?)
}

/// Functions whose value changes between two calls or two users: a view with them would depend on when it was refreshed.
const MUTABLE: [&str; 17] = [
    "current_database",
    "current_date",
    "current_schema",
    "current_schemas",
    "current_time",
    "current_timestamp",
    "current_user",
    "current_user_id",
    "getdate",
    "now",
    "pg_backend_pid",
    "random",
    "session_user",
    "sysdate",
    "timeofday",
    "user",
    "version",
];

/// Those that are called without parentheses; no column has such a name.
const WORDS: [&str; 8] = [
    "current_date",
    "current_time",
    "current_timestamp",
    "current_user",
    "current_user_id",
    "session_user",
    "sysdate",
    "user",
];

fn refuse_mutable(query: &Query) -> Result<()> {
    struct Finder;
    impl Visitor for Finder {
        type Break = String;
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
            let is_word = |ident: &&Ident| WORDS.contains(&ident.value.as_str()) && ident.quote_style.is_none();
            let name = match expr {
                Expr::Function(function) => function.name.0.last().and_then(|part| part.as_ident()),
                Expr::Identifier(ident) => Some(ident).filter(is_word),
                _ => None,
            };
            match name {
                Some(name) if MUTABLE.contains(&name.value.to_lowercase().as_str()) => {
                    ControlFlow::Break(name.value.to_lowercase())
                }
                _ => ControlFlow::Continue(()),
            }
        }
    }
    match Visit::visit(query, &mut Finder) {
        ControlFlow::Break(name) => {
            Err(SqlError::unsupported(format!("a materialized view cannot call the mutable function {name}")))
        }
        ControlFlow::Continue(()) => Ok(()),
    }
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
        if let Expr::JsonAccess { value, path } = expr {
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

struct Prepare<'v> {
    values: &'v SessionValues,
}

impl VisitorMut for Prepare<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Subquery(query) if reads_nothing(query) => *expr = Expr::Value(Value::Null.with_empty_span()),
            Expr::Subquery(query) => make_single(query),
            Expr::Function(function) => {
                unqualify(&mut function.name);
                if let Some(value) = self.session_value(function) {
                    *expr = value;
                }
            }
            Expr::Identifier(ident) if ident.quote_style.is_none() => {
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
        let is_empty = match &function.args {
            FunctionArguments::None => true,
            FunctionArguments::List(list) => list.args.is_empty(),
            FunctionArguments::Subquery(_) => false,
        };
        if !is_empty {
            return None;
        }
        match name.as_str() {
            "current_database" => Some(text(&self.values.database)),
            "current_schema" => Some(text(&self.values.schema)),
            "version" => Some(text(&self.values.version)),
            "pg_backend_pid" => Some(number(i64::from(self.values.backend))),
            "getdate" | "now" => Some(time(self.values.now / 1_000_000 * 1_000_000, name == "now")),
            _ => self.session_word(&name),
        }
    }

    fn session_word(&self, word: &str) -> Option<Expr> {
        match word {
            "current_user" | "session_user" | "user" | "current_user_id" => Some(text(&self.values.user)),
            "sysdate" => Some(time(self.values.now, false)),
            _ => None,
        }
    }
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
    let single = call("single_value", expr.clone());
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

    fn pre_visit_value(&mut self, value: &mut datafusion::sql::sqlparser::ast::ValueWithSpan) -> ControlFlow<String> {
        let Value::Placeholder(name) = &value.value else { return ControlFlow::Continue(()) };
        let place = name.strip_prefix('$').and_then(|number| number.parse::<usize>().ok()?.checked_sub(1));
        value.value = match place.and_then(|place| self.parameters.get(place)) {
            None => return ControlFlow::Break(name.clone()),
            Some(Parameter::Null) => Value::Null,
            Some(Parameter::Text(text)) => Value::SingleQuotedString(text.clone()),
            Some(Parameter::Number(number)) => Value::Number(number.clone(), false),
        };
        ControlFlow::Continue(())
    }
}

fn text(value: &str) -> Expr {
    Expr::Value(Value::SingleQuotedString(value.to_owned()).with_empty_span())
}

fn number(value: i64) -> Expr {
    Expr::Value(Value::Number(value.to_string(), false).with_empty_span())
}

/// A constant timestamp, with or without time zone.
fn time(micros: i64, with_zone: bool) -> Expr {
    use datafusion::sql::sqlparser::ast::TimezoneInfo;
    let time = chrono::DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let zone = if with_zone { TimezoneInfo::WithTimeZone } else { TimezoneInfo::None };
    Expr::Cast {
        kind: CastKind::Cast,
        expr: Box::new(text(&time.format("%Y-%m-%d %H:%M:%S%.6f").to_string())),
        data_type: DataType::Timestamp(None, zone),
        array: false,
        format: None,
    }
}

fn call(name: &str, argument: Expr) -> Expr {
    Expr::Function(Function {
        name: ObjectName::from(vec![Ident::new(name)]),
        uses_odbc_syntax: false,
        parameters: FunctionArguments::None,
        args: FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment: None,
            args: vec![FunctionArg::Unnamed(FunctionArgExpr::Expr(argument))],
            clauses: Vec::new(),
        }),
        filter: None,
        null_treatment: None,
        over: None,
        within_group: Vec::new(),
    })
}
