//! A relation as the query engine scans it: its files and, for a streaming view, its hot rows.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, Statistics, project_schema};
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use super::read_comparable::ReadComparable;
use super::{DataFile, HotRows, ReadView, Relation, Store};

/// Which rows of a relation are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rows {
    All,
    /// From this row on.
    Since(i64),
    /// In files, from one row up to and without another.
    Filed(i64, i64),
    /// Those of one file.
    File(i64),
}

impl Rows {
    fn includes(self, file: &DataFile) -> bool {
        match self {
            Self::All => true,
            Self::Since(row) => file.row_id_start >= row,
            Self::Filed(from, to) => (from..to).contains(&file.row_id_start),
            Self::File(id) => file.id == id,
        }
    }

    fn includes_hot(self) -> bool {
        matches!(self, Self::All | Self::Since(_))
    }
}

/// Rows of one relation in one read view, as they are stored.
#[derive(Debug)]
pub(crate) struct StoredTable {
    files: Vec<Arc<DataFile>>,
    hot: Option<Arc<HotRows>>,
    schema: SchemaRef,
    /// The directory of the files as an object store sees it.
    dir: String,
}

impl StoredTable {
    pub(crate) fn new(store: &Store, view: &ReadView, relation: &Relation, rows: Rows) -> Self {
        let files = relation.files.iter().filter(|file| rows.includes(file)).cloned().collect();
        let hot = view.hot_rows(relation).filter(|_| rows.includes_hot()).cloned();
        Self { hot, ..Self::of_files(store, relation, files) }
    }

    /// The rows of these files of a relation, which need not be its files now.
    pub(crate) fn of_files(store: &Store, relation: &Relation, files: Vec<Arc<DataFile>>) -> Self {
        let dir = store.dir_of(relation).display().to_string();
        Self { files, hot: None, schema: relation.stored_schema(), dir: dir.trim_start_matches('/').to_owned() }
    }

    fn file(&self, file: &DataFile) -> PartitionedFile {
        let columns = file.stats.iter().map(|stats| ColumnStatistics {
            null_count: stats.nulls.map_or(Precision::Absent, |nulls| Precision::Exact(nulls as usize)),
            min_value: stats.min.clone().map_or(Precision::Absent, Precision::Exact),
            max_value: stats.max.clone().map_or(Precision::Absent, Precision::Exact),
            ..ColumnStatistics::default()
        });
        let statistics = Statistics {
            num_rows: Precision::Exact(file.records as usize),
            total_byte_size: Precision::Inexact(file.bytes as usize),
            column_statistics: columns.collect(),
        };
        PartitionedFile::new(format!("{}/{}", self.dir, file.path), file.bytes as u64)
            .with_statistics(Arc::new(statistics))
    }

    fn scan_files(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (url, runtime) = (ObjectStoreUrl::parse(super::object_store::URL)?, state.runtime_env());
        // Files never change, so what is known of one may be kept.
        let (store, cache) = (runtime.object_store(&url)?, runtime.cache_manager.get_file_metadata_cache());
        // Filters move into the scan by themselves.
        let source = ParquetSource::new(Arc::clone(&self.schema))
            .with_parquet_file_reader_factory(Arc::new(CachedParquetFileReaderFactory::new(store, cache)))
            .with_table_parquet_options(state.default_table_options().parquet);
        let files: FileGroup = self.files.iter().map(|file| self.file(file)).collect::<Vec<_>>().into();
        let groups = files.split_files(state.config().target_partitions());
        let config = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_groups(groups)
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .with_expr_adapter(Some(Arc::new(ReadComparable)))
            .build();
        Ok(DataSourceExec::from_data_source(config))
    }

    fn scan_hot(
        &self,
        hot: &HotRows,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let batches: Vec<_> = hot.batches().cloned().collect();
        let size = batches.len().div_ceil(state.config().target_partitions()).max(1);
        let partitions: Vec<Vec<_>> = batches.chunks(size).map(<[_]>::to_vec).collect();
        let exec = MemorySourceConfig::try_new_exec(&partitions, Arc::clone(&self.schema), projection.cloned())?;
        Ok(exec)
    }
}

#[async_trait]
impl TableProvider for StoredTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(vec![TableProviderFilterPushDown::Inexact; filters.len()])
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut parts = Vec::new();
        if !self.files.is_empty() {
            parts.push(self.scan_files(state, projection, limit)?);
        }
        if let Some(hot) = self.hot.as_ref().filter(|hot| hot.rows() > 0) {
            parts.push(self.scan_hot(hot, state, projection)?);
        }
        match parts.len() {
            0 => {
                let schema = project_schema(&self.schema, projection)?;
                Ok(Arc::new(EmptyExec::new(schema)))
            }
            1 => Ok(parts.remove(0)),
            _ => UnionExec::try_new(parts),
        }
    }
}
