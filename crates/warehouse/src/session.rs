//! A session: one client's settings and transaction, and the running of its statements.

use std::sync::Arc;

use datafusion::arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement as SqlStatement};

use crate::cluster::Cluster;
use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::{
    DATABASE, Parameter, Purpose, SessionValues, StatementCatalog, declare_parameters, plan_query, prepare_query,
};
use crate::settings::{DEDUP_ATTRIBUTES, STREAMING_ERROR_MODE, Settings};
use crate::sql::{Parsed, Statement, parse, position_of, split_name};
use crate::statements;
use crate::storage::{Change, DATABASE_ID, Privilege, ReadView, Relation, Snapshot};
use crate::types::SqlType;
use crate::views::{ErrorMode, RefreshRequest};

/// What `version()` says.
const VERSION: &str = concat!(
    "PostgreSQL 8.0.2 on x86_64-pc-linux-gnu, compiled by rustc, Redshift 1.0.0 (Tidemill ",
    env!("CARGO_PKG_VERSION"),
    ")"
);

/// One client's session.
pub struct Session {
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) user: String,
    pub(crate) settings: Settings,
    backend: i32,
    transaction: Option<Transaction>,
    notices: Vec<String>,
}

/// A transaction block.
struct Transaction {
    base: ReadView,
    changes: Vec<Change>,
    failed: bool,
}

/// Where a session stands between statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// No transaction block is open.
    Idle,
    /// One is open.
    Open,
    /// One is open and an error has ended its effect.
    Failed,
}

/// A statement that was read and can be run.
#[derive(Debug, Clone)]
pub struct Prepared {
    parsed: Parsed,
    /// The same with types for all parameters, where that is not what runs.
    described: Option<Parsed>,
}

/// What a statement takes and gives, known before it runs.
#[derive(Debug, Clone)]
pub struct Description {
    /// The types of `$1`, `$2`, ….
    pub parameters: Vec<SqlType>,
    /// The columns of its rows; none if it returns no rows.
    pub columns: Option<SchemaRef>,
}

/// What a statement did.
pub enum Outcome {
    /// It returns rows.
    Rows(SendableRecordBatchStream),
    /// It is done; the command tag says what was.
    Done(String),
}

impl Prepared {
    /// The statement as it was written.
    pub fn text(&self) -> &str {
        &self.parsed.text
    }

    /// Gives its parameters the types that a client declares for them.
    pub fn declare(&mut self, types: &[Option<SqlType>]) {
        if types.iter().any(|told| matches!(told, Some(SqlType::Decimal(..)))) {
            let mut described = self.parsed.clone();
            described.declare(types, true);
            self.described = Some(described);
        }
        self.parsed.declare(types, false);
    }
}

impl Parsed {
    fn declare(&mut self, types: &[Option<SqlType>], decimals: bool) {
        if let Statement::Sql(statement) = &mut self.statement {
            declare_parameters(statement, types, decimals);
        }
    }
}

impl Session {
    pub(crate) fn new(cluster: Arc<Cluster>, user: &str, backend: i32) -> Self {
        let settings = Settings::of(user, &cluster.store.read_view().snapshot);
        let notices = Vec::new();
        Self { cluster, user: user.to_owned(), settings, backend, transaction: None, notices }
    }

    /// Reads the statements of a text, which semicolons separate.
    pub fn parse(&self, text: &str) -> Result<Vec<Prepared>> {
        let case_sensitive = self.settings.is_on("enable_case_sensitive_identifier");
        let statements = parse(text, case_sensitive)?.into_iter();
        Ok(statements.map(|parsed| Prepared { parsed, described: None }).collect())
    }

    /// Tells what a statement takes and gives, without running it.
    pub async fn describe(&self, prepared: &Prepared) -> Result<Description> {
        statements::describe(self, prepared.described.as_ref().unwrap_or(&prepared.parsed)).await
    }

    /// Runs a statement.
    pub async fn execute(&mut self, prepared: &Prepared, parameters: &[Parameter]) -> Result<Outcome> {
        if self.state() == TransactionState::Failed && !ends_transaction(&prepared.parsed.statement) {
            let message = "current transaction is aborted, commands ignored until end of transaction block";
            return Err(SqlError::new(ErrorKind::InFailedTransaction, message));
        }
        let outcome = statements::run(self, &prepared.parsed, parameters).await;
        if outcome.is_err()
            && let Some(transaction) = &mut self.transaction
        {
            transaction.failed = true;
        }
        outcome
    }

