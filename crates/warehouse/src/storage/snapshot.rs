//! What exists in a cluster at one moment: immutable, shared by all who read it.

use std::collections::BTreeMap;
use std::sync::Arc;

use datafusion::arrow::datatypes::{Field, Schema, SchemaRef};

use super::{DataFile, Grants, Positions, Privilege};
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
    pub(crate) grants: Arc<Grants>,
    /// Settings that are kept, by user and name; those of the user "" are the cluster's.
    pub(crate) settings: Arc<BTreeMap<(String, String), String>>,
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
    /// MD5 of password and name in hexadecimal, as PostgreSQL and Redshift keep it; empty if the user has no password.
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
    /// The columns that a query sees.
    pub(crate) columns: Vec<Column>,
    /// The columns of the files, where they are others: a grouped view keeps partial aggregates.
    pub(crate) partials: Option<Vec<Column>>,
    pub(crate) layout: Layout,
    pub(crate) kind: RelationKind,
    /// In the order of their rows.
    pub(crate) files: Vec<Arc<DataFile>>,
    /// The number of the next row. Rows are numbered in the order in which they were added.
    pub(crate) next_row_id: i64,
    /// How often rows were removed or replaced. While it stays the same, rows were only added.
    pub(crate) rewrites: i64,
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
    pub(crate) auto_refresh: bool,
    pub(crate) backup: bool,
    /// Whether a refresh takes only the rows that are new in its bases.
    pub(crate) incremental: bool,
    /// The relations that it reads, with what it has read of each.
    pub(crate) bases: Vec<Base>,
}

/// What a view has read of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) relation: i64,
    /// The row from which it has yet to read.
    pub(crate) next_row_id: i64,
    /// The relation's rewrites when it was read.
    pub(crate) rewrites: i64,
}

impl Relation {
    /// The columns of the files.
    pub(crate) fn stored(&self) -> &[Column] {
        self.partials.as_deref().unwrap_or(&self.columns)
    }

    /// The Arrow schema of the files' rows.
    pub(crate) fn stored_schema(&self) -> SchemaRef {
        arrow_schema(self.stored())
    }

    /// The Arrow schema of the rows that a query sees.
    pub(crate) fn shown_schema(&self) -> SchemaRef {
        arrow_schema(&self.columns)
    }

    /// Places of the sort key among the files' columns. What a grouped view computes from its groups does not sort files.
    pub(crate) fn stored_sort(&self) -> Vec<usize> {
        let stored = self.stored();
        let place = |key: &usize| stored.iter().position(|column| column.name == self.columns[*key].name);
        self.layout.sort.iter().filter_map(place).collect()
    }

    /// What a view that has read all rows notes of this relation.
    pub(crate) fn as_base(&self) -> Base {
        Base { relation: self.id, next_row_id: self.next_row_id, rewrites: self.rewrites }
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

    pub(crate) fn derived(&self) -> Option<&DerivedView> {
        match &self.kind {
            RelationKind::Derived(view) => Some(view),
            _ => None,
        }
    }

    /// Whether a view refreshes itself.
    pub(crate) fn auto_refresh(&self) -> bool {
        match &self.kind {
            RelationKind::Table => false,
            RelationKind::Streaming(view) => view.auto_refresh,
            RelationKind::Derived(view) => view.auto_refresh,
        }
    }

    pub(crate) fn is_view(&self) -> bool {
        !matches!(self.kind, RelationKind::Table)
    }
}

pub(super) fn arrow_schema(columns: &[Column]) -> SchemaRef {
    Arc::new(Schema::new(columns.iter().map(Column::field).collect::<Vec<_>>()))
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

    /// A setting that is kept for a user or, failing that, for the cluster.
    pub(crate) fn setting(&self, user: &str, name: &str) -> Option<&str> {
        let kept = |user: &str| self.settings.get(&(user.to_owned(), name.to_owned()));
        kept(user).or_else(|| kept("")).map(String::as_str)
    }

    /// Whether a user may do everything with what `owner` owns.
    pub(crate) fn is_owner(&self, user: &str, owner: &str) -> bool {
        user == owner || self.users.get(user).is_some_and(|user| user.superuser)
    }

    /// Whether a user may do this with the object `id` of `owner`.
    pub(crate) fn allows(&self, user: &str, id: i64, owner: &str, privilege: Privilege) -> bool {
        self.is_owner(user, owner) || self.grants.has(id, user, privilege)
    }

    /// Fails unless a user may do this with a relation, and use its schema.
    pub(crate) fn require(&self, user: &str, relation: &Relation, privilege: Privilege) -> Result<()> {
        let denied = |what: String| {
            Err(SqlError::new(ErrorKind::InsufficientPrivilege, format!("permission denied for {what}")))
        };
        let schema = self.schemas.get(&relation.schema).filter(|schema| schema.name != "public");
        if schema.is_some_and(|schema| !self.allows(user, schema.id, &schema.owner, Privilege::Usage)) {
            return denied(format!("schema {}", relation.schema));
        }
        match self.allows(user, relation.id, &relation.owner, privilege) {
            true => Ok(()),
            false => denied(format!("relation {}", relation.name)),
        }
    }

    /// Fails unless the owner of a view over tables and views may read them. Otherwise it is neither refreshed, nor read by
    /// anybody (Redshift: querying a materialized view).
    pub(crate) fn require_bases(&self, view: &Relation) -> Result<()> {
        let bases = view.derived().map(|view| view.bases.as_slice()).unwrap_or_default();
        let bases = bases.iter().filter_map(|base| self.relations.get(&base.relation));
        bases.into_iter().try_for_each(|base| {
            self.require(&view.owner, base, Privilege::Select)?;
            self.require_bases(base)
        })
    }

    /// The views that read a relation.
    pub(crate) fn dependents(&self, relation: i64) -> impl Iterator<Item = &Arc<Relation>> {
        let reads = move |view: &DerivedView| view.bases.iter().any(|base| base.relation == relation);
        self.relations.values().filter(move |other| other.derived().is_some_and(reads))
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
