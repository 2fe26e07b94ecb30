//! A view's query as it is kept: written as text, it means the same whatever the settings of the session that reads it again.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, ObjectNamePart, Query, Value, ValueWithSpan, VisitMut, VisitorMut,
};

/// Names the schema of each relation that a query names without one, and has texts and signs written as they are read.
pub(crate) fn qualify(query: &mut Query, schema: &str) {
    let mut names = Names::default();
    // Never break off.
    let _ = query.visit(&mut names);
    let _ = query.visit(&mut Qualify { own: names.0, schema });
}

/// The names that WITH clauses give.
#[derive(Default)]
struct Names(HashSet<String>);

impl VisitorMut for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let tables = query.with.iter().flat_map(|with| &with.cte_tables);
        self.0.extend(tables.map(|table| table.alias.name.value.clone()));
        ControlFlow::Continue(())
    }
}

struct Qualify<'q> {
    own: HashSet<String>,
    schema: &'q str,
}

impl VisitorMut for Qualify<'_> {
    type Break = ();

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<()> {
        if let [ObjectNamePart::Identifier(name)] = relation.0.as_slice()
            && !self.own.contains(&name.value)
        {
            relation.0.insert(0, ObjectNamePart::Identifier(Ident::with_quote('"', self.schema)));
        }
        for part in &mut relation.0 {
            if let ObjectNamePart::Identifier(name) = part {
                name.quote_style = Some('"');
            }
        }
        ControlFlow::Continue(())
    }

    /// A backslash escapes what is behind it.
    fn pre_visit_value(&mut self, value: &mut ValueWithSpan) -> ControlFlow<()> {
        if let Value::SingleQuotedString(text) = &mut value.value {
            *text = text.replace('\\', "\\\\").replace('\'', "\\'");
        }
        ControlFlow::Continue(())
    }

    /// Two signs in a row would be a comment, or another operator.
    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::UnaryOp { expr: operand, .. } = expr
            && matches!(**operand, Expr::UnaryOp { .. })
        {
            **operand = Expr::Nested(operand.clone());
        }
        ControlFlow::Continue(())
    }
}
