//! Object numbers: the same for an object at each look, whatever else exists.

use crate::storage::{ReadView, Relation};

pub(super) const PG_CATALOG: i64 = 11;
pub(super) const PUBLIC: i64 = 2200;

/// The number of a schema.
pub(super) fn schema(view: &ReadView, name: &str) -> i64 {
    if name == "public" {
        return PUBLIC;
    }
    let snapshot = &view.snapshot;
    let local = snapshot.schemas.get(name).map(|schema| schema.id);
    let external = snapshot.external_schemas.get(name).map(|schema| schema.id);
    50_000 + local.or(external).unwrap_or(0)
}

/// The number of a table or view.
pub(super) fn relation(relation: &Relation) -> i64 {
    100_000 + 2 * relation.id
}

/// The number of the table that holds a materialized view's rows.
pub(super) fn storage(relation: &Relation) -> i64 {
    100_001 + 2 * relation.id
}

/// The name of that table (Redshift: `mv_tbl__NAME__0`).
pub(super) fn storage_name(relation: &Relation) -> String {
    format!("mv_tbl__{}__0", relation.name)
}

/// The number of a user.
pub(super) fn user(view: &ReadView, name: &str) -> i64 {
    view.snapshot.users.get(name).map_or(1, |user| user.id + 99)
}
