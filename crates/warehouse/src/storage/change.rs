//! Changes of the catalog. A transaction is a list of them: applied to a snapshot they show what the
//! transaction sees, and committed together they are one transaction of the catalog's database.

use std::collections::HashSet;
use std::sync::Arc;

use super::{DataFile, ExternalSchema, Positions, Relation, RelationKind, SchemaEntry, Snapshot, StreamingView, User};
use crate::error::{ErrorKind, Result, SqlError};

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    CreateSchema(SchemaEntry),
    CreateExternalSchema(ExternalSchema),
    DropSchema(String),
    CreateRelation(Box<Relation>),
    DropRelation(i64),
    /// New files of a relation; for a streaming view also how far they reach.
    AppendFiles {
        relation: i64,
        files: Vec<DataFile>,
        positions: Option<Positions>,
    },
    /// A relation's files are replaced by others.
    ReplaceFiles {
        relation: i64,
        gone: Vec<i64>,
        files: Vec<DataFile>,
    },
    /// A manual refresh promises to show the stream up to here.
    Promise {
        relation: i64,
        stream_id: String,
        promised: Positions,
    },
    SetAutoRefresh {
        relation: i64,
        on: bool,
    },
    PutUser(User),
}

impl Change {
    /// Whether it changes structure rather than rows.
    pub(crate) fn is_structural(&self) -> bool {
        !matches!(self, Self::AppendFiles { .. } | Self::ReplaceFiles { .. } | Self::Promise { .. })
    }

    /// Applies the change, or says why it cannot be.
    pub(crate) fn apply(&self, snapshot: &mut Snapshot) -> Result<()> {
        match self {
            Self::CreateSchema(schema) => {
                check_schema_is_new(snapshot, &schema.name)?;
                snapshot.schemas.insert(schema.name.clone(), Arc::new(schema.clone()));
            }
            Self::CreateExternalSchema(schema) => {
                check_schema_is_new(snapshot, &schema.name)?;
                snapshot.external_schemas.insert(schema.name.clone(), Arc::new(schema.clone()));
            }
            Self::DropSchema(name) => drop_schema(snapshot, name)?,
            Self::CreateRelation(relation) => create_relation(snapshot, relation)?,
            Self::DropRelation(id) => {
                snapshot.remove(*id).ok_or_else(gone)?;
            }
            Self::AppendFiles { relation, files, positions } => {
                change_relation(snapshot, *relation, |relation| append(relation, files, positions.as_ref()))?;
            }
            Self::ReplaceFiles { relation, gone: old, files } => {
                change_relation(snapshot, *relation, |relation| replace(relation, old, files))?;
            }
            Self::Promise { relation, stream_id, promised } => change_view(snapshot, *relation, |view| {
                if view.stream_id != *stream_id {
                    view.positions = Positions::default();
                    view.stream_id.clone_from(stream_id);
                }
                view.promised.clone_from(promised);
            })?,
            Self::SetAutoRefresh { relation, on } => {
                change_view(snapshot, *relation, |view| view.auto_refresh = *on)?;
            }
            Self::PutUser(user) => {
                snapshot.users.insert(user.name.clone(), Arc::new(user.clone()));
            }
        }
        Ok(())
    }
}

fn check_schema_is_new(snapshot: &Snapshot, name: &str) -> Result<()> {
    if snapshot.has_schema(name) {
        return Err(SqlError::new(ErrorKind::DuplicateSchema, format!("schema \"{name}\" already exists")));
    }
    Ok(())
}

fn drop_schema(snapshot: &mut Snapshot, name: &str) -> Result<()> {
    if snapshot.relations_in(name).next().is_some() {
        let message = format!("cannot drop schema {name} because other objects depend on it");
        return Err(SqlError::new(ErrorKind::DependentObjectsStillExist, message)
            .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
    }
    let dropped = snapshot.schemas.remove(name).is_some() || snapshot.external_schemas.remove(name).is_some();
    if dropped { Ok(()) } else { Err(no_schema(name)) }
}

fn create_relation(snapshot: &mut Snapshot, relation: &Relation) -> Result<()> {
    if snapshot.external_schemas.contains_key(&relation.schema) {
        let message = format!("cannot create relations in external schema \"{}\"", relation.schema);
        return Err(SqlError::unsupported(message));
    }
    if !snapshot.schemas.contains_key(&relation.schema) {
        return Err(no_schema(&relation.schema));
    }
    if snapshot.relation(&relation.schema, &relation.name).is_some() {
        let message = format!("relation \"{}\" already exists", relation.name);
        return Err(SqlError::new(ErrorKind::DuplicateTable, message));
    }
    let mut names = HashSet::new();
    if let Some(twice) = relation.columns.iter().find(|column| !names.insert(&column.name)) {
        let message = format!("column \"{}\" specified more than once", twice.name);
        return Err(SqlError::new(ErrorKind::DuplicateColumn, message));
    }
    snapshot.put(relation.clone());
    Ok(())
}

fn append(relation: &mut Relation, files: &[DataFile], positions: Option<&Positions>) -> Result<()> {
    for file in files {
        let mut file = file.clone();
        file.row_id_start = relation.next_row_id;
        relation.next_row_id += file.records;
        relation.files.push(Arc::new(file));
    }
    if let (RelationKind::Streaming(view), Some(positions)) = (&mut relation.kind, positions) {
        view.positions.clone_from(positions);
    }
    Ok(())
}

fn replace(relation: &mut Relation, old: &[i64], files: &[DataFile]) -> Result<()> {
    let before = relation.files.len();
    relation.files.retain(|file| !old.contains(&file.id));
    if relation.files.len() + old.len() != before {
        return Err(conflict(&relation.name));
    }
    append(relation, files, None)
}

fn change_view(snapshot: &mut Snapshot, id: i64, change: impl FnOnce(&mut StreamingView)) -> Result<()> {
    change_relation(snapshot, id, |relation| match &mut relation.kind {
        RelationKind::Streaming(view) => {
            change(view);
            Ok(())
        }
        _ => Err(SqlError::new(ErrorKind::WrongObjectType, format!("\"{}\" is not a streaming view", relation.name))),
    })
}

fn change_relation(snapshot: &mut Snapshot, id: i64, change: impl FnOnce(&mut Relation) -> Result<()>) -> Result<()> {
    let mut relation = Relation::clone(snapshot.relations.get(&id).ok_or_else(gone)?);
    change(&mut relation)?;
    snapshot.put(relation);
    Ok(())
}

fn no_schema(name: &str) -> SqlError {
    SqlError::new(ErrorKind::UndefinedSchema, format!("schema \"{name}\" does not exist"))
}

fn gone() -> SqlError {
    SqlError::new(ErrorKind::SerializationFailure, "the relation was dropped by another transaction")
}

fn conflict(name: &str) -> SqlError {
    let message = format!("serializable isolation violation on table \"{name}\"");
    SqlError::new(ErrorKind::SerializationFailure, message)
}
