//! Names of output columns. PostgreSQL names `count(*)` `count` and allows two columns of one name; the
//! engine does neither, so unnamed expressions are aliased before planning, twins with a hidden suffix.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, Query, Select, SelectItem, TrimWhereField,
    Value, VisitMut, VisitorMut,
};

/// Separates a name from what makes it unique. It cannot be typed in a name that reaches a client.
pub(super) const HIDDEN: char = '\u{1}';

/// The name that a client sees.
pub fn shown_name(name: &str) -> &str {
    name.split(HIDDEN).next().unwrap_or(name)
}

/// Names the outputs of every SELECT of a query.
pub(crate) fn name_outputs(query: &mut Query) {
    // Never breaks off.
    let _ = query.visit(&mut Namer);
}

fn is_placeholder(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if matches!(value.value, Value::Placeholder(_)))
}

fn without_casts(expr: &Expr) -> &Expr {
    match expr {
        Expr::Cast { expr, .. } | Expr::Nested(expr) => without_casts(expr),
        expr => expr,
    }
}

/// Whether a name calls a function without parentheses; no column has such a name.
pub(crate) fn is_call(name: &Ident) -> bool {
    const WORDS: [&str; 7] =
        ["current_date", "current_timestamp", "current_user", "current_user_id", "session_user", "sysdate", "user"];
    name.quote_style.is_none() && WORDS.contains(&name.value.as_str())
}

struct Namer;

impl VisitorMut for Namer {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut seen: HashMap<String, usize> = HashMap::new();
        for item in &mut select.projection {
            name_item(item, &mut seen);
        }
        ControlFlow::Continue(())
    }
}

fn name_item(item: &mut SelectItem, seen: &mut HashMap<String, usize>) {
    let (expr, name) = match item {
        SelectItem::UnnamedExpr(expr) => (expr, None),
        SelectItem::ExprWithAlias { expr, alias } => (expr, Some(alias.value.clone())),
        _ => return,
    };
    let is_column = name.is_none() && matches!(expr, Expr::Identifier(ident) if !is_call(ident));
    let name = name.or_else(|| figure(expr)).unwrap_or_else(|| "?column?".into());
    let before = seen.entry(name.clone()).or_default();
    *before += 1;
    let name = match (*before, is_column) {
        // The engine names a plain column as PostgreSQL does.
        (1, true) => return,
        (1, false) => name,
        (again, _) => format!("{name}{HIDDEN}{again}"),
    };
    let expr = std::mem::replace(
        expr,
        Expr::Wildcard(datafusion::sql::sqlparser::ast::helpers::attached_token::AttachedToken::empty()),
    );
    *item = SelectItem::ExprWithAlias { expr, alias: Ident::with_quote('"', name) };
}

fn first_argument(function: &Function) -> Option<&Expr> {
    match &function.args {
        FunctionArguments::List(list) => match list.args.first()? {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => Some(expr),
            _ => None,
        },
        FunctionArguments::None | FunctionArguments::Subquery(_) => None,
    }
}

/// The name PostgreSQL gives to an expression without one.
fn figure(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::CompoundIdentifier(parts) => parts.last().map(|part| part.value.clone()),
        Expr::Function(function) => {
            let name = function.name.0.last()?.as_ident()?.value.to_lowercase();
            Some(match name.as_str() {
                "dateadd" => "date_add".into(),
                "datediff" => "date_diff".into(),
                "date_part" => "pgdate_part".into(),
                "decode" => "case".into(),
                "log" => "dlog10".into(),
                "nvl" => "coalesce".into(),
                // It is called like what it may be.
                "nullif" => first_argument(function).and_then(figure).unwrap_or(name),
                _ => name,
            })
        }
        // A parameter of a type that was declared, not written.
        Expr::Cast { expr, .. } if matches!(&**expr, Expr::Nested(inner) if is_placeholder(inner)) => None,
        Expr::Cast { expr, data_type, .. } => figure(without_casts(expr))
            .or_else(|| Some(crate::types::SqlType::from_ast(data_type).ok()?.short_name().to_owned())),
        Expr::Convert { expr, data_type: Some(data_type), .. } => {
            figure(expr).or_else(|| Some(crate::types::SqlType::from_ast(data_type).ok()?.short_name().to_owned()))
        }
        Expr::TypedString(typed) => {
            Some(crate::types::SqlType::from_ast(&typed.data_type).ok()?.short_name().to_owned())
        }
        Expr::Interval(_) => Some("interval".into()),
        Expr::AtTimeZone { .. } => Some("timezone".into()),
        Expr::Case { .. } => Some("case".into()),
        Expr::Nested(expr) | Expr::Collate { expr, .. } => figure(expr),
        Expr::Extract { .. } => Some("date_part".into()),
        Expr::Substring { .. } => Some("substring".into()),
        Expr::Trim { trim_where, .. } => Some(match trim_where {
            Some(TrimWhereField::Leading) => "ltrim".into(),
            Some(TrimWhereField::Trailing) => "rtrim".into(),
            _ => "btrim".into(),
        }),
        Expr::Position { .. } => Some("position".into()),
        Expr::Ceil { .. } => Some("ceil".into()),
        Expr::Floor { .. } => Some("floor".into()),
        Expr::Exists { .. } => Some("exists".into()),
        Expr::Subquery(query) => match query.body.as_select()?.projection.first()? {
            SelectItem::UnnamedExpr(expr) => figure(expr),
            SelectItem::ExprWithAlias { alias, .. } => Some(alias.value.clone()),
            _ => None,
        },
        Expr::CompoundFieldAccess { root, access_chain } => access_chain
            .iter()
            .rev()
            .find_map(|access| {
                use datafusion::sql::sqlparser::ast::AccessExpr;
                match access {
                    AccessExpr::Dot(Expr::Value(field)) => field.clone().into_string(),
                    AccessExpr::Dot(field) => figure(field),
                    AccessExpr::Subscript(_) => None,
                }
            })
            .or_else(|| figure(root)),
        _ => None,
    }
}
