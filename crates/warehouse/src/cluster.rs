//! One cluster: its store, its engine, its views, its users.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use async_trait::async_trait;
use md5::{Digest, Md5};
use tidemill_clock::{Clock, hex};
use tidemill_stream::Machine;

use crate::clusters::StorageSettings;
use crate::error::{ErrorKind, Result, SqlError};
use crate::plan::{Engine, Purpose, StatementCatalog, plan_definition};
use crate::session::Session;
use crate::sql::parse_query;
use crate::storage::{Change, Relation, SchemaEntry, Store, User};
use crate::views::{Compiler, RoleChecker, ViewPlan, Views};

/// A running cluster.
pub struct Cluster {
    name: String,
    pub(crate) store: Arc<Store>,
    pub(crate) engine: Engine,
    pub(crate) views: Arc<Views>,
    pub(crate) roles: RoleChecker,
    pub(crate) clock: Arc<dyn Clock>,
    next_backend: AtomicI32,
}

/// The first user of a new cluster.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    pub(crate) name: String,
    pub(crate) md5: String,
}

/// What a cluster runs on.
pub(crate) struct Surroundings {
    pub(crate) roles: RoleChecker,
    pub(crate) machine: Machine,
    pub(crate) slices: usize,
    pub(crate) storage: StorageSettings,
}

impl Cluster {
    /// Opens the cluster in `dir`, which is made if it is new.
    pub(crate) async fn open(name: &str, dir: &Path, admin: &Admin, surroundings: Surroundings) -> Result<Arc<Self>> {
        let Surroundings { roles, machine, slices, storage } = surroundings;
        let clock = Arc::clone(&machine.clock);
        let store = Arc::new(Store::open(dir, machine.clone(), storage.history).await?);
        if store.read_view().snapshot.users.is_empty() {
            found(&store, admin).await?;
        }
        let engine = Engine::new(machine.disk)?;
        let compiler = ViewCompiler {
            store: Arc::clone(&store),
            engine: engine.clone(),
            roles: roles.clone(),
            clock: Arc::clone(&clock),
        };
        let planner = engine.scanner();
        let (for_views, clock_for_views) = (Arc::clone(&store), Arc::clone(&clock));
        let compiler = Box::new(compiler);
        let views = Views::new(for_views, roles.clone(), clock_for_views, slices, storage.refresh, planner, compiler);
        views.start(storage.flush_interval).await;
        Ok(Arc::new(Self {
            name: name.to_owned(),
            store,
            engine,
            views,
            roles,
            clock,
            next_backend: AtomicI32::new(1),
        }))
    }

    /// The cluster's identifier.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// MD5 of a user's password and name in hexadecimal, if there is such a user.
    pub fn password_hash(&self, user: &str) -> Option<String> {
        let snapshot = self.store.read_view().snapshot;
        snapshot.users.get(user).map(|user| user.md5.clone()).filter(|hash| !hash.is_empty())
    }

    /// Opens a session for a user who has proved who they are.
    pub fn session(self: &Arc<Self>, user: &str, database: &str) -> Result<Session> {
        if database != crate::plan::DATABASE {
            let message = format!("database \"{database}\" does not exist");
            return Err(SqlError::new(ErrorKind::UndefinedDatabase, message));
        }
        let backend = self.next_backend.fetch_add(1, Ordering::Relaxed);
        Ok(Session::new(Arc::clone(self), user, backend))
    }

    /// Commits changes and lets views follow them, even if the statement is cancelled meanwhile.
    pub(crate) async fn commit(&self, changes: Vec<Change>) -> Result<()> {
        let (store, views) = (Arc::clone(&self.store), Arc::clone(&self.views));
        let commit = tokio::spawn(async move {
            let touched: Vec<i64> = changes.iter().filter_map(touched_view).collect();
            store.commit(changes).await?;
            touched.into_iter().for_each(|view| views.sync(view));
            Ok(())
        });
        commit.await.map_err(|error| SqlError::new(ErrorKind::Internal, format!("a commit ended early: {error}")))?
    }

    /// Stops background work and writes everything to disk.
    pub(crate) async fn close(&self) {
        self.views.stop().await;
        self.store.close().await;
    }

    /// Stops background work on data that is about to be removed.
    pub(crate) async fn abandon(&self) {
        self.views.abandon().await;
        self.store.close().await;
    }
}

/// The hash that is kept of a password (PostgreSQL, Redshift: `md5` and the MD5 of password and name).
pub(crate) fn password_hash(user: &str, password: &str) -> String {
    hex(&Md5::digest(format!("{password}{user}")))
}

/// The contents of a new cluster: the schema `public` and the admin user.
async fn found(store: &Arc<Store>, admin: &Admin) -> Result<()> {
    let public = SchemaEntry { id: store.new_id(), name: "public".into(), owner: admin.name.clone() };
    let user = User { id: store.new_id(), name: admin.name.clone(), md5: admin.md5.clone(), superuser: true };
    store.commit(vec![Change::CreateSchema(public), Change::PutUser(user)]).await
}

/// The view whose background work a change may start or stop.
fn touched_view(change: &Change) -> Option<i64> {
    match change {
        Change::CreateRelation(relation) if relation.is_view() => Some(relation.id),
        Change::DropRelation(id) | Change::SetAutoRefresh { relation: id, .. } => Some(*id),
        _ => None,
    }
}

/// Compiles views by their stored definition.
struct ViewCompiler {
    store: Arc<Store>,
    engine: Engine,
    roles: RoleChecker,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl Compiler for ViewCompiler {
    async fn compile(&self, relation: &Relation) -> Result<ViewPlan> {
        let (_, query) = relation.view_definition().unwrap_or_default();
        let query = parse_query(query)?;
        let purpose = Purpose::Definition(Arc::clone(&self.roles.streams));
        let catalog = StatementCatalog::new(self.store.read_view(), purpose, None);
        let planner = self.engine.planner(Arc::new(catalog), &relation.schema);
        let definition = plan_definition(&planner, query, self.clock.now().micros()).await?;
        ViewPlan::new(planner, definition)
    }
}
