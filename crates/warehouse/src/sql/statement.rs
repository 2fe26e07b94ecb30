//! Statements as Tidemill runs them.

use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement as SqlStatement};

/// One statement.
#[derive(Debug, Clone)]
pub(crate) enum Statement {
    CreateExternalSchema(CreateExternalSchema),
    CreateMaterializedView(Box<CreateMaterializedView>),
    RefreshMaterializedView(RefreshMaterializedView),
    ExplainRefresh(ObjectName),
    DropMaterializedView(DropMaterializedView),
    AlterMaterializedView(AlterMaterializedView),
    AlterTableOwner(ObjectName, Ident),
    Analyze(Analyze),
    AppendFrom(AppendFrom),
    /// `TAIL view`: the rows that it gets from now on, without an end. Not in Redshift.
    Tail(ObjectName),
    CreateUser(CreateUser),
    AlterUser(AlterUser),
    DropUser(DropUser),
    KeepSetting(KeepSetting),
    /// What the parser knows.
    Sql(Box<SqlStatement>),
}

/// `ANALYZE`. Whether it is to look at the columns of predicates only makes no difference.
#[derive(Debug, Clone)]
pub(crate) struct Analyze {
    /// None for all relations.
    pub(crate) name: Option<ObjectName>,
    pub(crate) columns: Vec<Ident>,
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

/// `REFRESH MATERIALIZED VIEW`.
#[derive(Debug, Clone)]
pub(crate) struct RefreshMaterializedView {
    pub(crate) name: ObjectName,
    /// Whether the views that it reads are refreshed before it.
    pub(crate) cascade: bool,
}

/// `DROP MATERIALIZED VIEW`.
#[derive(Debug, Clone)]
pub(crate) struct DropMaterializedView {
    pub(crate) names: Vec<ObjectName>,
    pub(crate) if_exists: bool,
    /// Whether the views that read it go with it.
    pub(crate) cascade: bool,
}

/// `ALTER MATERIALIZED VIEW`.
#[derive(Debug, Clone)]
pub(crate) struct AlterMaterializedView {
    pub(crate) name: ObjectName,
    pub(crate) action: AlterViewAction,
}

/// What becomes of a view.
#[derive(Debug, Clone)]
pub(crate) enum AlterViewAction {
    AutoRefresh(bool),
    Owner(Ident),
}

/// `ALTER TABLE … APPEND FROM`.
#[derive(Debug, Clone)]
pub(crate) struct AppendFrom {
    pub(crate) target: ObjectName,
    pub(crate) source: ObjectName,
    /// Whether columns that only the source has are dropped.
    pub(crate) ignore_extra: bool,
    /// Whether columns that only the target has become NULL.
    pub(crate) fill_target: bool,
}

/// `CREATE USER`.
#[derive(Debug, Clone)]
pub(crate) struct CreateUser {
    pub(crate) name: Ident,
    pub(crate) options: UserOptions,
}

/// `ALTER USER`, but for its settings.
#[derive(Debug, Clone)]
pub(crate) struct AlterUser {
    pub(crate) name: Ident,
    pub(crate) options: UserOptions,
}

/// What is said of a user.
#[derive(Debug, Clone, Default)]
pub(crate) struct UserOptions {
    pub(crate) password: Option<Password>,
    /// `CREATEUSER` or `NOCREATEUSER` (Redshift: whether the user is a superuser).
    pub(crate) superuser: Option<bool>,
}

/// A password as a statement gives it.
#[derive(Debug, Clone)]
pub(crate) enum Password {
    Clear(String),
    /// MD5 of password and name, in hexadecimal.
    Hashed(String),
    Disabled,
}

/// `DROP USER`.
#[derive(Debug, Clone)]
pub(crate) struct DropUser {
    pub(crate) names: Vec<Ident>,
    pub(crate) if_exists: bool,
}

/// `ALTER USER … SET`, `ALTER SYSTEM SET`.
#[derive(Debug, Clone)]
pub(crate) struct KeepSetting {
    /// Whose setting; none for the cluster's.
    pub(crate) user: Option<Ident>,
    pub(crate) name: String,
    /// None to forget it.
    pub(crate) value: Option<String>,
}
