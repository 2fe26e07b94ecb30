//! CREATE USER, ALTER USER, DROP USER, and settings that are kept for a user or the cluster.

use crate::cluster::password_hash;
use crate::error::{ErrorKind, Result, SqlError};
use crate::session::{Outcome, Session};
use crate::settings;
use crate::sql::{AlterUser, CreateUser, DropUser, KeepSetting, Password, UserOptions};
use crate::storage::{Change, PUBLIC, User, no_user};

pub(super) async fn create(session: &mut Session, create: &CreateUser) -> Result<Outcome> {
    session.require_superuser("create users")?;
    let name = create.name.value.clone();
    if name == PUBLIC || session.read_view()?.snapshot.users.contains_key(&name) {
        return Err(SqlError::new(ErrorKind::DuplicateObject, format!("user \"{name}\" already exists")));
    }
    if create.options.password.is_none() {
        return Err(SqlError::syntax("CREATE USER needs PASSWORD").with_hint("Use PASSWORD DISABLE for none."));
    }
    let id = session.cluster.store.new_id();
    let md5 = hash_of(&name, &create.options)?.unwrap_or_default();
    let user = User { id, name, md5, superuser: create.options.superuser.unwrap_or(false) };
    session.change(vec![Change::PutUser(user)]).await?;
    Ok(Outcome::Done("CREATE USER".into()))
}

pub(super) async fn alter(session: &mut Session, alter: &AlterUser) -> Result<Outcome> {
    let name = &alter.name.value;
    // A user may change the own password.
    if *name != session.user || alter.options.superuser.is_some() {
        session.require_superuser("alter users")?;
    }
    let (md5, superuser) = (hash_of(name, &alter.options)?, alter.options.superuser);
    session.change(vec![Change::AlterUser { name: name.clone(), md5, superuser }]).await?;
    Ok(Outcome::Done("ALTER USER".into()))
}

pub(super) async fn remove(session: &mut Session, drop: &DropUser) -> Result<Outcome> {
    session.require_superuser("drop users")?;
    let mut changes = Vec::new();
    for name in drop.names.iter().map(|name| &name.value) {
        if *name == session.user {
            return Err(SqlError::new(ErrorKind::ObjectInUse, "current user cannot be dropped"));
        }
        if session.read_view()?.snapshot.users.contains_key(name) {
            changes.push(Change::DropUser(name.clone()));
        } else if drop.if_exists {
            session.notice(format!("user \"{name}\" does not exist, skipping"));
        } else {
            return Err(no_user(name));
        }
    }
    session.change(changes).await?;
    Ok(Outcome::Done("DROP USER".into()))
}

pub(super) async fn keep_setting(session: &mut Session, keep: &KeepSetting) -> Result<Outcome> {
    let user = keep.user.as_ref().map_or("", |user| user.value.as_str());
    if user != session.user {
        session.require_superuser("set parameters of others")?;
    }
    if !user.is_empty() && !session.read_view()?.snapshot.users.contains_key(user) {
        return Err(no_user(user));
    }
    let default = settings::default(&keep.name)?;
    settings::check(&keep.name, keep.value.as_deref().unwrap_or(default))?;
    let change = Change::Keep { user: user.to_owned(), name: keep.name.clone(), value: keep.value.clone() };
    session.change(vec![change]).await?;
    Ok(Outcome::Done(if user.is_empty() { "ALTER SYSTEM" } else { "ALTER USER" }.into()))
}

/// What is kept of the password that is given to a user; empty if it is disabled.
fn hash_of(name: &str, options: &UserOptions) -> Result<Option<String>> {
    Ok(match &options.password {
        None => None,
        Some(Password::Disabled) => Some(String::new()),
        Some(Password::Hashed(hash)) => Some(hash.clone()),
        Some(Password::Clear(password)) => {
            check_password(password)?;
            Some(password_hash(name, password))
        }
    })
}

/// What Redshift demands of a password.
fn check_password(password: &str) -> Result<()> {
    let has = |test: fn(&u8) -> bool| password.as_bytes().iter().any(test);
    let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
    let printable = |byte: u8| (33..=126).contains(&byte) && !b"'\"\\/@".contains(&byte);
    if (8..=64).contains(&password.len()) && mixed && password.bytes().all(printable) {
        return Ok(());
    }
    Err(SqlError::new(ErrorKind::InvalidParameterValue, "the password is not valid").with_detail(
        "A password has 8 to 64 characters, at least one uppercase letter, one lowercase letter and one number, and no ' \" \\ / @ or space.",
    ))
}
