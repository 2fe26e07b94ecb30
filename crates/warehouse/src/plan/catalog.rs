//! What one statement sees: its read view, as the planner asks for it.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::common::{DataFusionError, Result};
use tidemill_stream::{StreamName, Streams};

use crate::error::{ErrorKind, SqlError};
use crate::sql::Part;
use crate::storage::{ExternalSchema, Privilege, ReadView, Relation};
use crate::system;
use crate::views::{Leaf, Views};

/// The name of the database of every cluster.
pub(crate) const DATABASE: &str = "dev";

/// The catalog of one statement.
#[derive(Debug, Clone)]
pub(crate) struct StatementCatalog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    view: ReadView,
    purpose: Purpose,
    /// Whose privileges count; nobody's where a view that exists is looked at again.
    user: Option<String>,
}

/// What a plan is made for.
#[derive(Clone)]
pub(crate) enum Purpose {
    /// To be run. Streams cannot be read.
    Query(Arc<Views>),
    /// To be kept as the definition of a view: over leaves, which may be streams.
    Definition(Arc<Streams>),
}

impl std::fmt::Debug for Purpose {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Query(_) => "Query",
            Self::Definition(_) => "Definition",
        })
    }
}

impl StatementCatalog {
    pub(crate) fn new(view: ReadView, purpose: Purpose, user: Option<String>) -> Self {
        Self { inner: Arc::new(Inner { view, purpose, user }) }
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
    fn stream(&self, name: &str, external: &ExternalSchema) -> Result<Option<Arc<dyn TableProvider>>> {
        let Purpose::Definition(streams) = &self.catalog.purpose else {
            let message = format!("stream \"{name}\" can be read through a materialized view only");
            return Err(SqlError::unsupported(message)
                .with_hint("Use CREATE MATERIALIZED VIEW ... AS SELECT ... FROM it.")
                .into_engine());
        };
        let snapshot = &self.catalog.view.snapshot;
        let may_use = |user: &String| snapshot.allows(user, external.id, &external.owner, Privilege::Usage);
        if !self.catalog.user.as_ref().is_none_or(may_use) {
            let message = format!("permission denied for schema {}", external.name);
            return Err(SqlError::new(ErrorKind::InsufficientPrivilege, message).into_engine());
        }
        let Ok(stream) = StreamName::parse(name) else { return Ok(None) };
        // A view that exists, which no user defines, keeps its rows when its stream is deleted.
        if self.catalog.user.is_some() && streams.get(&stream).is_err() {
            return Ok(None);
        }
        Ok(Some(Arc::new(Leaf::of_stream(&self.name, &external.role, stream))))
    }

    async fn relation(
        &self,
        relation: &Arc<Relation>,
        part: Option<Part>,
    ) -> crate::error::Result<Arc<dyn TableProvider>> {
        let Inner { view, purpose, user } = &*self.catalog;
        if let Some(user) = user {
            view.snapshot.require(user, relation, Privilege::Select)?;
            view.snapshot.require_bases(relation)?;
        }
        match (purpose, part) {
            (Purpose::Definition(_), None) => Ok(Arc::new(Leaf::of_relation(relation))),
            (Purpose::Definition(_), Some(_)) => {
                Err(SqlError::unsupported("a materialized view cannot be defined over the past of a relation"))
            }
            (Purpose::Query(views), None) => views.reading(view).table(relation).await,
            (Purpose::Query(views), Some(part)) => views.part_of(view, relation, part).await,
        }
    }
}

#[async_trait]
impl SchemaProvider for OneSchema {
    fn table_names(&self) -> Vec<String> {
        self.catalog.view.snapshot.relations_in(&self.name).map(|relation| relation.name.clone()).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>, DataFusionError> {
        let Inner { view, purpose, user } = &*self.catalog;
        let (plain, part) = Part::split(name);
        if let Some(relation) = view.snapshot.relation(&self.name, plain) {
            return self.relation(relation, part).await.map(Some).map_err(SqlError::into_engine);
        }
        if let Some(external) = view.snapshot.external_schemas.get(&self.name) {
            return self.stream(name, external);
        }
        if part.is_some() {
            let message = format!("relation \"{plain}\" does not exist");
            return Err(SqlError::new(ErrorKind::UndefinedTable, message).into_engine());
        }
        match purpose {
            Purpose::Query(views) => {
                system::relation(&self.name, name, view, views, user.as_deref()).await.map_err(SqlError::into_engine)
            }
            Purpose::Definition(_) => Ok(None),
        }
    }

    fn table_exist(&self, name: &str) -> bool {
        self.catalog.view.snapshot.relation(&self.name, name).is_some()
    }
}
