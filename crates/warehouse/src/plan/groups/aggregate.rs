//! The first stage of an aggregate whose rows are grouped by one integer.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::arrow::array::{ArrayRef, AsArray, BooleanArray};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::record_batch::RecordBatch;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{EmitTo, GroupsAccumulator};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::aggregate::AggregateFunctionExpr;
use datafusion::physical_expr::expressions::Literal;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, InputOrderMode, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{StreamExt, TryStreamExt, stream};

use super::table::GroupTable;

const ANOTHER_INPUT: ReplaceChildrenOptions = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);

/// Puts [`IntegerGroupsExec`] in the place of the engine's operator where it can do the same.
#[derive(Debug)]
pub(in crate::plan) struct IntegerGroups;

impl PhysicalOptimizerRule for IntegerGroups {
    fn name(&self) -> &str {
        "integer_groups"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| match plan.downcast_ref::<AggregateExec>() {
            Some(aggregate) if by_an_integer(aggregate)? => {
                Ok(Transformed::yes(Arc::new(IntegerGroupsExec { aggregate: Arc::new(aggregate.clone()) })))
            }
            _ => Ok(Transformed::no(plan)),
        })
        .data()
    }
}

fn by_an_integer(aggregate: &AggregateExec) -> Result<bool> {
    let [(key, _)] = aggregate.group_expr().expr() else { return Ok(false) };
    let kept_by_group =
        |call: &Arc<AggregateFunctionExpr>| call.groups_accumulator_supported() && call.order_bys().is_empty();
    Ok(*aggregate.mode() == AggregateMode::Partial
        && aggregate.group_expr().is_single()
        && *aggregate.input_order_mode() == InputOrderMode::Linear
        && aggregate.limit_options().is_none()
        && aggregate.aggr_expr().iter().all(kept_by_group)
        && GroupTable::takes(&key.data_type(&aggregate.input_schema())?))
}

/// Does what `aggregate` does as long as its groups fit into a [`GroupTable`] and memory; what is left then, it leaves to it.
/// Both give states of groups, which the aggregate's last stage merges, so a group may come from both.
#[derive(Debug)]
struct IntegerGroupsExec {
    aggregate: Arc<AggregateExec>,
}

impl DisplayAs for IntegerGroupsExec {
    fn fmt_as(&self, format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IntegerGroupsExec: ")?;
        self.aggregate.fmt_as(format, f)
    }
}

impl ExecutionPlan for IntegerGroupsExec {
    fn name(&self) -> &str {
        "IntegerGroupsExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.aggregate.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.aggregate.children()
    }

    fn apply_expressions(
        &self,
        visit: &mut dyn for<'a> FnMut(&'a Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.aggregate.apply_expressions(visit)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        options: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let aggregate = Arc::clone(&self.aggregate).replace_children(children, options)?;
        match aggregate.downcast_ref::<AggregateExec>() {
            Some(aggregate) => Ok(Arc::new(Self { aggregate: Arc::new(aggregate.clone()) })),
            None => internal_err!("an aggregate became something else with another input"),
        }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, ANOTHER_INPUT)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.aggregate.input().execute(partition, Arc::clone(&context))?;
        let groups = Groups::new(&self.aggregate, partition, &context)?;
        let states = stream::once(group_all(input, groups, Arc::clone(&self.aggregate), context)).try_flatten();
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), states)))
    }
}

/// The states of the groups of all rows.
async fn group_all(
    mut input: SendableRecordBatchStream,
    mut groups: Groups,
    aggregate: Arc<AggregateExec>,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    while let Some(rows) = input.next().await {
        let rows = rows?;
        if !groups.add(&rows)? {
            let schema = input.schema();
            let rest = stream::iter([Ok(rows)]).chain(input);
            let rest = leave_to(&aggregate, Box::pin(RecordBatchStreamAdapter::new(schema, rest)), context)?;
            return groups.into_stream(Some(rest));
        }
    }
    groups.into_stream(None)
}

fn leave_to(
    aggregate: &Arc<AggregateExec>,
    rows: SendableRecordBatchStream,
    context: Arc<TaskContext>,
) -> Result<SendableRecordBatchStream> {
    let schema = rows.schema();
    let rows = Arc::new(Once { schema: Arc::clone(&schema), rows: Mutex::new(Some(rows)) });
    let rows = StreamingTableExec::try_new(schema, vec![rows], None, [], false, None)?;
    let children: Vec<Arc<dyn ExecutionPlan>> = vec![Arc::new(rows)];
    Arc::clone(aggregate).replace_children(children, ANOTHER_INPUT)?.execute(0, context)
}

