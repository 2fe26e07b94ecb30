//! A streaming view's query, compiled once and run over each batch of records.

use std::sync::Arc;

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::execution::TaskContext;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, collect};

use super::leaf::LeafExec;
use super::write::as_schema;
use crate::error::Result;

/// A compiled plan with one leaf.
#[derive(Debug)]
pub(crate) struct Program {
    plan: Arc<dyn ExecutionPlan>,
    /// The columns of the leaf that the plan reads.
    input: SchemaRef,
    context: Arc<TaskContext>,
}

impl Program {
    /// Compiles a plan with one leaf.
    pub(crate) async fn compile(planner: &SessionState, plan: &LogicalPlan) -> Result<Self> {
        // A batch is one partition: slices run beside each other, not parts of a batch.
        let mut planner = planner.clone();
        planner.config_mut().options_mut().execution.target_partitions = 1;
        let plan = planner.create_physical_plan(plan).await?;
        // A condition that is never true leaves nothing to be read.
        let mut input = Arc::new(Schema::empty());
        plan.apply(|node| {
            if node.downcast_ref::<LeafExec>().is_some() {
                input = node.schema();
            }
            Ok(TreeNodeRecursion::Continue)
        })?;
        Ok(Self { plan, input, context: planner.task_ctx() })
    }

    /// The columns of the leaf that [`Self::run`] takes.
    pub(super) fn input(&self) -> &SchemaRef {
        &self.input
    }

    /// Runs the plan over rows of the leaf. What it gives has this schema.
    pub(super) async fn run(&self, rows: Vec<RecordBatch>, schema: &SchemaRef) -> Result<Vec<RecordBatch>> {
        let leaf = MemorySourceConfig::try_new_exec(&[rows], Arc::clone(&self.input), None)?;
        let plan = Arc::clone(&self.plan).transform_up(|node| {
            let is_leaf = node.downcast_ref::<LeafExec>().is_some();
            Ok(if is_leaf {
                Transformed::yes(Arc::clone(&leaf) as Arc<dyn ExecutionPlan>)
            } else {
                Transformed::no(node)
            })
        })?;
        let batches = collect(plan.data, Arc::clone(&self.context)).await?;
        batches.iter().map(|batch| as_schema(batch, schema)).collect()
    }
}
