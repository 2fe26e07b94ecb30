//! What a view's plan reads, as it stands in the plan before anything is read: a stream, a relation, or stored rows.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err, project_schema};
use datafusion::datasource::DefaultTableSource;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableProviderFilterPushDown, TableSource, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use tidemill_stream::StreamName;

use crate::error::SqlError;
use crate::storage::Relation;
use crate::types::SqlType;

/// The largest record (Kinesis: 10 MiB since 2025; Redshift's column is as large as a VARBYTE can be).
const LARGEST_RECORD: u32 = crate::types::MAX_VARBYTE;
/// The longest partition key, in bytes, that the column of a view can hold.
pub(super) const LONGEST_KEY: u32 = 256;

/// The columns of a Kinesis stream, in order (Redshift: streaming ingestion, Kinesis).
pub(crate) fn stream_columns() -> [(&'static str, SqlType); 6] {
    [
        ("approximate_arrival_timestamp", SqlType::Timestamp),
        ("partition_key", SqlType::Varchar(LONGEST_KEY)),
        ("shard_id", SqlType::Char(20)),
        ("sequence_number", SqlType::Varchar(128)),
        ("refresh_time", SqlType::Timestamp),
        ("kinesis_data", SqlType::Varbyte(LARGEST_RECORD)),
    ]
}

/// One thing that a plan reads.
#[derive(Debug)]
pub(crate) struct Leaf {
    source: Source,
    schema: SchemaRef,
}

#[derive(Debug)]
enum Source {
    Stream(StreamSource),
    Relation(Arc<Relation>),
    Rows,
}

/// Where a streaming view's records come from.
#[derive(Debug, Clone)]
pub(crate) struct StreamSource {
    pub(crate) external_schema: String,
    pub(crate) role: String,
    /// By name, because a plan is kept for as long as its view, which a stream that was deleted need not be.
    pub(crate) stream: StreamName,
}

impl Leaf {
    /// A stream that `external_schema` shows.
    pub(crate) fn of_stream(external_schema: &str, role: &str, stream: StreamName) -> Self {
        let fields = stream_columns().map(|(name, sql_type)| sql_type.field(name));
        let source = StreamSource { external_schema: external_schema.to_owned(), role: role.to_owned(), stream };
        Self { source: Source::Stream(source), schema: Arc::new(Schema::new(fields.to_vec())) }
    }

    /// A table or view.
    pub(crate) fn of_relation(relation: &Arc<Relation>) -> Self {
        Self { schema: relation.shown_schema(), source: Source::Relation(Arc::clone(relation)) }
    }

    /// Rows that are not told yet.
    pub(super) fn of_rows(schema: SchemaRef) -> Self {
        Self { source: Source::Rows, schema }
    }
}

fn leaf_of(source: &dyn TableSource) -> Option<&Leaf> {
    source.downcast_ref::<DefaultTableSource>()?.table_provider.downcast_ref::<Leaf>()
}

/// The relation that a source stands for.
pub(super) fn relation_of(source: &dyn TableSource) -> Option<&Arc<Relation>> {
    match &leaf_of(source)?.source {
        Source::Relation(relation) => Some(relation),
        _ => None,
    }
}

/// The stream that a source stands for.
fn stream_of(source: &dyn TableSource) -> Option<&StreamSource> {
    match &leaf_of(source)?.source {
        Source::Stream(stream) => Some(stream),
        _ => None,
    }
}

/// The stream that a plan over leaves reads; none if it reads none. A second one, or anything besides, is refused.
pub(crate) fn stream_source(plan: &LogicalPlan) -> crate::error::Result<Option<StreamSource>> {
    let (mut source, mut others) = (None, 0);
    plan.apply_with_subqueries(|node| {
        if let LogicalPlan::TableScan(scan) = node {
            match stream_of(&*scan.source) {
                Some(stream) if source.is_none() => source = Some(stream.clone()),
                _ => others += 1,
            }
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    match &source {
        Some(_) if others > 0 => Err(SqlError::unsupported(
            "a materialized view over a stream can read exactly one stream and nothing else, and cannot have a join",
        )
        .with_hint("Build a view over each stream, and one over those views.")),
        _ => Ok(source),
    }
}

#[async_trait]
impl TableProvider for Leaf {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Unsupported; filters.len()])
    }

    async fn scan(
        &self,
        _state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(LeafExec::new(project_schema(&self.schema, projection)?)))
    }
}

/// Stands for a leaf in a physical plan; a batch of rows takes its place at each step.
#[derive(Debug)]
pub(super) struct LeafExec {
    properties: Arc<PlanProperties>,
}

impl LeafExec {
    fn new(schema: SchemaRef) -> Self {
        let properties = PlanProperties::new(
            EquivalenceProperties::new(schema),
            Partitioning::UnknownPartitioning(1),
            EmissionType::Incremental,
            Boundedness::Bounded,
        );
        Self { properties: Arc::new(properties) }
    }
}

impl DisplayAs for LeafExec {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LeafExec")
    }
}

impl ExecutionPlan for LeafExec {
    fn name(&self) -> &str {
        "LeafExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _visit: &mut dyn for<'a> FnMut(&'a Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn with_new_children(self: Arc<Self>, _children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }

    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a leaf has no rows before it is replaced")
    }
}
