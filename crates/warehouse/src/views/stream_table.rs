//! A stream as a relation: the columns that Redshift gives a Kinesis stream, and the plan's leaf that stands for it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err, project_schema};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use tidemill_stream::Stream;

use crate::types::SqlType;

/// The largest record (Kinesis: 10 MiB since 2025; Redshift's column is as large as a VARBYTE can be).
const LARGEST_RECORD: u32 = crate::types::MAX_VARBYTE;

/// The columns of a Kinesis stream, in order (Redshift: streaming ingestion, Kinesis).
pub(crate) fn stream_columns() -> [(&'static str, SqlType); 6] {
    [
        ("approximate_arrival_timestamp", SqlType::Timestamp),
        ("partition_key", SqlType::Varchar(256)),
        ("shard_id", SqlType::Char(20)),
        ("sequence_number", SqlType::Varchar(128)),
        ("refresh_time", SqlType::Timestamp),
        ("kinesis_data", SqlType::Varbyte(LARGEST_RECORD)),
    ]
}

/// A stream that a view is defined over.
#[derive(Debug)]
pub(crate) struct StreamTable {
    pub(crate) external_schema: String,
    pub(crate) role: String,
    pub(crate) stream: Arc<Stream>,
    schema: SchemaRef,
}

impl StreamTable {
    pub(crate) fn new(external_schema: &str, role: &str, stream: Arc<Stream>) -> Self {
        let fields = stream_columns().map(|(name, sql_type)| sql_type.field(name));
        let schema = Arc::new(Schema::new(fields.to_vec()));
        Self { external_schema: external_schema.to_owned(), role: role.to_owned(), stream, schema }
    }
}

#[async_trait]
impl TableProvider for StreamTable {
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
        Ok(Arc::new(StreamLeaf::new(project_schema(&self.schema, projection)?)))
    }
}

/// Stands for the stream in a view's plan; a batch of records takes its place at each step of a refresh.
#[derive(Debug)]
pub(super) struct StreamLeaf {
    properties: Arc<PlanProperties>,
}

impl StreamLeaf {
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

impl DisplayAs for StreamLeaf {
    fn fmt_as(&self, _format: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("StreamLeaf")
    }
}

impl ExecutionPlan for StreamLeaf {
    fn name(&self) -> &str {
        "StreamLeaf"
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
        internal_err!("a stream is read by its view's refresh only")
    }
}
