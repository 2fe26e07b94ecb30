//! One client's connection: statements in, results out.

use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use futures::{Sink, SinkExt, StreamExt, TryStreamExt};
use pgwire::api::auth::StartupHandler;
use pgwire::api::cancel::{CancelHandler, DefaultCancelHandler};
use pgwire::api::portal::{Format, Portal};
use pgwire::api::query::{ExtendedQueryHandler, SimpleQueryHandler};
use pgwire::api::results::{FieldInfo, QueryResponse, Response, Tag};
use pgwire::api::stmt::QueryParser;
use pgwire::api::store::PortalStore;
use pgwire::api::{
    ClientInfo, ClientPortalStore, ConnectionManager, METADATA_DATABASE, METADATA_USER, PgWireServerHandlers, Type,
};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::PgWireBackendMessage;
use tidemill_warehouse::{Cluster, Description, Outcome, Parameter, Prepared, Session, SqlError};
use tokio::sync::Mutex;

use crate::auth::Startup;
use crate::encode;
use crate::errors::{notice, to_wire};
use crate::parameters;

/// What serves one connection.
pub(crate) struct Connection {
    queries: Arc<Queries>,
    startup: Arc<Startup>,
    cancel: Arc<DefaultCancelHandler>,
}

impl Connection {
    pub(crate) fn new(cluster: Arc<Cluster>, connections: Arc<ConnectionManager>) -> Self {
        let startup = Startup::new(Arc::clone(&cluster), Arc::clone(&connections));
        Self {
            queries: Arc::new(Queries { cluster, session: Mutex::new(None) }),
            startup: Arc::new(startup),
            cancel: Arc::new(DefaultCancelHandler::new(connections)),
        }
    }
}

impl PgWireServerHandlers for Connection {
    fn simple_query_handler(&self) -> Arc<impl SimpleQueryHandler> {
        Arc::clone(&self.queries)
    }

    fn extended_query_handler(&self) -> Arc<impl ExtendedQueryHandler> {
        Arc::new(Extended(Arc::clone(&self.queries)))
    }

    fn startup_handler(&self) -> Arc<impl StartupHandler> {
        Arc::clone(&self.startup)
    }

    fn cancel_handler(&self) -> Arc<impl CancelHandler> {
        Arc::clone(&self.cancel)
    }
}

/// Runs the statements of one connection, one after the other.
struct Queries {
    cluster: Arc<Cluster>,
    /// Made at the first statement, when the client has proved who it is.
    session: Mutex<Option<Session>>,
}

impl Queries {
    /// The session, for the client's first statement a new one with the settings of its start-up message.
    fn open<'s>(&self, session: &'s mut Option<Session>, client: &impl ClientInfo) -> PgWireResult<&'s mut Session> {
        if session.is_none() {
            let metadata = client.metadata();
            let user = metadata.get(METADATA_USER).map_or("", String::as_str);
            let database = metadata.get(METADATA_DATABASE).map_or(user, String::as_str);
            let mut new = self.cluster.session(user, database).map_err(to_wire)?;
            for (name, value) in
                metadata.iter().filter(|(name, _)| *name != METADATA_USER && *name != METADATA_DATABASE)
            {
                // Drivers send what only they understand; Redshift ignores it too.
                let _ = new.set(name, value);
            }
            return Ok(session.insert(new));
        }
        session.as_mut().ok_or(PgWireError::NotReadyForQuery)
    }

    /// Runs a statement. `described` are the columns that the client was told of, if it was.
    async fn run<C>(
        &self,
        client: &mut C,
        prepared: &Prepared,
        parameters: &[Parameter],
        format: &Format,
        described: Option<&SchemaRef>,
    ) -> PgWireResult<Response>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let mut session = self.session.lock().await;
        let session = self.open(&mut session, client)?;
        let outcome = session.execute(prepared, parameters).await;
        for message in session.take_notices() {
            client.feed(PgWireBackendMessage::NoticeResponse(notice(message))).await?;
        }
        let outcome = outcome.map_err(to_wire)?;
        if let (Outcome::Rows(rows), Some(described)) = (&outcome, described)
            && !encode::same_types(&rows.schema(), described)
        {
            // A value in the place of a parameter may make it another type, which is converted; but not another relation.
            let now = session.describe(prepared).await.map_err(to_wire)?.columns;
            if !now.is_some_and(|now| encode::same_types(&now, described)) {
                return Err(to_wire(SqlError::unsupported("cached plan must not change result type")));
            }
        }
        respond(outcome, format, described).await
    }
}

