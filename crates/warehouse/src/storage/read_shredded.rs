//! Reading shredded paths: where a file has columns for the paths of an expression, they are read in place of the documents.

use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use super::shred::shredded_name;
use crate::functions::{JsonPaths, SUPER_GET, ShreddedPaths, Step};
use crate::types::SqlType;

/// Makes adapters that know of shredded columns, one a file.
#[derive(Debug)]
pub(super) struct ReadShredded;

impl PhysicalExprAdapterFactory for ReadShredded {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        // What the file has beyond the table is shredded. The engine's own adapter is to take it for columns of the table.
        let (mut fields, columns) = (table.fields().to_vec(), table.fields().len());
        let more = file.fields().iter().filter(|field| table.field_with_name(field.name()).is_err());
        fields.extend(more.map(|field| SqlType::Super.field_ref(field.name())));
        let wide = Arc::new(Schema::new(fields));
        let rest = DefaultPhysicalExprAdapterFactory.create(Arc::clone(&wide), file)?;
        Ok(Arc::new(Adapter { rest, wide, columns }))
    }
}

#[derive(Debug)]
struct Adapter {
    /// Finds the columns in the file.
    rest: Arc<dyn PhysicalExprAdapter>,
    /// The table's columns, and then the shredded ones.
    wide: SchemaRef,
    columns: usize,
}

impl PhysicalExprAdapter for Adapter {
    fn rewrite(&self, expr: Arc<dyn PhysicalExpr>) -> Result<Arc<dyn PhysicalExpr>> {
        if self.columns == self.wide.fields().len() {
            return self.rest.rewrite(expr);
        }
        let rewritten = expr.transform_down(|expr| {
            let Some(call) = expr.downcast_ref::<ScalarFunctionExpr>() else { return Ok(Transformed::no(expr)) };
            let shredded = self.navigation(call).or_else(|| self.paths(call));
            Ok(match shredded {
                Some(shredded) => Transformed::new(shredded, true, TreeNodeRecursion::Jump),
                None => Transformed::no(expr),
            })
        })?;
        self.rest.rewrite(rewritten.data)
    }
}

impl Adapter {
    /// The shredded column for `payload.a.b`.
    fn navigation(&self, call: &ScalarFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let (mut steps, mut call) = (Vec::new(), call);
        loop {
            if call.fun().name() != SUPER_GET {
                return None;
            }
            let [document, step] = call.args() else { return None };
            steps.push(Step::of(step.downcast_ref::<Literal>()?.value())?);
            match document.downcast_ref::<Column>() {
                Some(column) => {
                    steps.reverse();
                    return self.shredded(column, &steps);
                }
                None => call = document.downcast_ref::<ScalarFunctionExpr>()?,
            }
        }
    }

    /// The shredded columns for several paths that are taken at once, if there is one for each.
    fn paths(&self, call: &ScalarFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let paths = call.fun().inner().downcast_ref::<JsonPaths>()?.paths();
        let column = call.args().first()?.downcast_ref::<Column>()?;
        let columns = paths.iter().map(|path| self.shredded(column, &path.steps)).collect::<Option<Vec<_>>>()?;
        let shown = ScalarUDF::from(ShreddedPaths::new(paths.iter().map(|path| path.form).collect()));
        let field = Arc::new(Field::new(call.name(), call.return_type().clone(), true));
        let options = Arc::new(ConfigOptions::default());
        Some(Arc::new(ScalarFunctionExpr::new(call.name(), Arc::new(shown), columns, field, options)))
    }

    fn shredded(&self, column: &Column, steps: &[Step]) -> Option<Arc<dyn PhysicalExpr>> {
        let place = self.wide.index_of(&shredded_name(column.name(), steps)?).ok()?;
        (place >= self.columns).then(|| Arc::new(Column::new(self.wide.field(place).name(), place)) as _)
    }
}
