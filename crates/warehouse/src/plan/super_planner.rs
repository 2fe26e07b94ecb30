//! SUPER in expressions: `payload.items[0].price = 5`.

use datafusion::arrow::datatypes::Field;
use datafusion::common::{Column, DFSchema, Result, ScalarValue, TableReference};
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr, RawFieldAccessExpr};
use datafusion::logical_expr::{Expr, ExprSchemable, GetFieldAccess, Operator};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::super_arithmetic::arithmetic;
use super::super_compare::{compare, is_comparison};
use crate::error::SqlError;
use crate::functions::{Step, navigate};
use crate::types::SqlType;

#[derive(Debug)]
pub(super) struct SuperNavigation;

impl ExprPlanner for SuperNavigation {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        let op = match expr.op {
            BinaryOperator::Eq => Operator::Eq,
            BinaryOperator::NotEq => Operator::NotEq,
            BinaryOperator::Lt => Operator::Lt,
            BinaryOperator::LtEq => Operator::LtEq,
            BinaryOperator::Gt => Operator::Gt,
            BinaryOperator::GtEq => Operator::GtEq,
            BinaryOperator::Plus => Operator::Plus,
            BinaryOperator::Minus => Operator::Minus,
            BinaryOperator::Multiply => Operator::Multiply,
            BinaryOperator::Divide => Operator::Divide,
            BinaryOperator::Modulo => Operator::Modulo,
            _ => return Ok(PlannerResult::Original(expr)),
        };
        let planned = match is_comparison(op) {
            true => compare(&expr.left, op, &expr.right, schema)?,
            false => arithmetic(&expr.left, op, &expr.right, schema),
        };
        Ok(planned.map_or(PlannerResult::Original(expr), PlannerResult::Planned))
    }

    fn plan_compound_identifier(
        &self,
        field: &Field,
        qualifier: Option<&TableReference>,
        nested_names: &[String],
    ) -> Result<PlannerResult<Vec<Expr>>> {
        if SqlType::of(field) != SqlType::Super {
            return Ok(PlannerResult::Original(Vec::new()));
        }
        let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
        let path = nested_names.iter().fold(column, |value, name| navigate(value, Step::Key(name.clone())));
        Ok(PlannerResult::Planned(path))
    }

    fn plan_field_access(
        &self,
        expr: RawFieldAccessExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawFieldAccessExpr>> {
        let (_, field) = expr.expr.to_field(schema)?;
        let step = match &expr.field_access {
            _ if SqlType::of(&field) != SqlType::Super => None,
            GetFieldAccess::NamedStructField { name } => Step::of(name),
            GetFieldAccess::ListIndex { key } => match &**key {
                Expr::Literal(value @ ScalarValue::Int64(_), _) => Step::of(value),
                _ => None,
            },
            GetFieldAccess::ListRange { .. } => None,
        };
        match step {
            Some(step) => Ok(PlannerResult::Planned(navigate(expr.expr, step))),
            None if SqlType::of(&field) == SqlType::Super => {
                Err(SqlError::unsupported("a SUPER value is navigated by constants only").into_engine())
            }
            None => Ok(PlannerResult::Original(expr)),
        }
    }
}
