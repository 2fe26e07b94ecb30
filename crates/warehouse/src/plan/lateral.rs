//! Columns of a select list that later ones of the same list refer to: `SELECT a * 2 AS b, b + 1`. A column of the relations that are
//! read comes first, as in Redshift, so names are only looked for in the list when they are nowhere else.

use std::ops::ControlFlow;

use datafusion::common::{DataFusionError, Result, SchemaError};
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::Statement as EngineStatement;
use datafusion::sql::sqlparser::ast::{Expr, Query, Select, SelectItem, SetExpr, Statement, VisitMut, VisitorMut};

/// Plans a query.
pub(crate) async fn plan_query(planner: &SessionState, mut query: Query) -> Result<LogicalPlan> {
    let statement = |query: Query| EngineStatement::Statement(Box::new(Statement::Query(Box::new(query))));
    if matches!(*query.body, SetExpr::Values(_)) {
        // Many rows, and no list.
        return planner.statement_to_plan(statement(query)).await;
    }
    loop {
        match planner.statement_to_plan(statement(query.clone())).await {
            Err(error) if missing(&error).is_some_and(|name| resolve(&mut query, name)) => {}
            planned => return planned,
        }
    }
}

/// The column without a qualifier that a query lacks.
fn missing(error: &DataFusionError) -> Option<&str> {
    match error {
        DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error) => missing(error),
        DataFusionError::Collection(errors) => errors.first().and_then(missing),
        DataFusionError::SchemaError(error, _) => match &**error {
            SchemaError::FieldNotFound { field, .. } if field.relation.is_none() => Some(&field.name),
            _ => None,
        },
        _ => None,
    }
}

/// Puts what is called `name` in the place of the name, in the select lists that have both in this order. Whether there was one.
fn resolve(query: &mut Query, name: &str) -> bool {
    let mut resolver = Resolver { name, is_found: false };
    // Never breaks off.
    let _ = query.visit(&mut resolver);
    resolver.is_found
}

struct Resolver<'n> {
    name: &'n str,
    is_found: bool,
}

impl VisitorMut for Resolver<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut meant: Option<Expr> = None;
        for item in &mut select.projection {
            let (SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. }) = item else { continue };
            if let Some(meant) = &meant {
                let mut put = Put { name: self.name, meant, is_found: false };
                // Never breaks off.
                let _ = expr.visit(&mut put);
                self.is_found |= put.is_found;
            }
            if let SelectItem::ExprWithAlias { expr, alias } = item
                && alias.value == self.name
                && meant.is_none()
            {
                // What is made of itself is nothing.
                let mut put = Put { name: self.name, meant: &expr.clone(), is_found: false };
                let _ = expr.clone().visit(&mut put);
                meant = (!put.is_found).then(|| expr.clone());
            }
        }
        ControlFlow::Continue(())
    }
}

struct Put<'n> {
    name: &'n str,
    meant: &'n Expr,
    is_found: bool,
}

impl VisitorMut for Put<'_> {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if matches!(expr, Expr::Identifier(ident) if ident.value == self.name) {
            *expr = Expr::Nested(Box::new(self.meant.clone()));
            self.is_found = true;
        }
        ControlFlow::Continue(())
    }
}
