//! REFRESH MATERIALIZED VIEW, and ALTER MATERIALIZED VIEW.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::ObjectName;

use crate::error::{ErrorKind, Result, SqlError};
use crate::session::{Outcome, Session};
use crate::sql::{AlterMaterializedView, AlterViewAction, RefreshMaterializedView};
use crate::storage::{Change, ReadView, Relation, no_user};
use crate::views::Work;

pub(super) async fn run(session: &mut Session, refresh: &RefreshMaterializedView) -> Result<Outcome> {
    session.commit_so_far().await?;
    session.renew_view();
    let relation = owned_view(session, &refresh.name)?;
    let views = Arc::clone(&session.cluster.views);
    let request = session.refresh_request()?;
    let read = session.read_view()?;
    let refreshed = if refresh.cascade {
        // By age: a view is younger than those that it reads.
        let below = views_below(&read, &relation);
        views.refresh_cascade(below.into_iter().chain([relation.id]).collect(), request).await?
    } else {
        views.refresh(relation.id, request).await?
    };
    session.renew_view();
    session.notice(notice(session, &relation, refreshed.work)?);
    Ok(Outcome::Done("REFRESH".into()))
}

pub(super) async fn alter(session: &mut Session, alter: &AlterMaterializedView) -> Result<Outcome> {
    let relation = owned_view(session, &alter.name)?;
    let change = match &alter.action {
        AlterViewAction::AutoRefresh(on) => {
            if *on {
                super::create_view::refuse_mutable(&*session.cluster.views.plan_of(&relation).await?)?;
            }
            Change::SetAutoRefresh { relation: relation.id, on: *on }
        }
        AlterViewAction::Owner(owner) => set_owner(session, &relation, &owner.value)?,
    };
    session.change(vec![change]).await?;
    Ok(Outcome::Done("ALTER MATERIALIZED VIEW".into()))
}

pub(super) async fn alter_table_owner(session: &mut Session, name: &ObjectName, owner: &str) -> Result<Outcome> {
    let relation = session.relation(name)?;
    session.require_owner("relation", &relation.name, &relation.owner)?;
    let change = set_owner(session, &relation, owner)?;
    session.change(vec![change]).await?;
    Ok(Outcome::Done("ALTER TABLE".into()))
}

/// The change of a relation's owner.
fn set_owner(session: &Session, relation: &Relation, owner: &str) -> Result<Change> {
    if !session.read_view()?.snapshot.users.contains_key(owner) {
        return Err(no_user(owner));
    }
    Ok(Change::SetOwner { relation: relation.id, owner: owner.to_owned() })
}

/// The materialized view that a statement names, which must be the user's own.
pub(super) fn owned_view(session: &Session, name: &ObjectName) -> Result<Arc<Relation>> {
    let relation = session.relation(name)?;
    if !relation.is_view() {
        let message = format!("\"{}\" is not a materialized view", relation.name);
        return Err(SqlError::new(ErrorKind::WrongObjectType, message));
    }
    session.require_owner("materialized view", &relation.name, &relation.owner)?;
    Ok(relation)
}

/// What Redshift tells of a refresh.
fn notice(session: &Session, relation: &Relation, work: Work) -> Result<String> {
    let name = &relation.name;
    Ok(match work {
        Work::Nothing | Work::NoNewData if reads_stale_view(session, relation)? => format!(
            "Materialized view {name} is already up to date. However, it depends on another materialized view that is not up to date."
        ),
        Work::Nothing | Work::NoNewData => format!("Materialized view {name} is already up to date."),
        Work::Recomputed => format!("Materialized view {name} was recomputed from scratch."),
        Work::Added | Work::AddedSome | Work::AddedNone => {
            format!("Materialized view {name} was incrementally updated successfully.")
        }
    })
}

fn reads_stale_view(session: &Session, relation: &Relation) -> Result<bool> {
    let read = session.read_view()?;
    let views = &session.cluster.views;
    let is_stale =
        |id: &i64| read.snapshot.relations.get(id).is_some_and(|view| views.is_stale(&read, view) == Some(true));
    Ok(views_below(&read, relation).iter().any(is_stale))
}

/// The views that a view reads, directly and through others.
fn views_below(read: &ReadView, relation: &Relation) -> BTreeSet<i64> {
    let mut below = BTreeSet::new();
    let mut todo: Vec<i64> =
        relation.derived().into_iter().flat_map(|view| &view.bases).map(|base| base.relation).collect();
    while let Some(id) = todo.pop() {
        let Some(base) = read.snapshot.relations.get(&id).filter(|base| base.is_view()) else { continue };
        if below.insert(id) {
            todo.extend(base.derived().into_iter().flat_map(|view| &view.bases).map(|base| base.relation));
        }
    }
    below
}
