//! Reading DECIMALs as the integers that files keep them as, where that is what a query wants.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::physical_expr::expressions::{CastExpr, Column};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use crate::functions::is_unscaled;

/// Makes adapters that take a column as the file has it, for the integer of a DECIMAL.
#[derive(Debug)]
pub(super) struct ReadUnscaled;

impl PhysicalExprAdapterFactory for ReadUnscaled {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        Ok(Arc::new(Adapter { rest: DefaultPhysicalExprAdapterFactory.create(table, Arc::clone(&file))?, file }))
    }
}

#[derive(Debug)]
struct Adapter {
    /// Finds the columns in the file, and casts those that have another type there.
    rest: Arc<dyn PhysicalExprAdapter>,
    file: SchemaRef,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        let expr = self.rest.rewrite(expr)?;
        expr.transform_up(|expr| match expr.downcast_ref::<ScalarFunctionExpr>().and_then(|call| self.stored(call)) {
            Some(stored) => Ok(Transformed::yes(expr.with_new_children(vec![stored])?)),
            None => Ok(Transformed::no(expr)),
        })
        .data()
    }
}

impl Adapter {
    /// What the file has for the DECIMAL that a call makes an integer of, if that is its integer.
    fn stored(&self, call: &ScalarFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let [decimal] = call.args() else { return None };
        let cast = decimal.downcast_ref::<CastExpr>().filter(|_| is_unscaled(call.fun()))?;
        let column = cast.expr().downcast_ref::<Column>()?;
        match (self.file.field(column.index()).data_type(), cast.target_field().data_type()) {
            (DataType::Decimal64(_, stored), DataType::Decimal128(_, scale)) if stored == scale => {
                Some(Arc::clone(cast.expr()))
            }
            _ => None,
        }
    }
}
