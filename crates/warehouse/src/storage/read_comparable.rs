//! Reading texts that are compared: where no text of a file's column has blanks at its end, the column is compared as it is, so that its
//! statistics and filters count.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::read_shredded::ReadShredded;
use crate::functions::COMPARABLE;

/// The key in the metadata of such a column's field.
pub(super) const COMPARABLE_KEY: &str = "tidemill.no_trailing_blanks";

/// Makes adapters that know of such columns, one a file.
#[derive(Debug)]
pub(super) struct ReadComparable;

impl PhysicalExprAdapterFactory for ReadComparable {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Arc::new(Adapter { rest: ReadShredded.create(table, Arc::clone(&file))?, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    rest: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = expr.transform_up(|expr| match self.plain(&expr) {
            Some(column) => Ok(Transformed::yes(column)),
            None => Ok(Transformed::no(expr)),
        });
        self.rest.rewrite(expr.data()?)
    }
}

impl Adapter {
    /// The column whose comparable texts an expression is, if they are its texts.
    fn plain(&self, expr: &Arc<dyn PhysicalExpr>) -> Option<Arc<dyn PhysicalExpr>> {
        let call = expr.downcast_ref::<ScalarFunctionExpr>().filter(|call| call.fun().name() == COMPARABLE)?;
        let column = call.args().first()?.downcast_ref::<Column>()?;
        let field = self.file.field_with_name(column.name()).ok()?;
        field.metadata().contains_key(COMPARABLE_KEY).then(|| Arc::clone(&call.args()[0]))
    }
}
