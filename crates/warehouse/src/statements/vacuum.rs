//! VACUUM merges and sorts files and removes those that nobody can read any more; ANALYZE writes rows that are only in memory
//! into files, whose statistics the planner uses.

use std::sync::Arc;

use datafusion::sql::sqlparser::ast::{Ident, ObjectName};

use crate::error::{ErrorKind, Result, SqlError};
use crate::session::{Outcome, Session};
use crate::sql::Analyze;
use crate::storage::Relation;

pub(super) async fn vacuum(session: &mut Session, name: Option<&ObjectName>, delete_only: bool) -> Result<Outcome> {
    if session.is_in_transaction() {
        let message = "VACUUM cannot run inside a transaction block";
        return Err(SqlError::new(ErrorKind::InvalidTransactionState, message));
    }
    let cluster = Arc::clone(&session.cluster);
    for relation in relations(session, name)? {
        cluster.views.flush(relation.id).await?;
        if !delete_only {
            cluster.views.vacuum(relation.id).await?;
        }
    }
    cluster.store.remove_old(cluster.clock.now()).await?;
    Ok(Outcome::Done("VACUUM".into()))
}

pub(super) async fn analyze(session: &mut Session, analyze: &Analyze) -> Result<Outcome> {
    for relation in relations(session, analyze.name.as_ref())? {
        let has = |name: &Ident| relation.columns.iter().any(|column| column.name == name.value);
        if let Some(missing) = analyze.columns.iter().find(|name| !has(name)) {
            let message = format!("column \"{}\" of relation \"{}\" does not exist", missing.value, relation.name);
            return Err(SqlError::new(ErrorKind::UndefinedColumn, message));
        }
        session.cluster.views.flush(relation.id).await?;
    }
    if !session.has_changes() {
        session.renew_view();
    }
    Ok(Outcome::Done("ANALYZE".into()))
}

/// The relation that a statement names, or all that are the user's own.
fn relations(session: &Session, name: Option<&ObjectName>) -> Result<Vec<Arc<Relation>>> {
    match name {
        Some(name) => {
            let relation = session.relation(name)?;
            session.require_owner("relation", &relation.name, &relation.owner)?;
            Ok(vec![relation])
        }
        None => {
            let snapshot = session.read_view()?.snapshot;
            let own = |relation: &&Arc<Relation>| snapshot.is_owner(&session.user, &relation.owner);
            Ok(snapshot.relations.values().filter(own).cloned().collect())
        }
    }
}
