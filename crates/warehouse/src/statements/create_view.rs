//! CREATE MATERIALIZED VIEW.

use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::plan_definition;
use crate::session::{Outcome, Session};
use crate::sql::{CreateMaterializedView, DistClause, SortTerm, parse_query, qualify};
use crate::storage::{
    Base, Change, Column, DerivedView, DistStyle, Layout, Positions, Reached, Relation, RelationKind, StreamingView,
    check_storable,
};
use crate::views::{Obstacle, Program, StreamSource, ViewPlan, bases_of, columns_of, stream_source};

pub(super) async fn run(session: &mut Session, create: &CreateMaterializedView) -> Result<Outcome> {
    let (schema, name) = session.resolve(&create.name)?;
    session.require_create_in(&schema)?;
    let planner = session.definition_planner()?;
    let mut query = (*create.query).clone();
    qualify(&mut query, &session.settings.schema());
    // What is planned is what is kept, so that the view means the same when it is read again.
    let query = query.to_string();
    let now = session.cluster.clock.now().micros();
    let definition = plan_definition(&planner, parse_query(&query)?, now).await?;
    let columns = columns_of(definition.plan.schema());
    check_storable(&columns)?;
    let layout = layout(create, &columns)?;
    let source = stream_source(&definition.plan)?;
    let plan = ViewPlan::new(planner, definition)?;
    let kind = match &source {
        Some(source) => RelationKind::Streaming(streaming(session, create, source, query, &plan).await?),
        None => RelationKind::Derived(derived(session, create, query, &plan).await?),
    };
    let partials = plan.maintenance.as_ref().ok().filter(|parts| parts.grouped.is_some());
    let partials = partials.map(|parts| columns_of(parts.partial.schema()));
    partials.iter().try_for_each(|columns| check_storable(columns))?;
    let (id, owner) = (session.cluster.store.new_id(), session.user.clone());
    let (files, next_row_id, rewrites) = (Vec::new(), 0, 0);
    let mut relation =
        Relation { id, schema, name, owner, columns, partials, layout, kind, files, next_row_id, rewrites };
    let mut changes = replaced(session, create, &relation)?;
    let mut append = None;
    if let RelationKind::Derived(view) = &mut relation.kind {
        let read = session.read_view()?;
        view.bases = crate::views::reached(&read, view)?;
        let rows = session.cluster.views.first_rows(&read, &relation, &plan).await?;
        append = Some(Change::AppendFiles { relation: id, files: rows.files, reached: Reached::Same });
    }
    changes.push(Change::CreateRelation(Box::new(relation)));
    changes.extend(append);
    session.change(changes).await?;
    Ok(Outcome::Done("CREATE MATERIALIZED VIEW".into()))
}

async fn streaming(
    session: &Session,
    create: &CreateMaterializedView,
    source: &StreamSource,
    query: String,
    plan: &ViewPlan,
) -> Result<StreamingView> {
    let role = tidemill_iam::RoleArn::parse(&source.role)?;
    session.cluster.roles.check_stream(&role, &source.stream).await?;
    let stream = session.cluster.roles.streams.get(&source.stream)?;
    let parts = plan.maintenance.as_ref().map_err(|Obstacle(what)| {
        SqlError::unsupported(format!("a materialized view over a stream cannot have {what}"))
            .with_hint("Build the view from filters, expressions and groups, and a second one on top of it.")
    })?;
    // What cannot be compiled is refused now, not at the first refresh.
    Program::compile(&plan.planner, &parts.partial).await?;
    Ok(StreamingView {
        external_schema: source.external_schema.clone(),
        stream: source.stream.as_str().to_owned(),
        stream_id: stream.id().as_str().to_owned(),
        definition: create.text.clone(),
        query,
        auto_refresh: create.auto_refresh,
        backup: create.backup,
        positions: Positions::default(),
        promised: Positions::default(),
    })
}

async fn derived(
    session: &mut Session,
    create: &CreateMaterializedView,
    query: String,
    plan: &ViewPlan,
) -> Result<DerivedView> {
    if session.has_changes() {
        // Rows that are not committed have no numbers yet by which the view could tell what it has read.
        return Err(SqlError::unsupported(
            "a materialized view over tables can be created only before other changes of its transaction",
        ));
    }
    if create.auto_refresh {
        refuse_mutable(plan)?;
    }
    let base = |base: &std::sync::Arc<Relation>| Base { relation: base.id, next_row_id: 0, rewrites: 0 };
    let view = DerivedView {
        definition: create.text.clone(),
        query,
        auto_refresh: create.auto_refresh,
        backup: create.backup,
        incremental: plan.maintenance.is_ok(),
        bases: bases_of(&plan.whole)?.iter().map(base).collect(),
    };
    // The view reads files only, so that what it has read stays.
    session.cluster.views.store_bases(&view).await?;
    session.renew_view();
    Ok(view)
}

/// Fails for a view whose rows change by themselves, which nothing could tell automatic refresh of.
pub(super) fn refuse_mutable(plan: &ViewPlan) -> Result<()> {
    match plan.is_mutable {
        true => Err(SqlError::unsupported("a materialized view that calls a mutable function cannot refresh itself")),
        false => Ok(()),
    }
}

/// The removal of the view that OR REPLACE replaces.
fn replaced(session: &Session, create: &CreateMaterializedView, relation: &Relation) -> Result<Vec<Change>> {
    let view = session.read_view()?;
    match view.snapshot.relation(&relation.schema, &relation.name) {
        Some(existing) if create.or_replace && existing.is_view() => {
            session.require_owner("materialized view", &existing.name, &existing.owner)?;
            super::drop::refuse_dependents(&view.snapshot, existing)?;
            Ok(vec![Change::DropRelation(existing.id)])
        }
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
