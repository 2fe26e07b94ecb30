//! CREATE MATERIALIZED VIEW.

use futures::TryStreamExt;

use super::insert::write_rows;
use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::Streaming;
use crate::session::{Outcome, Session};
use crate::sql::{CreateMaterializedView, DistClause, SortTerm};
use crate::storage::{
    Change, Column, DerivedView, DistStyle, Layout, Positions, Relation, RelationKind, StreamingView,
};
use crate::views::{Program, columns_of};

pub(super) async fn run(session: &mut Session, create: &CreateMaterializedView) -> Result<Outcome> {
    let (schema, name) = session.resolve(&create.name)?;
    let streams = std::sync::Arc::clone(&session.cluster.roles.streams);
    let planner = session.planner(Streaming::Allowed(streams))?;
    let plan = session.plan(&planner, &create.query, &create.text).await?;
    let columns = columns_of(plan.schema());
    let layout = layout(create, &columns)?;
    let source = Program::source(&plan)?;
    let kind = match &source {
        Some(source) => {
            let role = tidemill_iam::RoleArn::parse(&source.role)?;
            session.cluster.roles.check_stream(&role, source.stream.name()).await?;
            RelationKind::Streaming(StreamingView {
                external_schema: source.external_schema.clone(),
                stream: source.stream.name().as_str().to_owned(),
                stream_id: source.stream.id().as_str().to_owned(),
                definition: create.text.clone(),
                query: create.query_text.clone(),
                auto_refresh: create.auto_refresh,
                backup: create.backup,
                positions: Positions::default(),
                promised: Positions::default(),
            })
        }
        None if create.auto_refresh => {
            return Err(SqlError::unsupported("AUTO REFRESH is supported for materialized views over streams only"));
        }
        None => RelationKind::Derived(DerivedView {
            definition: create.text.clone(),
            query: create.query_text.clone(),
            backup: create.backup,
        }),
    };
    let (id, owner) = (session.cluster.store.new_id(), session.user.clone());
    let relation = Relation { id, schema, name, owner, columns, layout, kind, files: Vec::new(), next_row_id: 0 };
    let mut changes = replaced(session, create, &relation)?;
    changes.push(Change::CreateRelation(Box::new(relation.clone())));
    if source.is_none() {
        let rows = planner.create_physical_plan(&plan).await?;
        let rows = datafusion::physical_plan::execute_stream(rows, planner.task_ctx())?;
        let files = write_rows(&session.cluster.store, &relation, rows.err_into()).await?.files;
        changes.push(Change::AppendFiles { relation: id, files, positions: None });
    } else {
        // What cannot be compiled is refused now, not at the first refresh.
        Program::compile(&planner, &plan).await?;
    }
    session.change(changes).await?;
    Ok(Outcome::Done("CREATE MATERIALIZED VIEW".into()))
}

/// The removal of the view that OR REPLACE replaces.
fn replaced(session: &Session, create: &CreateMaterializedView, relation: &Relation) -> Result<Vec<Change>> {
    let view = session.read_view()?;
    match view.snapshot.relation(&relation.schema, &relation.name) {
        Some(existing) if create.or_replace && existing.is_view() => Ok(vec![Change::DropRelation(existing.id)]),
        _ => Ok(Vec::new()),
    }
}

fn layout(create: &CreateMaterializedView, columns: &[Column]) -> Result<Layout> {
    let dist = match &create.dist {
        None | Some(DistClause::Auto) => DistStyle::Auto,
        Some(DistClause::Even) => DistStyle::Even,
        Some(DistClause::All) => DistStyle::All,
        Some(DistClause::Key(term)) => DistStyle::Key(place(term, columns, "distribution")?),
    };
    let sort = create.sort.iter().map(|term| place(term, columns, "sort")).collect::<Result<_>>()?;
    Ok(Layout { dist, sort })
}

/// The position of a key's column.
pub(super) fn place(term: &SortTerm, columns: &[Column], key: &str) -> Result<usize> {
    let place = match term {
        SortTerm::Name(name) => columns.iter().position(|column| column.name == name.value),
        SortTerm::Ordinal(ordinal) => (*ordinal as usize).checked_sub(1).filter(|place| *place < columns.len()),
    };
    let place = place.ok_or_else(|| {
        let shown = match term {
            SortTerm::Name(name) => format!("column \"{}\" named as {key} key does not exist", name.value),
            SortTerm::Ordinal(ordinal) => format!("{key} key position {ordinal} is not in the select list"),
        };
        SqlError::new(ErrorKind::UndefinedColumn, shown)
    })?;
    if columns[place].sql_type == crate::types::SqlType::Super {
        let message = format!("column \"{}\" of type super cannot be a {key} key", columns[place].name);
        return Err(SqlError::new(ErrorKind::InvalidObjectDefinition, message));
    }
    Ok(place)
}