async fn respond(outcome: Outcome, format: &Format, described: Option<&SchemaRef>) -> PgWireResult<Response> {
    match outcome {
        Outcome::Done(tag) => Ok(match tag.as_str() {
            "BEGIN" => Response::TransactionStart(Tag::new("BEGIN")),
            "COMMIT" | "ROLLBACK" => Response::TransactionEnd(Tag::new(&tag)),
            tag => Response::Execution(tag_of(tag)),
        }),
        Outcome::Rows(mut batches) => {
            let schema = described.cloned().unwrap_or_else(|| batches.schema());
            let fields = Arc::new(encode::fields(&schema, format));
            // The first batch is waited for here, where a cancel request still reaches the statement.
            let first = batches.next().await.transpose().map_err(|error| to_wire(SqlError::from(error)))?;
            let rest = batches.map_err(|error| to_wire(SqlError::from(error)));
            let batches = futures::stream::iter(first.map(Ok)).chain(rest);
            let columns = Arc::clone(&fields);
            let rows = batches.flat_map(move |batch| {
                let rows = batch.and_then(|batch| encode::rows(&batch, &schema, &columns));
                futures::stream::iter(match rows {
                    Ok(rows) => rows.into_iter().map(Ok).collect::<Vec<_>>(),
                    Err(error) => vec![Err(error)],
                })
            });
            Ok(Response::Query(QueryResponse::new(fields, rows)))
        }
    }
}

/// `INSERT 0 5` and `SELECT 5` end with a number of rows.
fn tag_of(tag: &str) -> Tag {
    match tag.rsplit_once(' ').and_then(|(command, rows)| Some((command, rows.parse().ok()?))) {
        Some(("INSERT 0", rows)) => Tag::new("INSERT").with_oid(0).with_rows(rows),
        Some((command, rows)) => Tag::new(command).with_rows(rows),
        None => Tag::new(tag),
    }
}

#[async_trait]
impl SimpleQueryHandler for Queries {
    async fn do_query<C>(&self, client: &mut C, query: &str) -> PgWireResult<Vec<Response>>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let statements = {
            let mut session = self.session.lock().await;
            self.open(&mut session, client)?.parse(query).map_err(to_wire)?
        };
        if statements.is_empty() {
            return Ok(vec![Response::EmptyQuery]);
        }
        let mut responses = Vec::with_capacity(statements.len());
        for statement in statements {
            match self.run(client, &statement, &[], &Format::UnifiedText, None).await {
                Ok(response) => responses.push(response),
                Err(PgWireError::UserError(error)) if !responses.is_empty() => {
                    // What went before has its answers; the rest of the text is skipped.
                    responses.push(Response::Error(error));
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(responses)
    }
}

/// The extended protocol of the same connection.
struct Extended(Arc<Queries>);

/// A statement with what it takes and gives.
#[derive(Clone)]
pub(crate) struct Described {
    prepared: Prepared,
    description: Description,
}

#[async_trait]
impl QueryParser for Extended {
    type Statement = Described;

    async fn parse_sql<C>(&self, client: &C, sql: &str, types: &[Option<Type>]) -> PgWireResult<Option<Described>>
    where
        C: ClientInfo + Unpin + Send + Sync,
    {
        let mut session = self.0.session.lock().await;
        let session = self.0.open(&mut session, client)?;
        let mut statements = session.parse(sql).map_err(to_wire)?.into_iter();
        let Some(mut prepared) = statements.next() else { return Ok(None) };
        if statements.next().is_some() {
            return Err(to_wire(SqlError::syntax("cannot insert multiple commands into a prepared statement")));
        }
        prepared.declare(&types.iter().map(|told| encode::sql_type(told.as_ref()?)).collect::<Vec<_>>());
        let description = session.describe(&prepared).await.map_err(to_wire)?;
        Ok(Some(Described { prepared, description }))
    }

    fn get_parameter_types(&self, statement: &Described) -> PgWireResult<Vec<Type>> {
        Ok(statement.description.parameters.iter().map(|sql_type| encode::wire_type(*sql_type)).collect())
    }

    fn get_result_schema(&self, statement: &Described, format: Option<&Format>) -> PgWireResult<Vec<FieldInfo>> {
        let Some(columns) = &statement.description.columns else { return Ok(Vec::new()) };
        Ok(encode::fields(columns, format.unwrap_or(&Format::UnifiedText)))
    }
}

#[async_trait]
impl ExtendedQueryHandler for Extended {
    type Statement = Described;
    type QueryParser = Self;

    fn query_parser(&self) -> Arc<Self> {
        Arc::new(Self(Arc::clone(&self.0)))
    }

    async fn do_query<C>(&self, client: &mut C, portal: &Portal<Described>, _max_rows: usize) -> PgWireResult<Response>
    where
        C: ClientInfo + ClientPortalStore + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::PortalStore: PortalStore<Statement = Described>,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let statement = &portal.statement.statement;
        let parameters = parameters::read(portal, &self.get_parameter_types(statement)?)?;
        let described = statement.description.columns.as_ref();
        self.0.run(client, &statement.prepared, &parameters, &portal.result_column_format, described).await
    }
}
