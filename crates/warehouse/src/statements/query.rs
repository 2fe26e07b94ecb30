//! SELECT, VALUES and their kin.

use std::ops::ControlFlow;

use datafusion::physical_plan::execute_stream;
use datafusion::sql::sqlparser::ast::{Query, Statement, Value, ValueWithSpan, Visit, Visitor};

use crate::error::{Result, SqlError};
use crate::session::{Description, Outcome, Session};
use crate::types::{MAX_VARCHAR, SqlType};

pub(super) async fn run(session: &Session, query: &Query, text: &str) -> Result<Outcome> {
    if query.body.as_select().is_some_and(|select| select.into.is_some()) {
        return Err(SqlError::unsupported("SELECT INTO is not supported").with_hint("Use CREATE TABLE AS."));
    }
    let planner = session.planner()?;
    let plan = session.plan(&planner, query, text).await?;
    let plan = planner.create_physical_plan(&plan).await?;
    Ok(Outcome::Rows(execute_stream(plan, planner.task_ctx())?))
}

pub(super) async fn describe(session: &Session, query: &Query, text: &str) -> Result<Description> {
    let planner = session.planner()?;
    let plan = session.plan(&planner, query, text).await?;
    // Types are final only after coercion.
    let plan = planner.optimize(&plan)?;
    let known = plan.get_parameter_types().unwrap_or_default();
    let count = placeholders(query);
    let parameter = |number: usize| {
        let told = known.get(&format!("${number}")).cloned().flatten();
        told.map_or(SqlType::Varchar(MAX_VARCHAR), |data_type| SqlType::of_arrow(&data_type))
    };
    let columns = std::sync::Arc::new(plan.schema().as_arrow().clone());
    Ok(Description { parameters: (1..=count).map(parameter).collect(), columns: Some(columns) })
}

/// The parameters of a statement whose parts are not planned as queries: all are texts, which are converted where
/// they go.
pub(super) fn untyped_parameters(statement: &Statement) -> Vec<SqlType> {
    vec![SqlType::Varchar(MAX_VARCHAR); placeholders(statement)]
}

/// The highest number of a parameter.
fn placeholders<T: Visit>(tree: &T) -> usize {
    struct Highest(usize);
    impl Visitor for Highest {
        type Break = ();
        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<()> {
            if let Value::Placeholder(name) = &value.value {
                let number = name.strip_prefix('$').and_then(|number| number.parse().ok());
                self.0 = self.0.max(number.unwrap_or(0));
            }
            ControlFlow::Continue(())
        }
    }
    let mut highest = Highest(0);
    // Never breaks off.
    let _ = tree.visit(&mut highest);
    highest.0
}
