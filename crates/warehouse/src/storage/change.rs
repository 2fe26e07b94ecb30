//! Changes of the catalog. A transaction is a list of them: applied to a snapshot they show what the
//! transaction sees, and committed together they are one transaction of the catalog's database.

use std::collections::HashSet;
use std::sync::Arc;

use super::{
    Base, Column, DataFile, DeadLetter, ExternalSchema, Positions, Privilege, Relation, RelationKind, SchemaEntry,
    Snapshot, StreamingView, User,
};
use crate::error::{ErrorKind, Result, SqlError};
use crate::types::SqlType;

/// One change.
#[derive(Debug, Clone)]
pub(crate) enum Change {
    CreateSchema(SchemaEntry),
    CreateExternalSchema(ExternalSchema),
    DropSchema(String),
    CreateRelation(Box<Relation>),
    DropRelation(i64),
    /// New files of a relation; for a view also how far they reach.
    AppendFiles {
        relation: i64,
        files: Vec<DataFile>,
        reached: Reached,
    },
    /// A relation's files are replaced by files of other rows.
    ReplaceFiles {
        relation: i64,
        gone: Vec<i64>,
        files: Vec<DataFile>,
        reached: Reached,
    },
    /// Neighbouring files of a relation are replaced by one that holds the same rows.
    CompactFiles {
        relation: i64,
        gone: Vec<i64>,
        file: DataFile,
    },
    /// Records of which a view could make no row.
    SetAside {
        relation: i64,
        letters: Vec<Arc<DeadLetter>>,
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
    SetOwner {
        relation: i64,
        owner: String,
    },
    PutUser(User),
    AlterUser {
        name: String,
        md5: Option<String>,
        superuser: Option<bool>,
    },
    DropUser(String),
    /// Grants a privilege on an object or, if not, takes it back.
    Grant {
        object: i64,
        grantee: String,
        privilege: Privilege,
        granted: bool,
    },
    /// Keeps a setting of a user, or of the cluster for the user ""; without a value, forgets it.
    Keep {
        user: String,
        name: String,
        value: Option<String>,
    },
}

/// How far the rows of a view reach into what it reads.
#[derive(Debug, Clone)]
pub(crate) enum Reached {
    /// The rows come from elsewhere, or the view has read nothing new.
    Same,
    /// Into the shards of a stream.
    Stream(Positions),
    /// Into tables and views.
    Bases(Vec<Base>),
}

impl Change {
    /// Whether it changes structure rather than rows.
    pub(crate) fn is_structural(&self) -> bool {
        !matches!(
            self,
            Self::AppendFiles { .. }
                | Self::ReplaceFiles { .. }
                | Self::CompactFiles { .. }
                | Self::SetAside { .. }
                | Self::Promise { .. }
        )
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
                Arc::make_mut(&mut snapshot.grants).forget_object(*id);
            }
            Self::AppendFiles { relation, files, reached } => {
                check_reached(snapshot, reached)?;
                change_relation(snapshot, *relation, |relation| {
                    append(relation, files);
                    reach(relation, reached);
                    Ok(())
                })?;
            }
            Self::ReplaceFiles { relation, gone, files, reached } => {
                check_reached(snapshot, reached)?;
                change_relation(snapshot, *relation, |relation| {
                    remove(relation, gone)?;
                    relation.rewrites += 1;
                    append(relation, files);
                    reach(relation, reached);
                    Ok(())
                })?;
            }
            Self::CompactFiles { relation, gone, file } => {
                check_borders(snapshot, *relation, gone)?;
                change_relation(snapshot, *relation, |relation| compact(relation, gone, file))?;
            }
            Self::SetAside { .. } => {}
            Self::Promise { relation, stream_id, promised } => change_view(snapshot, *relation, |view| {
                if view.stream_id != *stream_id {
                    view.positions = Positions::default();
                    view.stream_id.clone_from(stream_id);
                }
                view.promised.clone_from(promised);
            })?,
            Self::SetAutoRefresh { relation, on } => change_relation(snapshot, *relation, |relation| {
                match &mut relation.kind {
                    RelationKind::Table => return Err(not_a_view(&relation.name)),
                    RelationKind::Streaming(view) => view.auto_refresh = *on,
                    RelationKind::Derived(view) => view.auto_refresh = *on,
                }
                Ok(())
            })?,
            Self::SetOwner { relation, owner } => change_relation(snapshot, *relation, |relation| {
                relation.owner.clone_from(owner);
                Ok(())
            })?,
            Self::PutUser(user) => {
                snapshot.users.insert(user.name.clone(), Arc::new(user.clone()));
            }
            Self::AlterUser { name, md5, superuser } => {
                let mut user = User::clone(snapshot.users.get(name).ok_or_else(|| no_user(name))?);
                user.md5 = md5.clone().unwrap_or(user.md5);
                user.superuser = superuser.unwrap_or(user.superuser);
                snapshot.users.insert(name.clone(), Arc::new(user));
            }
            Self::DropUser(name) => drop_user(snapshot, name)?,
            Self::Grant { object, grantee, privilege, granted } => {
                let grants = Arc::make_mut(&mut snapshot.grants);
                match granted {
                    true => grants.grant(*object, grantee, *privilege),
                    false => grants.revoke(*object, grantee, *privilege),
                }
            }
            Self::Keep { user, name, value } => {
                let settings = Arc::make_mut(&mut snapshot.settings);
                let key = (user.clone(), name.clone());
                match value {
                    Some(value) => drop(settings.insert(key, value.clone())),
                    None => drop(settings.remove(&key)),
                }
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
    let local = snapshot.schemas.remove(name).map(|schema| schema.id);
    let dropped = local.or_else(|| snapshot.external_schemas.remove(name).map(|schema| schema.id));
    Arc::make_mut(&mut snapshot.grants).forget_object(dropped.ok_or_else(|| no_schema(name))?);
    Ok(())
}

/// Fails for columns of a type that data files do not have.
pub(crate) fn check_storable(columns: &[Column]) -> Result<()> {
    match columns.iter().find(|column| column.sql_type == SqlType::Interval) {
        Some(column) => {
            let message = format!("column \"{}\" is an interval, which cannot be stored", column.name);
            Err(SqlError::unsupported(message).with_hint("EXTRACT(epoch FROM ...) makes a number of it."))
        }
        None => Ok(()),
    }
}

fn create_relation(snapshot: &mut Snapshot, relation: &Relation) -> Result<()> {
    check_storable(&relation.columns)?;
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
    if let Some(view) = relation.derived() {
        check_reached(snapshot, &Reached::Bases(view.bases.clone()))?;
    }
    snapshot.put(relation.clone());
    Ok(())
}

/// Fails if a relation that a view has read is gone, or if rows that it has read were merged with others since.
fn check_reached(snapshot: &Snapshot, reached: &Reached) -> Result<()> {
    let Reached::Bases(bases) = reached else { return Ok(()) };
    for base in bases {
        let relation = snapshot.relations.get(&base.relation).ok_or_else(gone)?;
        let is_inside = |file: &Arc<DataFile>| holds_both_sides(file.row_id_start, file, base.next_row_id);
        if relation.files.iter().any(is_inside) {
            return Err(conflict(&relation.name));
        }
    }
    Ok(())
}

/// Fails if a view has read some, but not all, of the rows of files that are to be merged.
fn check_borders(snapshot: &Snapshot, id: i64, merged: &[i64]) -> Result<()> {
    let Some(relation) = snapshot.relations.get(&id) else { return Err(gone()) };
    let files = || relation.files.iter().filter(|file| merged.contains(&file.id));
    let (Some(first), Some(last)) = (files().next(), files().next_back()) else { return Err(conflict(&relation.name)) };
    let borders = snapshot.dependents(id).filter_map(|view| view.derived()).flat_map(|view| &view.bases);
    let is_inside = |base: &Base| base.relation == id && holds_both_sides(first.row_id_start, last, base.next_row_id);
    if borders.into_iter().any(is_inside) { Err(conflict(&relation.name)) } else { Ok(()) }
}

/// Whether rows from `start` to the end of `last` are on both sides of a border.
fn holds_both_sides(start: i64, last: &DataFile, border: i64) -> bool {
    start < border && border < last.row_id_start + last.records
}

fn drop_user(snapshot: &mut Snapshot, name: &str) -> Result<()> {
    let owns = snapshot.relations.values().any(|relation| relation.owner == name)
        || snapshot.schemas.values().any(|schema| schema.owner == name)
        || snapshot.external_schemas.values().any(|schema| schema.owner == name);
    if owns || snapshot.grants.names(name) {
        let what = if owns { "owns some object" } else { "has a privilege on some object" };
        let message = format!("user \"{name}\" cannot be dropped because the user {what}");
        return Err(SqlError::new(ErrorKind::DependentObjectsStillExist, message));
    }
    let dropped = snapshot.users.remove(name);
    Arc::make_mut(&mut snapshot.settings).retain(|(user, _), _| user != name);
    dropped.map(drop).ok_or_else(|| no_user(name))
}

/// The error for a user that does not exist.
pub(crate) fn no_user(name: &str) -> SqlError {
    SqlError::new(ErrorKind::UndefinedObject, format!("user \"{name}\" does not exist"))
}

fn append(relation: &mut Relation, files: &[DataFile]) {
    for file in files {
        let mut file = file.clone();
        file.row_id_start = relation.next_row_id;
        relation.next_row_id += file.records;
        relation.files.push(Arc::new(file));
    }
}

fn remove(relation: &mut Relation, gone: &[i64]) -> Result<()> {
    let before = relation.files.len();
    relation.files.retain(|file| !gone.contains(&file.id));
    if relation.files.len() + gone.len() == before { Ok(()) } else { Err(conflict(&relation.name)) }
}

/// The new file stands where the first of the old ones stood.
fn compact(relation: &mut Relation, gone: &[i64], file: &DataFile) -> Result<()> {
    let place = relation.files.iter().position(|old| gone.contains(&old.id));
    let place = place.ok_or_else(|| conflict(&relation.name))?;
    let row_id_start = relation.files[place].row_id_start;
    remove(relation, gone)?;
    relation.files.insert(place, Arc::new(DataFile { row_id_start, ..file.clone() }));
    Ok(())
}

fn reach(relation: &mut Relation, reached: &Reached) {
    match (&mut relation.kind, reached) {
        (RelationKind::Streaming(view), Reached::Stream(positions)) => view.positions.clone_from(positions),
        (RelationKind::Derived(view), Reached::Bases(bases)) => view.bases.clone_from(bases),
        _ => {}
    }
}

fn change_view(snapshot: &mut Snapshot, id: i64, change: impl FnOnce(&mut StreamingView)) -> Result<()> {
    change_relation(snapshot, id, |relation| match &mut relation.kind {
        RelationKind::Streaming(view) => {
            change(view);
            Ok(())
        }
        _ => Err(not_a_view(&relation.name)),
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

fn not_a_view(name: &str) -> SqlError {
    SqlError::new(ErrorKind::WrongObjectType, format!("\"{name}\" is not a materialized view of this kind"))
}

fn gone() -> SqlError {
    SqlError::new(ErrorKind::SerializationFailure, "the relation was dropped by another transaction")
}

fn conflict(name: &str) -> SqlError {
    let message = format!("serializable isolation violation on table \"{name}\"");
    SqlError::new(ErrorKind::SerializationFailure, message)
}
