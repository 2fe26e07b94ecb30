//! A part of a relation's rows, or its past, as a table's name carries it to the catalog.
//!
//! `view AT (SNAPSHOT 5)` is read as the name `view` with a suffix that cannot be typed.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Ident, ObjectNamePart, Query, TableAlias, TableFactor, VisitMut, VisitorMut};
use tidemill_clock::Timestamp;

use super::names::HIDDEN;
use crate::storage::Moment;

/// Which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// The rows of one data file.
    File(i64),
    /// The rows at a moment of the past.
    At(Moment),
}

impl Part {
    /// The name of this part of `relation`.
    pub(crate) fn name(self, relation: &str) -> String {
        match self {
            Self::File(id) => format!("{relation}{HIDDEN}file {id}"),
            Self::At(Moment::Snapshot(id)) => format!("{relation}{HIDDEN}snapshot {id}"),
            Self::At(Moment::Time(time)) => format!("{relation}{HIDDEN}time {}", time.millis()),
        }
    }

    /// The name of the relation, and the part of it that a name means.
    pub(crate) fn split(name: &str) -> (&str, Option<Self>) {
        let Some((relation, part)) = name.split_once(HIDDEN) else { return (name, None) };
        let part = part.split_once(' ').and_then(|(kind, number)| {
            let number = number.parse().ok()?;
            match kind {
                "file" => Some(Self::File(number)),
                "snapshot" => Some(Self::At(Moment::Snapshot(number))),
                "time" => Some(Self::At(Moment::Time(Timestamp::from_millis(number)))),
                _ => None,
            }
        });
        (relation, part)
    }
}

/// Lets tables that are read in part be called by their plain names.
pub(crate) fn alias_parts(query: &mut Query) {
    struct Aliases;
    impl VisitorMut for Aliases {
        type Break = ();
        fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
            if let TableFactor::Table { name, alias: alias @ None, .. } = factor
                && let Some(ObjectNamePart::Identifier(ident)) = name.0.last()
                && let (plain, Some(_)) = Part::split(&ident.value)
            {
                let name = Ident::with_quote('"', plain);
                *alias = Some(TableAlias { explicit: true, name, columns: Vec::new(), at: None });
            }
            ControlFlow::Continue(())
        }
    }
    // Never breaks off.
    let _ = query.visit(&mut Aliases);
}
