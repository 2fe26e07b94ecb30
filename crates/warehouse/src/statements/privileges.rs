//! GRANT and REVOKE.

use datafusion::sql::sqlparser::ast::{
    Action, Grant, GrantObjects, Grantee, GranteeName, GranteesType, ObjectName, Privileges, Revoke,
};

use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::DATABASE;
use crate::session::{Outcome, Session};
use crate::sql::split_name;
use crate::storage::{Change, DATABASE_ID, PUBLIC, Privilege, no_user};

pub(super) async fn grant(session: &mut Session, grant: &Grant) -> Result<Outcome> {
    if grant.with_grant_option {
        return Err(SqlError::unsupported("WITH GRANT OPTION is not supported"));
    }
    change(session, &grant.privileges, grant.objects.as_ref(), &grant.grantees, true).await?;
    Ok(Outcome::Done("GRANT".into()))
}

pub(super) async fn revoke(session: &mut Session, revoke: &Revoke) -> Result<Outcome> {
    change(session, &revoke.privileges, revoke.objects.as_ref(), &revoke.grantees, false).await?;
    Ok(Outcome::Done("REVOKE".into()))
}

/// Something that privileges are granted on.
struct Object {
    id: i64,
    privileges: &'static [Privilege],
}

async fn change(
    session: &mut Session,
    privileges: &Privileges,
    objects: Option<&GrantObjects>,
    grantees: &[Grantee],
    granted: bool,
) -> Result<()> {
    let objects = objects_of(session, objects)?;
    let grantees = grantees.iter().map(|grantee| grantee_name(session, grantee)).collect::<Result<Vec<_>>>()?;
    let mut changes = Vec::new();
    for object in &objects {
        for privilege in privileges_of(privileges, object)? {
            changes.extend(grantees.iter().map(|grantee| Change::Grant {
                object: object.id,
                grantee: grantee.clone(),
                privilege,
                granted,
            }));
        }
    }
    session.change(changes).await
}

fn objects_of(session: &Session, objects: Option<&GrantObjects>) -> Result<Vec<Object>> {
    match objects {
        Some(GrantObjects::Tables(names)) => names.iter().map(|name| relation(session, name)).collect(),
        Some(GrantObjects::Schemas(names)) => names.iter().map(|name| schema(session, name)).collect(),
        Some(GrantObjects::AllTablesInSchema { schemas }) => {
            let mut objects = Vec::new();
            for name in schemas {
                let (_, name) = split_name(name)?;
                schema_id(session, &name)?;
                for relation in session.read_view()?.snapshot.relations_in(&name) {
                    session.require_owner("relation", &relation.name, &relation.owner)?;
                    objects.push(Object { id: relation.id, privileges: &Privilege::OF_RELATIONS });
                }
            }
            Ok(objects)
        }
        Some(GrantObjects::Databases(names)) => {
            session.require_superuser("grant privileges on the database")?;
            for name in names {
                let (_, name) = split_name(name)?;
                if name != DATABASE {
                    let message = format!("database \"{name}\" does not exist");
                    return Err(SqlError::new(ErrorKind::UndefinedDatabase, message));
                }
            }
            Ok(vec![Object { id: DATABASE_ID, privileges: &Privilege::OF_SCHEMAS }])
        }
        Some(other) => Err(SqlError::unsupported(format!("privileges on {other} are not supported"))),
        None => Err(SqlError::unsupported("roles cannot be granted")),
    }
}

fn relation(session: &Session, name: &ObjectName) -> Result<Object> {
    let relation = session.relation(name)?;
    session.require_owner("relation", &relation.name, &relation.owner)?;
    Ok(Object { id: relation.id, privileges: &Privilege::OF_RELATIONS })
}

fn schema(session: &Session, name: &ObjectName) -> Result<Object> {
    let (_, name) = split_name(name)?;
    let (id, owner) = schema_id(session, &name)?;
    session.require_owner("schema", &name, &owner)?;
    Ok(Object { id, privileges: &Privilege::OF_SCHEMAS })
}

/// The number and the owner of a schema.
fn schema_id(session: &Session, name: &str) -> Result<(i64, String)> {
    let snapshot = session.read_view()?.snapshot;
    let local = snapshot.schemas.get(name).map(|schema| (schema.id, schema.owner.clone()));
    let external = || snapshot.external_schemas.get(name).map(|schema| (schema.id, schema.owner.clone()));
    local
        .or_else(external)
        .ok_or_else(|| SqlError::new(ErrorKind::UndefinedSchema, format!("schema \"{name}\" does not exist")))
}

fn privileges_of(privileges: &Privileges, object: &Object) -> Result<Vec<Privilege>> {
    let Privileges::Actions(actions) = privileges else { return Ok(object.privileges.to_vec()) };
    let privilege = |action: &Action| {
        if let Action::Select { columns: Some(_) } | Action::Update { columns: Some(_) } = action {
            return Err(SqlError::unsupported("privileges on single columns are not supported"));
        }
        let name = action.to_string();
        Privilege::parse(&name).filter(|privilege| object.privileges.contains(privilege)).ok_or_else(|| {
            SqlError::new(
                ErrorKind::InvalidGrantOperation,
                format!("invalid privilege type {name} for this kind of object"),
            )
        })
    };
    actions.iter().map(privilege).collect()
}

fn grantee_name(session: &Session, grantee: &Grantee) -> Result<String> {
    if grantee.grantee_type == GranteesType::Public {
        return Ok(PUBLIC.to_owned());
    }
    if !matches!(grantee.grantee_type, GranteesType::User | GranteesType::None) {
        return Err(SqlError::unsupported("privileges can be granted to users and PUBLIC only"));
    }
    let Some(GranteeName::ObjectName(name)) = &grantee.name else {
        return Err(SqlError::syntax("GRANT needs the name of a user"));
    };
    let (_, name) = split_name(name)?;
    match name == PUBLIC || session.read_view()?.snapshot.users.contains_key(&name) {
        true => Ok(name),
        false => Err(no_user(&name)),
    }
}
