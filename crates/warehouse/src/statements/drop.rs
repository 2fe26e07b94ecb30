//! DROP TABLE, DROP MATERIALIZED VIEW, DROP SCHEMA.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType};

use crate::error::{ErrorKind, Result, SqlError};
use crate::session::{Outcome, Session};
use crate::sql::{DropMaterializedView, split_name};
use crate::storage::{Change, Privilege, Relation, Snapshot};

pub(super) async fn run(
    session: &mut Session,
    kind: ObjectType,
    names: &[ObjectName],
    if_exists: bool,
    cascade: bool,
) -> Result<Outcome> {
    let tag = match kind {
        ObjectType::Table => "DROP TABLE",
        ObjectType::Schema => "DROP SCHEMA",
        other => return Err(SqlError::unsupported(format!("DROP {other} is not supported"))),
    };
    let mut changes = Vec::new();
    for name in names {
        match kind {
            ObjectType::Schema => changes.extend(schema(session, name, if_exists, cascade)?),
            _ => changes.extend(relation(session, name, if_exists, cascade, false)?),
        }
    }
    session.change(changes).await?;
    Ok(Outcome::Done(tag.into()))
}

pub(super) async fn materialized_views(session: &mut Session, drop: &DropMaterializedView) -> Result<Outcome> {
    let mut changes = Vec::new();
    for name in &drop.names {
        changes.extend(relation(session, name, drop.if_exists, drop.cascade, true)?);
    }
    session.change(changes).await?;
    Ok(Outcome::Done("DROP MATERIALIZED VIEW".into()))
}

fn relation(
    session: &mut Session,
    name: &ObjectName,
    if_exists: bool,
    cascade: bool,
    is_view: bool,
) -> Result<Vec<Change>> {
    let (schema, name) = session.resolve(name)?;
    let view = session.read_view()?;
    let found = match view.snapshot.expect_relation(&schema, &name) {
        Ok(found) => found,
        Err(_) if if_exists => {
            session.notice(format!("\"{name}\" does not exist, skipping"));
            return Ok(Vec::new());
        }
        Err(error) => return Err(error),
    };
    if found.is_view() != is_view {
        let (what, hint) = match is_view {
            true => ("a materialized view", "Use DROP TABLE to remove a table."),
            false => ("a table", "Use DROP MATERIALIZED VIEW to remove a materialized view."),
        };
        return Err(SqlError::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not {what}")).with_hint(hint));
    }
    let kind = if is_view { "materialized view" } else { "relation" };
    if !view.snapshot.allows(&session.user, found.id, &found.owner, Privilege::Drop) {
        session.require_owner(kind, &name, &found.owner)?;
    }
    if !cascade {
        refuse_dependents(&view.snapshot, found)?;
    }
    Ok(with_dependents(&view.snapshot, [found.id]).into_iter().map(Change::DropRelation).collect())
}

/// Fails if views read a relation that is to go.
pub(super) fn refuse_dependents(snapshot: &Snapshot, relation: &Relation) -> Result<()> {
    let Some(dependent) = snapshot.dependents(relation.id).next() else { return Ok(()) };
    let message = format!("cannot drop {} because other objects depend on it", relation.name);
    Err(SqlError::new(ErrorKind::DependentObjectsStillExist, message)
        .with_detail(format!("materialized view {} depends on {}", dependent.name, relation.name))
        .with_hint("Use DROP ... CASCADE to drop the dependent objects too."))
}

/// Relations, and before them the views that read them.
fn with_dependents(snapshot: &Snapshot, relations: impl IntoIterator<Item = i64>) -> Vec<i64> {
    let mut found = BTreeSet::new();
    let mut todo: Vec<i64> = relations.into_iter().collect();
    while let Some(id) = todo.pop() {
        if found.insert(id) {
            todo.extend(snapshot.dependents(id).map(|dependent| dependent.id));
        }
    }
    found.into_iter().rev().collect()
}

fn schema(session: &mut Session, name: &ObjectName, if_exists: bool, cascade: bool) -> Result<Vec<Change>> {
    let (_, name) = split_name(name)?;
    let snapshot = session.read_view()?.snapshot;
    if !snapshot.has_schema(&name) && if_exists {
        session.notice(format!("schema \"{name}\" does not exist, skipping"));
        return Ok(Vec::new());
    }
    let owner = snapshot.schemas.get(&name).map(|schema| &schema.owner);
    let owner = owner.or_else(|| snapshot.external_schemas.get(&name).map(|schema| &schema.owner));
    if let Some(owner) = owner {
        session.require_owner("schema", &name, owner)?;
    }
    let dependents = dependents(&snapshot, &name);
    if !dependents.is_empty() && !cascade {
        let message = format!("cannot drop schema {name} because other objects depend on it");
        return Err(SqlError::new(ErrorKind::DependentObjectsStillExist, message)
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    let mut changes: Vec<Change> = dependents.into_iter().map(Change::DropRelation).collect();
    changes.push(Change::DropSchema(name));
    Ok(changes)
}

/// The relations in a schema, the views over streams of an external one, and all views that read them.
fn dependents(snapshot: &Snapshot, schema: &str) -> Vec<i64> {
    let depends = snapshot.relations.values().filter(|relation| {
        relation.schema == schema || relation.streaming().is_some_and(|view| view.external_schema == schema)
    });
    with_dependents(snapshot, depends.map(|relation| relation.id))
}