/// Groups of rows with what their aggregates have gathered.
struct Groups {
    key: Arc<dyn PhysicalExpr>,
    table: GroupTable,
    aggregates: Vec<Gathered>,
    schema: SchemaRef,
    memory: MemoryReservation,
    batch_size: usize,
    /// The group of each row of a batch; kept to be filled again.
    groups: Vec<usize>,
}

struct Gathered {
    arguments: Vec<Argument>,
    filter: Option<Arc<dyn PhysicalExpr>>,
    states: Box<dyn GroupsAccumulator>,
}

/// What an aggregate is called with.
struct Argument {
    expr: Arc<dyn PhysicalExpr>,
    /// Its values if it is a constant, such as that of `count(*)`: as many as the longest batch had rows.
    constants: Option<ArrayRef>,
}

impl Groups {
    fn new(aggregate: &AggregateExec, partition: usize, context: &TaskContext) -> Result<Self> {
        let aggregates = aggregate.aggr_expr().iter().zip(aggregate.filter_expr()).map(|(call, filter)| {
            let states = call.create_groups_accumulator()?;
            let arguments = call.expressions().into_iter().map(|expr| Argument { expr, constants: None });
            Ok(Gathered { arguments: arguments.collect(), filter: filter.clone(), states })
        });
        let consumer = MemoryConsumer::new(format!("IntegerGroupsExec[{partition}]"));
        Ok(Self {
            key: Arc::clone(&aggregate.group_expr().expr()[0].0),
            table: GroupTable::new(),
            aggregates: aggregates.collect::<Result<_>>()?,
            schema: aggregate.schema(),
            memory: consumer.register(context.memory_pool()),
            batch_size: context.session_config().batch_size(),
            groups: Vec::new(),
        })
    }

    /// False if the rows were not added, because there is no room.
    fn add(&mut self, rows: &RecordBatch) -> Result<bool> {
        let keys = self.key.evaluate(rows)?.into_array(rows.num_rows())?;
        let held = self.aggregates.iter().map(|aggregate| aggregate.states.size()).sum::<usize>() + self.table.size();
        if self.memory.try_resize(held).is_err() || !self.table.find(&keys, &mut self.groups)? {
            return Ok(false);
        }
        for aggregate in &mut self.aggregates {
            aggregate.add(rows, &self.groups, self.table.len())?;
        }
        Ok(true)
    }

    /// The states of all groups, and after them `rest`.
    fn into_stream(self, rest: Option<SendableRecordBatchStream>) -> Result<SendableRecordBatchStream> {
        let (schema, batch_size) = (Arc::clone(&self.schema), self.batch_size);
        let (states, memory) = self.into_states()?;
        let starts = (0..states.num_rows()).step_by(batch_size);
        let states = starts.map(move |start| {
            // What is left of the states is still held.
            let _ = &memory;
            Ok(states.slice(start, batch_size.min(states.num_rows() - start)))
        });
        let states = stream::iter(states).chain(stream::iter(rest).flatten());
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, states)))
    }

    fn into_states(mut self) -> Result<(RecordBatch, MemoryReservation)> {
        let mut columns = vec![self.table.into_keys(self.schema.field(0).data_type())?];
        for aggregate in &mut self.aggregates {
            columns.extend(aggregate.states.state(EmitTo::All)?);
        }
        Ok((RecordBatch::try_new(self.schema, columns)?, self.memory))
    }
}

impl Gathered {
    fn add(&mut self, rows: &RecordBatch, groups: &[usize], count: usize) -> Result<()> {
        let arguments = self.arguments.iter_mut().map(|argument| argument.values(rows)).collect::<Result<Vec<_>>>()?;
        let filter =
            self.filter.as_ref().map(|filter| filter.evaluate(rows)?.into_array(rows.num_rows())).transpose()?;
        let filter: Option<&BooleanArray> = filter.as_ref().map(|filter| filter.as_boolean());
        self.states.update_batch(&arguments, groups, filter, count)
    }
}

impl Argument {
    fn values(&mut self, rows: &RecordBatch) -> Result<ArrayRef> {
        let count = rows.num_rows();
        if let Some(constants) = self.constants.as_ref().filter(|constants| constants.len() >= count) {
            return Ok(constants.slice(0, count));
        }
        let values = self.expr.evaluate(rows)?.into_array(count)?;
        self.constants = self.expr.is::<Literal>().then(|| Arc::clone(&values));
        Ok(values)
    }
}

/// Rows that can be read once.
struct Once {
    schema: SchemaRef,
    /// Taken by the reader; behind a lock because a plan is shared.
    rows: Mutex<Option<SendableRecordBatchStream>>,
}

impl fmt::Debug for Once {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Once").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl PartitionStream for Once {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner).take();
        rows.unwrap_or_else(|| {
            let twice = Err(internal_datafusion_err!("the rest of an aggregate's rows was read twice"));
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), stream::iter([twice])))
        })
    }
}
