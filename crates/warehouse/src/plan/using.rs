//! Columns by which relations are joined (`a JOIN b USING (id) WHERE id = 1`): of the two that are called so, the one is meant that is not
//! filled up with NULLs. The engine takes the left one in a select list, and either for ambiguous in a condition.

use std::collections::HashMap;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Join, JoinConstraint, JoinOperator, Query, Select, SelectItem, TableFactor, TableWithJoins, VisitMut,
    VisitorMut,
};

use crate::sql::call;

/// Says in each SELECT which column is meant.
pub(super) struct NameJoinedColumns;

impl VisitorMut for NameJoinedColumns {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let (Some(select), Some(order)) = (query.body.as_select(), &mut query.order_by) else {
            return ControlFlow::Continue(());
        };
        let mut meant = Meant::of(&mut select.from.clone());
        // What is shown under a name comes first.
        meant.columns.retain(|name, _| !select.projection.iter().any(|item| is_shown(item, name)));
        // Never breaks off.
        let _ = order.visit(&mut meant);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let mut meant = Meant::of(&mut select.from);
        if !meant.columns.is_empty() {
            select.projection.iter_mut().for_each(name_column);
            // None breaks off.
            let _ = select.projection.visit(&mut meant);
            let _ = select.selection.visit(&mut meant);
            let _ = select.group_by.visit(&mut meant);
            let _ = select.having.visit(&mut meant);
        }
        ControlFlow::Continue(())
    }
}

fn is_shown(item: &SelectItem, name: &str) -> bool {
    match item {
        SelectItem::UnnamedExpr(Expr::Identifier(column)) => column.value == name,
        SelectItem::ExprWithAlias { alias, .. } => alias.value == name,
        _ => false,
    }
}

/// A column keeps its name, whatever stands for it.
fn name_column(item: &mut SelectItem) {
    if let SelectItem::UnnamedExpr(expr @ Expr::Identifier(_)) = item
        && let Expr::Identifier(name) = expr.clone()
    {
        *item = SelectItem::ExprWithAlias { expr: expr.clone(), alias: name };
    }
}

struct Meant {
    /// What a name stands for.
    columns: HashMap<String, Expr>,
    /// Queries in an expression that are being visited: they have names of their own.
    queries: usize,
}

impl Meant {
    fn of(relations: &mut [TableWithJoins]) -> Self {
        let mut meant = Self { columns: HashMap::new(), queries: 0 };
        relations.iter_mut().for_each(|from| meant.join(from));
        meant
    }

    fn join(&mut self, from: &mut TableWithJoins) {
        use JoinOperator::{FullOuter, Inner, Join as Plain, Left, LeftOuter, Right, RightOuter};
        // Of more than one relation on the left, which has the column is not known here.
        let mut left = name_of(&from.relation);
        for Join { relation, join_operator, .. } in &mut from.joins {
            let right = name_of(relation);
            let (constraint, kept) = match join_operator {
                Plain(constraint) | Inner(constraint) => (constraint, Kept::Alike),
                Right(constraint) | RightOuter(constraint) => (constraint, Kept::Right),
                Left(constraint) | LeftOuter(constraint) => (constraint, Kept::Left),
                FullOuter(constraint) => (constraint, Kept::Both),
                _ => continue,
            };
            match constraint {
                JoinConstraint::On(condition) => {
                    // Never breaks off.
                    let _ = condition.visit(self);
                }
                JoinConstraint::Using(columns) => {
                    for column in columns.iter().filter_map(|column| column.0.last()?.as_ident()) {
                        let of =
                            |relation: &Option<Ident>| relation.as_ref().map(|relation| qualified(relation, column));
                        let before = self.columns.remove(&column.value).or_else(|| of(&left));
                        let meant = match kept {
                            Kept::Left => before,
                            Kept::Alike => before.or_else(|| of(&right)),
                            Kept::Right => of(&right),
                            Kept::Both => before.zip(of(&right)).map(|(left, right)| call("coalesce", [left, right])),
                        };
                        self.columns.extend(meant.map(|meant| (column.value.clone(), meant)));
                    }
                }
                _ => {}
            }
            left = None;
        }
    }
}

/// Of which relation of a join all rows are kept, or, if of neither, one of those whose columns are alike.
enum Kept {
    Alike,
    Left,
    Right,
    Both,
}

impl VisitorMut for Meant {
    type Break = ();

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Identifier(name) = expr
            && self.queries == 0
            && let Some(meant) = self.columns.get(&name.value)
        {
            *expr = meant.clone();
        }
        ControlFlow::Continue(())
    }
}

/// The name by which a relation's columns are qualified.
fn name_of(relation: &TableFactor) -> Option<Ident> {
    match relation {
        TableFactor::Table { alias: Some(alias), .. } | TableFactor::Derived { alias: Some(alias), .. } => {
            Some(alias.name.clone())
        }
        TableFactor::Table { name, .. } => name.0.last()?.as_ident().cloned(),
        _ => None,
    }
}

fn qualified(relation: &Ident, column: &Ident) -> Expr {
    Expr::CompoundIdentifier(vec![relation.clone(), column.clone()])
}
