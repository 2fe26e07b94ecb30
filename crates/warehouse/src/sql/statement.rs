//! Statements as Tidemill runs them.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement as SqlStatement};

/// One statement.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    CreateExternalSchema(CreateExternalSchema),
    CreateMaterializedView(Box<CreateMaterializedView>),
    RefreshMaterializedView(ObjectName),
    DropMaterializedView(DropMaterializedView),
    AlterMaterializedView(AlterMaterializedView),
    /// What the parser knows.
    Sql(Box<SqlStatement>),
}

/// `CREATE EXTERNAL SCHEMA … FROM KINESIS`.
#[derive(Debug, Clone)]
pub(crate) struct CreateExternalSchema {
    pub(crate) name: Ident,
    pub(crate) if_not_exists: bool,
    pub(crate) region: Option<String>,
    /// The role's ARN; none for the cluster's default role.
    pub(crate) role: Option<String>,
}

/// `CREATE MATERIALIZED VIEW`.
#[derive(Debug, Clone)]
pub(crate) struct CreateMaterializedView {
    pub(crate) name: ObjectName,
    pub(crate) or_replace: bool,
    pub(crate) backup: bool,
    pub(crate) dist: Option<DistClause>,
    pub(crate) sort: Vec<SortTerm>,
    pub(crate) auto_refresh: bool,
    pub(crate) query: Box<Query>,
    /// The query as it was written.
    pub(crate) query_text: String,
    /// The statement as it was written.
    pub(crate) text: String,
}

/// A distribution clause.
#[derive(Debug, Clone)]
pub(crate) enum DistClause {
    Auto,
    Even,
    All,
    Key(SortTerm),
}

/// A column of a sort or distribution key: by name, or by its place from 1.
#[derive(Debug, Clone)]
pub(crate) enum SortTerm {
    Name(Ident),
    Ordinal(u64),
}

/// `DROP MATERIALIZED VIEW`.
#[derive(Debug, Clone)]
pub(crate) struct DropMaterializedView {
    pub(crate) names: Vec<ObjectName>,
    pub(crate) if_exists: bool,
}

/// `ALTER MATERIALIZED VIEW … AUTO REFRESH`.
#[derive(Debug, Clone)]
pub(crate) struct AlterMaterializedView {
    pub(crate) name: ObjectName,
    pub(crate) auto_refresh: bool,
}
