//! What one statement sees: its read view, as the planner asks for it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use tidemill_stream::{StreamName, Streams};

use crate::error::SqlError;
use crate::storage::{ReadView, Store, StoredTable};
use crate::system;
use crate::views::StreamTable;

/// The name of the database of every cluster.
pub(crate) const DATABASE: &str = "dev";

/// The catalog of one statement.
#[derive(Debug, Clone)]
pub(crate) struct StatementCatalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    store: Arc<Store>,
    view: ReadView,
    streaming: Streaming,
}

/// Whether streams can be read directly: only the definition of a view may.
#[derive(Clone)]
pub(crate) enum Streaming {
    Refused,
    Allowed(Arc<Streams>),
}

impl std::fmt::Debug for Streaming {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Refused => "Refused",
            Self::Allowed(_) => "Allowed",
        })
    }
}

impl StatementCatalog {
    pub(crate) fn new(store: Arc<Store>, view: ReadView, streaming: Streaming) -> Self {
        Self { inner: Arc::new(Inner { store, view, streaming }) }
    }
}

impl CatalogProviderList for StatementCatalog {
    fn register_catalog(&self, _name: String, _catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        None
    }

    fn catalog_names(&self) -> Vec<String> {
        vec![DATABASE.to_owned()]
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        (name == DATABASE).then(|| Arc::new(self.clone()) as Arc<dyn CatalogProvider>)
    }
}

impl CatalogProvider for StatementCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.inner.view.snapshot.schemas.keys().cloned().collect()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        Some(Arc::new(OneSchema { catalog: Arc::clone(&self.inner), name: name.to_owned() }))
    }
}

/// One schema of the catalog. A name that is not found in it is looked for among the system's relations, which
/// are in the search path of every session.
#[derive(Debug)]
struct OneSchema {
    catalog: Arc<Inner>,
    name: String,
}

impl OneSchema {
    fn stream(&self, name: &str, role: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        let Streaming::Allowed(streams) = &self.catalog.streaming else {
            let message = format!("stream \"{name}\" can be read through a materialized view only");
            return Err(SqlError::unsupported(message)
                .with_hint("Use CREATE MATERIALIZED VIEW ... AS SELECT ... FROM it.")
                .into_engine());
        };
        let stream = StreamName::parse(name).and_then(|name| streams.get(&name));
        Ok(stream.ok().map(|stream| Arc::new(StreamTable::new(&self.name, role, stream)) as Arc<dyn TableProvider>))
    }
}

#[async_trait]
impl SchemaProvider for OneSchema {
    fn table_names(&self) -> Vec<String> {
        self.catalog.view.snapshot.relations_in(&self.name).map(|relation| relation.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Inner { store, view, .. } = &*self.catalog;
        if let Some(relation) = view.snapshot.relation(&self.name, name) {
            return Ok(Some(Arc::new(StoredTable::new(store, view, relation))));
        }
        if let Some(external) = view.snapshot.external_schemas.get(&self.name) {
            return self.stream(name, &external.role);
        }
        system::relation(&self.name, name, view)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.view.snapshot.relation(&self.name, name).is_some()
    }
}
