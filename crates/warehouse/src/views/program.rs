//! A streaming view's query, compiled once and run over each batch of records.

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::DefaultTableSource;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, collect};
use tidemill_stream::Stream;

use super::stream_table::{StreamLeaf, StreamTable};
use crate::error::{ErrorKind, Result, SqlError};
use crate::storage::Column;
use crate::types::SqlType;

/// A compiled view.
#[derive(Debug)]
pub(crate) struct Program {
    plan: Arc<dyn ExecutionPlan>,
    /// The columns of the stream that the plan reads.
    input: SchemaRef,
    context: Arc<TaskContext>,
}

/// Where a streaming view's records come from.
pub(crate) struct Source {
    pub(crate) external_schema: String,
    pub(crate) role: String,
    pub(crate) stream: Arc<Stream>,
}

impl Program {
    /// The stream that a plan reads; none if it reads none. More than one, or anything besides, is refused.
    pub(crate) fn source(plan: &LogicalPlan) -> Result<Option<Source>> {
        let (mut source, mut others, mut refused) = (None, 0, None);
        plan.apply(|node| {
            refused = refused.or(match node {
                LogicalPlan::Sort(_) => Some("ORDER BY"),
                LogicalPlan::Limit(_) => Some("LIMIT"),
                LogicalPlan::Aggregate(_) => Some("GROUP BY or an aggregate"),
                LogicalPlan::Distinct(_) => Some("DISTINCT"),
                LogicalPlan::Window(_) => Some("a window function"),
                LogicalPlan::Join(_) => Some("a join"),
                LogicalPlan::Union(_) => Some("UNION"),
                LogicalPlan::Subquery(_) => Some("a subquery"),
                _ => None,
            });
            if let LogicalPlan::TableScan(scan) = node {
                let table = scan.source.downcast_ref::<DefaultTableSource>();
                match table.and_then(|table| table.table_provider.downcast_ref::<StreamTable>()) {
                    Some(table) if source.is_none() => {
                        source = Some(Source {
                            external_schema: table.external_schema.clone(),
                            role: table.role.clone(),
                            stream: Arc::clone(&table.stream),
                        });
                    }
                    _ => others += 1,
                }
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        match (&source, refused, others) {
            (Some(_), Some(what), _) => {
                Err(SqlError::unsupported(format!("a materialized view over a stream cannot have {what}"))
                    .with_hint("Build the view from filters and expressions, and a second one on top of it."))
            }
            (Some(_), None, 1..) => Err(SqlError::unsupported(
                "a materialized view over a stream can read exactly one stream and nothing else",
            )),
            _ => Ok(source),
        }
    }

    /// Compiles the plan of a view.
    pub(crate) async fn compile(state: &SessionState, plan: &LogicalPlan) -> Result<Self> {
        let plan = state.create_physical_plan(plan).await?;
        let mut input = None;
        plan.apply(|node| {
            if node.downcast_ref::<StreamLeaf>().is_some() {
                input = Some(node.schema());
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        let input = input.ok_or_else(|| SqlError::new(ErrorKind::Internal, "the plan reads no stream"))?;
        Ok(Self { plan, input, context: state.task_ctx() })
    }

    /// The columns of the stream that [`Self::run`] takes.
    pub(super) fn input(&self) -> &SchemaRef {
        &self.input
    }

    /// Runs the view over a batch of records. Its rows have the columns of the view.
    pub(super) async fn run(
        &self,
        batch: RecordBatch,
        columns: &[Column],
        schema: &SchemaRef,
    ) -> Result<Vec<RecordBatch>> {
        let leaf = MemorySourceConfig::try_new_exec(&[vec![batch]], Arc::clone(&self.input), None)?;
        let plan = Arc::clone(&self.plan).transform_up(|node| {
            let is_leaf = node.downcast_ref::<StreamLeaf>().is_some();
            Ok(if is_leaf {
                Transformed::yes(Arc::clone(&leaf) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(node)
            })
        })?;
        let batches = collect(plan.data, Arc::clone(&self.context)).await?;
        batches.iter().map(|batch| as_columns(batch, columns, schema)).collect()
    }
}

/// The rows of a query in the types of a relation's columns.
pub(crate) fn as_columns(batch: &RecordBatch, columns: &[Column], schema: &SchemaRef) -> Result<RecordBatch> {
    let convert = |(values, column): (&ArrayRef, &Column)| -> Result<ArrayRef> {
        if *values.data_type() == column.sql_type.arrow() {
            return Ok(Arc::clone(values));
        }
        let from = SqlType::of_arrow(values.data_type());
        Ok(crate::functions::assign(values, from, column.sql_type)?)
    };
    let values = batch.columns().iter().zip(columns).map(convert).collect::<Result<Vec<_>>>()?;
    Ok(RecordBatch::try_new(Arc::clone(schema), values)?)
}
