//! Operators that mean something else to the engine.

use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};

use crate::functions::cast_to;
use crate::types::SqlType;

#[derive(Debug)]
pub(super) struct RedshiftOperators;

impl ExprPlanner for RedshiftOperators {
    fn plan_binary_op(&self, mut expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let types = (type_of(&expr.left, schema)?, type_of(&expr.right, schema)?);
        for (side, other) in [(&mut expr.left, types.1), (&mut expr.right, types.0)] {
            let data_type = side.get_type(schema)?;
            if data_type.is_unsigned_integer() {
                // Numbers of rows. Redshift: a BIGINT, from which more than it is can be taken.
                *side = cast_to(side.clone(), SqlType::BigInt);
            } else if SqlType::of_arrow(&data_type) == SqlType::Date && other == SqlType::Interval {
                // Redshift: a TIMESTAMP.
                *side = cast_to(side.clone(), SqlType::Timestamp);
            }
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn type_of(expr: &Expr, schema: &DFSchema) -> Result<SqlType> {
    Ok(SqlType::of_arrow(&expr.get_type(schema)?))
}
