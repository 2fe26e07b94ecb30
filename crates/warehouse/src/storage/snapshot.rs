//! What exists in a cluster at one moment: immutable, shared by all who read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::{DataFile, Positions};
use crate::error::{ErrorKind, Result, SqlError};
use crate::types::SqlType;

/// A snapshot of the catalog.
#[derive(Debug, Clone, Default)]
pub(crate) struct Snapshot {
    /// DuckLake's snapshot id.
    pub(crate) id: i64,
    /// Grows with each change of structure.
    pub(crate) schema_version: i64,
    pub(crate) schemas: BTreeMap<String, Arc<SchemaEntry>>,
    pub(crate) external_schemas: BTreeMap<String, Arc<ExternalSchema>>,
    pub(crate) relations: BTreeMap<i64, Arc<Relation>>,
    pub(crate) users: BTreeMap<String, Arc<User>>,
    pub(super) names: BTreeMap<(String, String), i64>,
}

/// A schema of tables.
#[derive(Debug, Clone)]
pub(crate) struct SchemaEntry {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) owner: String,
}

/// A schema that shows the streams which a role may read.
#[derive(Debug, Clone)]
pub(crate) struct ExternalSchema {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) role: String,
}

/// A database user.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) id: i64,
    pub(crate) name: String,
    /// MD5 of password and name in hexadecimal, as PostgreSQL and Redshift keep it.
    pub(crate) md5: String,
    pub(crate) superuser: bool,
}

/// A table or view.
#[derive(Debug, Clone)]
pub(crate) struct Relation {
    pub(crate) id: i64,
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) owner: String,
    pub(crate) columns: Vec<Column>,
    pub(crate) layout: Layout,
    pub(crate) kind: RelationKind,
    pub(crate) files: Vec<Arc<DataFile>>,
    pub(crate) next_row_id: i64,
}

/// A column of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Column {
    /// Also the field id in the data files.
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) sql_type: SqlType,
    pub(crate) nullable: bool,
}

/// How rows are distributed and sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) dist: DistStyle,
    /// Positions of the sort key's columns, most significant first.
    pub(crate) sort: Vec<usize>,
}

/// Redshift's distribution styles. With one node they are a description only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum DistStyle {
    #[default]
    Auto,
    Even,
    All,
    /// By the column at this position.
    Key(usize),
}

/// What a relation is.
#[derive(Debug, Clone)]
pub(crate) enum RelationKind {
    Table,
    /// A materialized view that drinks from a stream.
    Streaming(StreamingView),
    /// A materialized view over tables and views.
    Derived(DerivedView),
}

/// What makes a streaming view.
#[derive(Debug, Clone)]
pub(crate) struct StreamingView {
    pub(crate) external_schema: String,
    pub(crate) stream: String,
    /// Tells the stream from a later one of the same name.
    pub(crate) stream_id: String,
    /// The whole CREATE statement.
    pub(crate) definition: String,
    /// Its query.
    pub(crate) query: String,
    pub(crate) auto_refresh: bool,
    pub(crate) backup: bool,
    /// What the files hold of the stream.
    pub(crate) positions: Positions,
    /// What manual refreshes have promised to show, even after a restart.
    pub(crate) promised: Positions,
}

/// What makes a view over tables and views.
#[derive(Debug, Clone)]
pub(crate) struct DerivedView {
    pub(crate) definition: String,
    pub(crate) query: String,
    pub(crate) backup: bool,
}

impl Relation {
    /// The Arrow schema of the relation's rows.
    pub(crate) fn arrow_schema(&self) -> SchemaRef {
        Arc::new(Schema::new(self.columns.iter().map(Column::field).collect::<Vec<_>>()))
    }

    pub(crate) fn rows_in_files(&self) -> i64 {
        self.files.iter().map(|file| file.records).sum()
    }

    pub(crate) fn bytes_in_files(&self) -> i64 {
        self.files.iter().map(|file| file.bytes).sum()
    }

    pub(crate) fn streaming(&self) -> Option<&StreamingView> {
        match &self.kind {
            RelationKind::Streaming(view) => Some(view),
            _ => None,
        }
    }

    /// The CREATE statement and the query of a materialized view.
    pub(crate) fn view_definition(&self) -> Option<(&str, &str)> {
        match &self.kind {
            RelationKind::Table => None,
            RelationKind::Streaming(view) => Some((&view.definition, &view.query)),
            RelationKind::Derived(view) => Some((&view.definition, &view.query)),
        }
    }

    pub(crate) fn is_view(&self) -> bool {
        !matches!(self.kind, RelationKind::Table)
    }
}

impl Column {
    pub(crate) fn field(&self) -> Field {
        self.sql_type.field(&self.name).with_nullable(self.nullable)
    }
}

impl Snapshot {
    pub(crate) fn relation(&self, schema: &str, name: &str) -> Option<&Arc<Relation>> {
        self.relations.get(self.names.get(&(schema.to_owned(), name.to_owned()))?)
    }

    /// The relation, or the error of a statement that needs it.
    pub(crate) fn expect_relation(&self, schema: &str, name: &str) -> Result<&Arc<Relation>> {
        self.relation(schema, name).ok_or_else(|| {
            let shown = if schema == "public" { name.to_owned() } else { format!("{schema}.{name}") };
            SqlError::new(ErrorKind::UndefinedTable, format!("relation \"{shown}\" does not exist"))
        })
    }

    pub(crate) fn relations_in<'a>(&'a self, schema: &'a str) -> impl Iterator<Item = &'a Arc<Relation>> {
        self.relations.values().filter(move |relation| relation.schema == schema)
    }

    pub(crate) fn has_schema(&self, name: &str) -> bool {
        self.schemas.contains_key(name) || self.external_schemas.contains_key(name)
    }

    /// Adds a relation or replaces the one with its id.
    pub(crate) fn put(&mut self, relation: Relation) {
        self.names.insert((relation.schema.clone(), relation.name.clone()), relation.id);
        self.relations.insert(relation.id, Arc::new(relation));
    }

    pub(crate) fn remove(&mut self, id: i64) -> Option<Arc<Relation>> {
        let gone = self.relations.remove(&id)?;
        self.names.remove(&(gone.schema.clone(), gone.name.clone()));
        Some(gone)
    }
}
