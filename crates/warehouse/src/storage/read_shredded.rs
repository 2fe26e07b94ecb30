//! Reading shredded paths: where a file has columns for the paths of an expression, they are read in place of the documents.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{ScalarUDF, ScalarUDFImpl};
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{
    DefaultPhysicalExprAdapterFactory, PhysicalExprAdapter, PhysicalExprAdapterFactory,
};

use super::shred::{kept_as, path_name};
use crate::functions::{Form, JsonPaths, SUPER_GET, ShreddedPath, ShreddedPaths, Step, cast_target};
use crate::types::SqlType;

/// Makes adapters that know of shredded columns, one a file.
#[derive(Debug)]
pub(super) struct ReadShredded;

impl PhysicalExprAdapterFactory for ReadShredded {
    fn create(&self, table: SchemaRef, file: SchemaRef) -> Result<Arc<dyn PhysicalExprAdapter>> {
        // What the file has beyond the table is shredded. The engine's own adapter is to take it for columns of the table.
        let (mut fields, columns) = (table.fields().to_vec(), table.fields().len());
        let more = file.fields().iter().filter(|field| table.field_with_name(field.name()).is_err());
        fields.extend(more.map(|field| match field.data_type() {
            DataType::Int64 => Arc::clone(field),
            _ => SqlType::Super.field_ref(field.name()),
        }));
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
            Ok(match self.one_path(call).or_else(|| self.paths(call)) {
                Some(shredded) => Transformed::new(shredded, true, TreeNodeRecursion::Jump),
                None => Transformed::no(expr),
            })
        })?;
        self.rest.rewrite(rewritten.data)
    }
}

impl Adapter {
    /// The values of `payload.a.b` or `payload.a.b::int` from their shredded column.
    fn one_path(&self, call: &ScalarFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let (form, navigation) = match cast_target(call.fun()) {
            Some(to) => (Form::Cast(to), call.args().first()?.downcast_ref::<ScalarFunctionExpr>()?),
            None => (Form::Json, call),
        };
        let (column, steps) = navigation_of(navigation)?;
        self.shredded(call, column, &steps, form)
    }

    /// The values of several paths that are taken at once, if there is a shredded column for each.
    fn paths(&self, call: &ScalarFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let paths = call.fun().inner().downcast_ref::<JsonPaths>()?.paths();
        let column = call.args().first()?.downcast_ref::<Column>()?;
        let values = paths.iter().map(|path| self.shredded(call, column, &path.steps, path.form));
        let values = values.collect::<Option<Vec<_>>>()?;
        let function = ScalarUDF::from(ShreddedPaths::new(values.len()));
        Some(replacing(call, function, values, call.return_type().clone()))
    }

    fn shredded(
        &self,
        call: &ScalarFunctionExpr,
        column: &Column,
        steps: &[Step],
        form: Form,
    ) -> Option<Arc<dyn PhysicalExpr>> {
        let name = path_name(column.name(), steps)?;
        let mut shredded = self.wide.fields().iter().enumerate().skip(self.columns);
        let (place, spelling) = shredded.find_map(|(place, field)| Some((place, kept_as(field.name(), &name)?)))?;
        let values = Arc::new(Column::new(self.wide.field(place).name(), place));
        let function = ShreddedPath::new(form, spelling);
        let data_type = function.return_type(&[]).ok()?;
        Some(replacing(call, function.into(), vec![values], data_type))
    }
}

/// The column that is navigated, and along which steps, if the call is the last of these.
fn navigation_of(mut call: &ScalarFunctionExpr) -> Option<(&Column, Vec<Step>)> {
    let mut steps = Vec::new();
    loop {
        if call.fun().name() != SUPER_GET {
            return None;
        }
        let [document, step] = call.args() else { return None };
        steps.push(Step::of(step.downcast_ref::<Literal>()?.value())?);
        match document.downcast_ref::<Column>() {
            Some(column) => {
                steps.reverse();
                return Some((column, steps));
            }
            None => call = document.downcast_ref::<ScalarFunctionExpr>()?,
        }
    }
}

/// The call of a function that gives what another gives, or a part of it.
fn replacing(
    call: &ScalarFunctionExpr,
    function: ScalarUDF,
    arguments: Vec<Arc<dyn PhysicalExpr>>,
    data_type: DataType,
) -> Arc<dyn PhysicalExpr> {
    let field = Arc::new(Field::new(call.name(), data_type, true));
    let options = Arc::new(ConfigOptions::default());
    Arc::new(ScalarFunctionExpr::new(call.name(), Arc::new(function), arguments, field, options))
}
