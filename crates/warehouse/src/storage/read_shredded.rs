//! Reading shredded paths: where a file has columns for the paths of an expression, they are read in place of the documents.

use std::sync::Arc;

use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::ScalarUDF;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_expr_adapter::{PhysicalExprAdapter, PhysicalExprAdapterFactory};

use super::read_unscaled::ReadUnscaled;
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
        let rest = ReadUnscaled.create(Arc::clone(&wide), file)?;
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
            Some(to) => (Form::of_cast(to), call.args().first()?.downcast_ref::<ScalarFunctionExpr>()?),
            None => (Form::Json, call),
        };
        let (column, steps) = navigation_of(navigation)?;
        self.shredded(call.name(), column, &steps, form)
    }

    /// The values of several paths that are taken at once, if there is a shredded column for each.
    fn paths(&self, call: &ScalarFunctionExpr) -> Option<Arc<dyn PhysicalExpr>> {
        let paths = call.fun().inner().downcast_ref::<JsonPaths>()?.paths();
        let column = call.args().first()?.downcast_ref::<Column>()?;
        let values = paths.iter().map(|path| self.shredded(call.name(), column, &path.steps, path.form));
        let values = values.collect::<Option<Vec<_>>>()?;
        let field = Arc::new(Field::new(call.name(), call.return_type().clone(), true));
        Some(call_of(ShreddedPaths::new(values.len()).into(), values, field))
    }

    /// The values of a path into `column`, in a form. The expression is called `name`.
    fn shredded(&self, name: &str, column: &Column, steps: &[Step], form: Form) -> Option<Arc<dyn PhysicalExpr>> {
        let path = path_name(column.name(), steps)?;
        let mut shredded = self.wide.fields().iter().enumerate().skip(self.columns);
        let (place, spelling) = shredded.find_map(|(place, field)| Some((place, kept_as(field.name(), &path)?)))?;
        let values = Arc::new(Column::new(self.wide.field(place).name(), place));
        if form == Form::Json && spelling.is_none() {
            // The column itself, so that its statistics and filters count.
            return Some(values);
        }
        Some(call_of(ShreddedPath::new(form, spelling).into(), vec![values], form.sql_type().field_ref(name)))
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

fn call_of(function: ScalarUDF, arguments: Vec<Arc<dyn PhysicalExpr>>, field: FieldRef) -> Arc<dyn PhysicalExpr> {
    let options = Arc::new(ConfigOptions::default());
    Arc::new(ScalarFunctionExpr::new(&field.name().clone(), Arc::new(function), arguments, field, options))
}