    /// Where the session stands.
    pub fn state(&self) -> TransactionState {
        match &self.transaction {
            None => TransactionState::Idle,
            Some(transaction) if transaction.failed => TransactionState::Failed,
            Some(_) => TransactionState::Open,
        }
    }

    /// Messages for the client that came up since the last call.
    pub fn take_notices(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notices)
    }

    /// The value of a setting.
    pub fn setting(&self, name: &str) -> Result<&str> {
        self.settings.get(name)
    }

    /// Changes a setting, as a client's start-up message may.
    pub fn set(&mut self, name: &str, value: &str) -> Result<()> {
        self.settings.set(name, value)
    }

    pub(crate) fn notice(&mut self, message: String) {
        self.notices.push(message);
    }

    /// Opens a transaction block.
    pub(crate) fn begin(&mut self) {
        if self.transaction.is_some() {
            self.notice("WARNING: there is already a transaction in progress".into());
            return;
        }
        let base = self.cluster.store.read_view();
        self.transaction = Some(Transaction { base, changes: Vec::new(), failed: false });
    }

    /// Ends a transaction block, for good or not. Returns the command tag.
    pub(crate) async fn end(&mut self, commit: bool) -> Result<&'static str> {
        match self.transaction.take() {
            Some(transaction) if commit && !transaction.failed => {
                self.cluster.commit(transaction.changes).await?;
                Ok("COMMIT")
            }
            // A failed block is rolled back whatever the client says.
            Some(_) => Ok("ROLLBACK"),
            None if commit => Ok("COMMIT"),
            None => Ok("ROLLBACK"),
        }
    }

    /// What a statement reads now.
    pub(crate) fn read_view(&self) -> Result<ReadView> {
        match &self.transaction {
            Some(transaction) => transaction.base.with(&transaction.changes),
            None => Ok(self.cluster.store.read_view()),
        }
    }

    /// Makes changes: at once, or at the end of the open transaction.
    pub(crate) async fn change(&mut self, changes: Vec<Change>) -> Result<()> {
        match &mut self.transaction {
            None => self.cluster.commit(changes).await,
            Some(transaction) => {
                let before = transaction.changes.len();
                transaction.changes.extend(changes);
                let applied = transaction.base.with(&transaction.changes);
                if applied.is_err() {
                    transaction.changes.truncate(before);
                }
                applied.map(drop)
            }
        }
    }

    /// Commits what the open transaction has done so far, and goes on in it with a new view: for statements that
    /// are transactions of their own (Redshift: REFRESH, TRUNCATE).
    pub(crate) async fn commit_so_far(&mut self) -> Result<()> {
        if let Some(transaction) = &mut self.transaction {
            self.cluster.commit(std::mem::take(&mut transaction.changes)).await?;
        }
        Ok(())
    }

    /// Lets the open transaction see what was committed since it began.
    pub(crate) fn renew_view(&mut self) {
        if let Some(transaction) = &mut self.transaction {
            transaction.base = self.cluster.store.read_view();
        }
    }

    /// The schema and name of a relation that a statement names.
    pub(crate) fn resolve(&self, name: &ObjectName) -> Result<(String, String)> {
        let (schema, name) = split_name(name)?;
        Ok((schema.unwrap_or_else(|| self.settings.schema()), name))
    }

    /// A planner over what this session sees now.
    pub(crate) fn planner(&self) -> Result<SessionState> {
        self.planner_for(Purpose::Query(Arc::clone(&self.cluster.views)))
    }

    /// A planner for the definition of a view.
    pub(crate) fn definition_planner(&self) -> Result<SessionState> {
        self.planner_for(Purpose::Definition(Arc::clone(&self.cluster.roles.streams)))
    }

    fn planner_for(&self, purpose: Purpose) -> Result<SessionState> {
        let catalog = StatementCatalog::new(self.read_view()?, purpose, Some(self.user.clone()));
        Ok(self.cluster.engine.planner(Arc::new(catalog), &self.settings.schema()))
    }

    /// What privileges are looked up in: what the transaction sees, but the users as they are now.
    fn access(&self) -> Result<Arc<Snapshot>> {
        let mut snapshot = self.read_view()?.snapshot;
        if self.transaction.is_some() {
            Arc::make_mut(&mut snapshot).users = self.cluster.store.read_view().snapshot.users.clone();
        }
        Ok(snapshot)
    }

    /// Fails unless the session's user owns what `owner` owns, or may do everything.
    pub(crate) fn require_owner(&self, kind: &str, name: &str, owner: &str) -> Result<()> {
        match self.access()?.is_owner(&self.user, owner) {
            true => Ok(()),
            false => Err(SqlError::new(ErrorKind::InsufficientPrivilege, format!("must be owner of {kind} {name}"))),
        }
    }

    /// Fails unless the session's user may do this with a relation.
    pub(crate) fn require(&self, relation: &Relation, privilege: Privilege) -> Result<()> {
        self.access()?.require(&self.user, relation, privilege)
    }

    /// Fails unless the session's user may create relations in a schema.
    pub(crate) fn require_create_in(&self, schema: &str) -> Result<()> {
        let snapshot = self.access()?;
        match snapshot.schemas.get(schema) {
            Some(found)
                if schema != "public" && !snapshot.allows(&self.user, found.id, &found.owner, Privilege::Create) =>
            {
                let message = format!("permission denied for schema {schema}");
                Err(SqlError::new(ErrorKind::InsufficientPrivilege, message))
            }
            _ => Ok(()),
        }
    }

    /// Fails unless the session's user may create schemas.
    pub(crate) fn require_create_in_database(&self) -> Result<()> {
        match self.access()?.allows(&self.user, DATABASE_ID, "", Privilege::Create) {
            true => Ok(()),
            false => {
                let message = format!("permission denied for database {DATABASE}");
                Err(SqlError::new(ErrorKind::InsufficientPrivilege, message))
            }
        }
    }

    /// Fails unless the session's user may do everything.
    pub(crate) fn require_superuser(&self, what: &str) -> Result<()> {
        match self.access()?.is_owner(&self.user, "") {
            true => Ok(()),
            false => Err(SqlError::new(ErrorKind::InsufficientPrivilege, format!("must be superuser to {what}"))),
        }
    }

    /// The relation that a statement names.
    pub(crate) fn relation(&self, name: &ObjectName) -> Result<Arc<Relation>> {
        let (schema, name) = self.resolve(name)?;
        Ok(Arc::clone(self.read_view()?.snapshot.expect_relation(&schema, &name)?))
    }

    /// What a refresh that this session asks for needs to know of it.
    pub(crate) fn refresh_request(&self) -> Result<RefreshRequest> {
        let mode = self.settings.get(STREAMING_ERROR_MODE)?;
        let error_mode = ErrorMode::parse(mode).unwrap_or_default();
        Ok(RefreshRequest { user: self.user.clone(), backend: self.backend, error_mode })
    }

    /// Whether the open transaction, if any, has changed something.
    pub(crate) fn has_changes(&self) -> bool {
        self.transaction.as_ref().is_some_and(|transaction| !transaction.changes.is_empty())
    }

    /// Whether statements are part of a transaction block.
    pub(crate) fn is_in_transaction(&self) -> bool {
        self.transaction.is_some()
    }

    /// Plans a query. `text` is the statement, for places in errors.
    pub(crate) async fn plan(&self, planner: &SessionState, query: &Query, text: &str) -> Result<LogicalPlan> {
        let mut query = query.clone();
        prepare_query(&mut query, &self.values());
        plan_query(planner, query).await.map_err(|error| {
            let place = position_of(text, &error);
            SqlError::from(error).at(place)
        })
    }

    fn values(&self) -> SessionValues {
        SessionValues {
            user: self.user.clone(),
            database: DATABASE.to_owned(),
            schema: self.settings.schema(),
            backend: self.backend,
            version: VERSION.to_owned(),
            now: self.cluster.clock.now().micros(),
            keeps_last: self.settings.is_on(DEDUP_ATTRIBUTES),
        }
    }
}

fn ends_transaction(statement: &Statement) -> bool {
    matches!(statement, Statement::Sql(sql) if matches!(**sql, SqlStatement::Commit { .. } | SqlStatement::Rollback { .. }))
}
