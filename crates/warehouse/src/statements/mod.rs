//! Running statements, one kind a file.

mod create_external_schema;
mod create_table;
mod create_view;
mod delete;
mod drop;
mod explain;
mod insert;
mod privileges;
mod query;
mod refresh;
mod setting;
mod tail;
mod users;
mod vacuum;

use std::sync::Arc;

use datafusion::arrow::array::{ArrayRef, RecordBatch, StringViewArray};
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::sql::sqlparser::ast::Statement as Sql;

use crate::error::{Result, SqlError};
use crate::plan::{Parameter, bind_parameters};
use crate::session::{Description, Outcome, Session};
use crate::sql::{Parsed, Statement};
use crate::types::{MAX_VARCHAR, SqlType};

/// Runs one statement.
pub(crate) async fn run(session: &mut Session, parsed: &Parsed, parameters: &[Parameter]) -> Result<Outcome> {
    match &parsed.statement {
        Statement::CreateExternalSchema(create) => create_external_schema::run(session, create).await,
        Statement::CreateMaterializedView(create) => create_view::run(session, create).await,
        Statement::RefreshMaterializedView(refresh) => refresh::run(session, refresh).await,
        Statement::ExplainRefresh(name) => explain::refresh(session, name).await,
        Statement::DropMaterializedView(drop) => drop::materialized_views(session, drop).await,
        Statement::AlterMaterializedView(alter) => refresh::alter(session, alter).await,
        Statement::AppendFrom(append) => delete::append_from(session, append).await,
        Statement::AlterTableOwner(name, owner) => refresh::alter_table_owner(session, name, &owner.value).await,
        Statement::Analyze(analyze) => vacuum::analyze(session, analyze).await,
        Statement::Tail(name) => tail::run(session, name),
        Statement::CreateUser(create) => users::create(session, create).await,
        Statement::AlterUser(alter) => users::alter(session, alter).await,
        Statement::DropUser(drop) => users::remove(session, drop).await,
        Statement::KeepSetting(keep) => users::keep_setting(session, keep).await,
        Statement::Sql(statement) => {
            let mut statement = statement.clone();
            bind_parameters(&mut *statement, parameters)?;
            run_sql(session, *statement, &parsed.text).await
        }
    }
}

async fn run_sql(session: &mut Session, statement: Sql, text: &str) -> Result<Outcome> {
    match statement {
        Sql::Query(query) => query::run(session, &query, text).await,
        Sql::Explain { statement, .. } => explain::run(session, &statement, text).await,
        Sql::CreateTable(create) => create_table::run(session, create, text).await,
        Sql::CreateSchema { schema_name, if_not_exists, .. } => {
            create_table::schema(session, &schema_name, if_not_exists).await
        }
        Sql::Insert(insert) => insert::run(session, insert, text).await,
        Sql::Delete(delete) => delete::run(session, &delete, text).await,
        Sql::Truncate(truncate) => match truncate.table_names.as_slice() {
            [table] => delete::truncate(session, &table.name).await,
            _ => Err(SqlError::syntax("TRUNCATE needs the name of one table")),
        },
        Sql::AlterTable(_) => Err(SqlError::unsupported("ALTER TABLE is supported for OWNER TO and APPEND FROM only")),
        Sql::Grant(grant) => privileges::grant(session, &grant).await,
        Sql::Revoke(revoke) => privileges::revoke(session, &revoke).await,
        Sql::Vacuum(vacuum) => vacuum::vacuum(session, vacuum.table_name.as_ref(), vacuum.delete_only).await,
        Sql::Drop { object_type, if_exists, names, cascade, .. } => {
            drop::run(session, object_type, &names, if_exists, cascade).await
        }
        Sql::StartTransaction { .. } => {
            session.begin();
            Ok(Outcome::Done("BEGIN".into()))
        }
        Sql::Commit { .. } => Ok(Outcome::Done(session.end(true).await?.into())),
        Sql::Rollback { .. } => Ok(Outcome::Done(session.end(false).await?.into())),
        Sql::Set(set) => setting::set(session, &set),
        Sql::ShowVariable { variable } => setting::show(session, &variable),
        Sql::Reset(reset) => setting::reset(session, &reset),
        Sql::Discard { .. } => {
            session.settings.reset_all();
            Ok(Outcome::Done("DISCARD ALL".into()))
        }
        Sql::Deallocate { .. } => Ok(Outcome::Done("DEALLOCATE".into())),
        other => {
            let text = other.to_string();
            let words: Vec<&str> = text.split_whitespace().take(2).collect();
            Err(SqlError::unsupported(format!("{} is not supported", words.join(" "))))
        }
    }
}

/// What a statement takes and gives.
pub(crate) async fn describe(session: &Session, parsed: &Parsed) -> Result<Description> {
    match &parsed.statement {
        Statement::Sql(statement) => describe_sql(session, statement, &parsed.text).await,
        Statement::ExplainRefresh(_) => Ok(describe_explain()),
        Statement::Tail(name) => tail::describe(session, name),
        _ => Ok(Description { parameters: Vec::new(), columns: None }),
    }
}

async fn describe_sql(session: &Session, statement: &Sql, text: &str) -> Result<Description> {
    match statement {
        Sql::Query(query) => query::describe(session, query, text).await,
        Sql::Explain { .. } => Ok(describe_explain()),
        Sql::ShowVariable { variable } => {
            let columns = Some(one_text(&setting::name(variable)));
            Ok(Description { parameters: Vec::new(), columns })
        }
        statement => Ok(Description { parameters: query::untyped_parameters(statement), columns: None }),
    }
}

/// What EXPLAIN takes and gives.
fn describe_explain() -> Description {
    Description { parameters: Vec::new(), columns: Some(one_text("QUERY PLAN")) }
}

/// The columns of a result with one text column.
fn one_text(name: &str) -> SchemaRef {
    Arc::new(Schema::new(vec![SqlType::Varchar(MAX_VARCHAR).field(name)]))
}

/// A result with one text column.
fn texts(name: &str, lines: impl IntoIterator<Item = String>) -> Result<Outcome> {
    let values: ArrayRef = Arc::new(lines.into_iter().map(Some).collect::<StringViewArray>());
    let schema = one_text(name);
    let batch = RecordBatch::try_new(Arc::clone(&schema), vec![values])?;
    let stream = futures::stream::iter([Ok(batch)]);
    Ok(Outcome::Rows(Box::pin(RecordBatchStreamAdapter::new(schema, stream))))
}
