//! Types that a statement names.

use datafusion::arrow::datatypes::FieldRef;
use datafusion::common::Result;
use datafusion::logical_expr::planner::TypePlanner;
use datafusion::sql::sqlparser::ast::DataType;

use crate::error::SqlError;
use crate::types::SqlType;

/// Reads Redshift's type names; the field's metadata carries the type on.
#[derive(Debug)]
pub(super) struct RedshiftTypes;

impl TypePlanner for RedshiftTypes {
    fn plan_type_field(&self, sql_type: &DataType) -> Result<Option<FieldRef>> {
        let sql_type = SqlType::from_ast(sql_type).map_err(SqlError::into_engine)?;
        Ok(Some(sql_type.tagged_field("")))
    }
}
