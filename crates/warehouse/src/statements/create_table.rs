//! CREATE TABLE, CREATE TABLE AS and CREATE SCHEMA.

use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, DistStyle as SqlDistStyle, Expr, ObjectName, SchemaName,
};
use futures::TryStreamExt;

use super::create_view::place;
use crate::error::{Result, SqlError};
use crate::plan::analyzed;
use crate::session::{Outcome, Session};
use crate::sql::{SortTerm, split_name};
use crate::storage::{
    Change, Column, DistStyle, Layout, Reached, Relation, RelationKind, SchemaEntry, check_storable, no_user,
};
use crate::types::SqlType;
use crate::views::{columns_of, write_rows};

pub(super) async fn run(session: &mut Session, create: CreateTable, text: &str) -> Result<Outcome> {
    let (schema, name) = session.resolve(&create.name)?;
    if create.temporary || name.starts_with('#') {
        return Err(SqlError::unsupported("temporary tables are not supported"));
    }
    if create.if_not_exists && session.read_view()?.snapshot.relation(&schema, &name).is_some() {
        session.notice(format!("relation \"{name}\" already exists, skipping"));
        return Ok(Outcome::Done("CREATE TABLE".into()));
    }
    session.require_create_in(&schema)?;
    let (id, owner) = (session.cluster.store.new_id(), session.user.clone());
    let table = |columns: Vec<Column>, layout: Layout| Relation {
        id,
        schema,
        name,
        owner,
        columns,
        partials: None,
        layout,
        kind: RelationKind::Table,
        files: Vec::new(),
        next_row_id: 0,
        rewrites: 0,
    };
    if create.like.is_some() {
        return Err(SqlError::unsupported("CREATE TABLE ... LIKE is not supported"));
    }
    let Some(query) = &create.query else {
        let columns = (1..).zip(&create.columns).map(|(id, definition)| column(id, definition));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let layout = layout(&create, &columns)?;
        session.change(vec![Change::CreateRelation(Box::new(table(columns, layout)))]).await?;
        return Ok(Outcome::Done("CREATE TABLE".into()));
    };
    let planner = session.planner()?;
    let plan = analyzed(&planner, session.plan(&planner, query, text).await?)?;
    let columns = columns_of(plan.schema());
    check_storable(&columns)?;
    let layout = layout(&create, &columns)?;
    let relation = table(columns, layout);
    let rows = planner.create_physical_plan(&plan).await?;
    let rows = datafusion::physical_plan::execute_stream(rows, planner.task_ctx())?;
    let written = write_rows(&session.cluster.store, &relation, rows.err_into()).await?;
    let append = Change::AppendFiles { relation: id, files: written.files, reached: Reached::Same };
    session.change(vec![Change::CreateRelation(Box::new(relation)), append]).await?;
    Ok(Outcome::Done(format!("SELECT {}", written.rows)))
}

pub(super) async fn schema(session: &mut Session, name: &SchemaName, if_not_exists: bool) -> Result<Outcome> {
    let (name, owner) = match name {
        SchemaName::Simple(name) => (name, session.user.clone()),
        SchemaName::NamedAuthorization(name, owner) => (name, owner.value.clone()),
        SchemaName::UnnamedAuthorization(_) => {
            return Err(SqlError::unsupported("CREATE SCHEMA AUTHORIZATION needs a name"));
        }
    };
    let (_, name) = split_name(name)?;
    if owner != session.user {
        session.require_superuser("create a schema for another user")?;
    }
    if !session.read_view()?.snapshot.users.contains_key(&owner) {
        return Err(no_user(&owner));
    }
    if if_not_exists && session.read_view()?.snapshot.has_schema(&name) {
        session.notice(format!("schema \"{name}\" already exists, skipping"));
    } else {
        session.require_create_in_database()?;
        let id = session.cluster.store.new_id();
        session.change(vec![Change::CreateSchema(SchemaEntry { id, name, owner })]).await?;
    }
    Ok(Outcome::Done("CREATE SCHEMA".into()))
}

fn column(id: i64, definition: &ColumnDef) -> Result<Column> {
    let mut column = Column {
        id,
        name: definition.name.value.clone(),
        sql_type: SqlType::from_ast(&definition.data_type)?,
        nullable: true,
    };
    for option in &definition.options {
        match &option.option {
            ColumnOption::NotNull | ColumnOption::PrimaryKey(_) => column.nullable = false,
            // Constraints inform the planner only (Redshift), encodings and keys of one column say how it is stored.
            ColumnOption::Null
            | ColumnOption::Unique(_)
            | ColumnOption::ForeignKey(_)
            | ColumnOption::DialectSpecific(_) => {}
            ColumnOption::Collation(name) if is_case_sensitive(name) => {}
            other => return Err(SqlError::unsupported(format!("column attribute {other} is not supported"))),
        }
    }
    Ok(column)
}

fn is_case_sensitive(collation: &ObjectName) -> bool {
    let name = collation.0.last().and_then(|part| part.as_ident());
    name.is_some_and(|name| name.value.eq_ignore_ascii_case("case_sensitive"))
}

fn layout(create: &CreateTable, columns: &[Column]) -> Result<Layout> {
    let term = |expr: &Expr| match expr {
        Expr::Identifier(name) => Ok(SortTerm::Name(name.clone())),
        other => Err(SqlError::syntax(format!("a key is a list of columns, not {other}"))),
    };
    let dist = match (&create.distkey, &create.diststyle) {
        (Some(key), _) => DistStyle::Key(place(&term(key)?, columns, "distribution")?),
        (None, Some(SqlDistStyle::Even)) => DistStyle::Even,
        (None, Some(SqlDistStyle::All)) => DistStyle::All,
        _ => DistStyle::Auto,
    };
    let sort = create.sortkey.iter().flatten().map(|key| place(&term(key)?, columns, "sort"));
    Ok(Layout { dist, sort: sort.collect::<Result<_>>()? })
}
