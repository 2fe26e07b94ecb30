//! All clusters: creating and deleting them, and what is kept of them in the control database.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{Row, SqlitePool, sqlite::SqliteRow};
use tidemill_clock::Timestamp;
use tidemill_iam::{Iam, RoleArn};
use tidemill_stream::{Machine, Streams};

use crate::cluster::{Admin, Cluster, Surroundings, password_hash};
use crate::error::SqlError;
use crate::views::{RefreshLimits, RoleChecker, Roles, ViewLag};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS cluster (
  id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, node_type TEXT NOT NULL, nodes INTEGER NOT NULL,
  admin TEXT NOT NULL, admin_md5 TEXT NOT NULL, port INTEGER NOT NULL, roles TEXT NOT NULL, default_role TEXT,
  created_ms INTEGER NOT NULL, deleting INTEGER NOT NULL DEFAULT 0);";

/// The port of a cluster that asks for none (Redshift).
pub const DEFAULT_PORT: u16 = 5439;

/// Why an operation on clusters failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClusterError {
    /// No such cluster.
    #[error("Cluster {0} not found.")]
    NotFound(String),
    /// A cluster of this name exists.
    #[error("Cluster already exists")]
    Exists,
    /// A value that Redshift would refuse.
    #[error("{0}")]
    Invalid(String),
    /// The cluster's endpoint could not be opened.
    #[error("the endpoint could not be opened: {0}")]
    Endpoint(String),
    /// The cluster's data could not be opened.
    #[error("{0}")]
    Data(#[from] SqlError),
    /// The control database refused.
    #[error("control database: {0}")]
    Control(#[from] sqlx::Error),
}

/// What a cluster is made from.
#[derive(Debug, Clone)]
pub struct NewCluster {
    /// Its identifier.
    pub name: String,
    /// Its node type, such as `dc2.large`.
    pub node_type: String,
    /// How many nodes.
    pub nodes: u32,
    /// The admin user.
    pub admin: String,
    /// The admin user's password.
    pub password: String,
    /// The port to listen on, if it is free.
    pub port: u16,
    /// Associated roles.
    pub roles: Roles,
}

/// How clusters keep their data.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StorageSettings {
    /// For how long files that were replaced are kept, so that the past can be read.
    pub history: Duration,
    /// How often rows that are only in memory are written to files, and files are put in order.
    pub flush_interval: Duration,
    /// What one refresh may hold in memory.
    pub refresh: RefreshLimits,
}

impl Default for StorageSettings {
    fn default() -> Self {
        let (history, flush_interval) = (Duration::from_secs(60 * 60), Duration::from_secs(60));
        Self { history, flush_interval, refresh: RefreshLimits::default() }
    }
}

/// What is known of a cluster.
#[derive(Debug, Clone)]
pub struct ClusterInfo {
    /// What tells it from another of the same name that was deleted before.
    pub id: String,
    /// Its identifier.
    pub name: String,
    /// Its node type.
    pub node_type: String,
    /// How many nodes.
    pub nodes: u32,
    /// The admin user.
    pub admin: String,
    /// Where it listens.
    pub address: SocketAddr,
    /// Associated roles.
    pub roles: Roles,
    /// When it was created.
    pub created: Timestamp,
}

/// Opens and closes the endpoints on which clusters are reached.
#[async_trait]
pub trait Endpoints: Send + Sync {
    /// Listens for clients of `cluster` on `port`, or on the next free one.
    async fn open(&self, cluster: Arc<Cluster>, port: u16) -> std::io::Result<SocketAddr>;
    /// Stops listening at `address` and ends its connections.
    async fn close(&self, address: SocketAddr);
}

/// The clusters of this process.
pub struct Clusters {
    control: SqlitePool,
    dir: PathBuf,
    iam: Arc<Iam>,
    streams: Arc<Streams>,
    storage: StorageSettings,
    machine: Machine,
    endpoints: OnceLock<Arc<dyn Endpoints>>,
    /// By name. Held for look-ups and single changes only.
    running: RwLock<BTreeMap<String, Running>>,
}

#[derive(Clone)]
struct Running {
    info: ClusterInfo,
    cluster: Arc<Cluster>,
}

struct Kept {
    info: ClusterInfo,
    admin: Admin,
    deleting: bool,
}

impl Clusters {
    /// Opens the clusters that `control` knows, with their data below `dir`.
    pub async fn open(
        control: SqlitePool,
        dir: PathBuf,
        iam: Arc<Iam>,
        streams: Arc<Streams>,
        storage: StorageSettings,
        machine: Machine,
        endpoints: Arc<dyn Endpoints>,
    ) -> Result<Arc<Self>, ClusterError> {
        sqlx::raw_sql(SCHEMA).execute(&control).await?;
        let endpoints = OnceLock::from(endpoints);
        let clusters = Self { control, dir, iam, streams, storage, machine, endpoints, running: RwLock::default() };
        for kept in clusters.kept().await? {
            if kept.deleting {
                clusters.remove(&kept.info.id).await?;
            } else {
                let asked = kept.info.address.port();
                clusters.launch(kept.info, &kept.admin, asked).await?;
            }
        }
        Ok(Arc::new(clusters))
    }

    /// How far the streaming views of all clusters are behind.
    pub fn view_lags(&self) -> Vec<ViewLag> {
        let running: Vec<_> = self.read().values().cloned().collect();
        running.iter().flat_map(|running| running.cluster.views.lags(&running.info.name)).collect()
    }

    /// Creates a cluster; it answers on return.
    pub async fn create(&self, new: NewCluster) -> Result<ClusterInfo, ClusterError> {
        new.check()?;
        if self.read().contains_key(&new.name) {
            return Err(ClusterError::Exists);
        }
        let admin = Admin { name: new.admin.clone(), md5: password_hash(&new.admin, &new.password) };
        let info = ClusterInfo {
            id: self.machine.random.hex(16),
            name: new.name.clone(),
            node_type: new.node_type.clone(),
            nodes: new.nodes,
            admin: new.admin.clone(),
            address: SocketAddr::from(([127, 0, 0, 1], new.port)),
            roles: new.roles.clone(),
            created: self.machine.clock.now(),
        };
        self.insert(&info, &admin).await?;
        match self.launch(info.clone(), &admin, new.port).await {
            Ok(info) => Ok(info),
            Err(error) => {
                self.remove(&info.id).await?;
                Err(error)
            }
        }
    }

    /// The cluster called `name`.
    pub fn get(&self, name: &str) -> Result<ClusterInfo, ClusterError> {
        self.running(name).map(|running| running.info)
    }

    /// The cluster called `name`, for running SQL on it in this process.
    pub fn cluster(&self, name: &str) -> Result<Arc<Cluster>, ClusterError> {
        self.running(name).map(|running| running.cluster)
    }

    /// All clusters, by name.
    pub fn list(&self) -> Vec<ClusterInfo> {
        self.read().values().map(|running| running.info.clone()).collect()
    }

    /// Adds and removes roles.
    pub async fn modify_roles(
        &self,
        name: &str,
        add: &[String],
        remove: &[String],
        default: Option<String>,
    ) -> Result<ClusterInfo, ClusterError> {
        let Running { mut info, cluster } = self.running(name)?;
        for arn in add.iter().chain(&default) {
            self.check_role(arn).await?;
        }
        info.roles.arns.retain(|arn| !remove.contains(arn));
        for arn in add.iter().chain(&default) {
            if !info.roles.arns.contains(arn) {
                info.roles.arns.push(arn.clone());
            }
        }
        info.roles.default = default.or(info.roles.default).filter(|arn| info.roles.arns.contains(arn));
        sqlx::query("UPDATE cluster SET roles = $1, default_role = $2 WHERE id = $3")
            .bind(info.roles.arns.join("\n"))
            .bind(&info.roles.default)
            .bind(&info.id)
            .execute(&self.control)
            .await?;
        cluster.roles.associate(info.roles.clone());
        self.write().insert(name.to_owned(), Running { info: info.clone(), cluster });
        Ok(info)
    }

    /// Deletes a cluster and all of its data.
    pub async fn delete(&self, name: &str) -> Result<ClusterInfo, ClusterError> {
        let Running { info, cluster } = self.running(name)?;
        sqlx::query("UPDATE cluster SET deleting = 1 WHERE id = $1").bind(&info.id).execute(&self.control).await?;
        self.write().remove(name);
        if let Some(endpoints) = self.endpoints.get() {
            endpoints.close(info.address).await;
        }
        cluster.abandon().await;
        self.remove(&info.id).await?;
        Ok(info)
    }

    /// Closes all endpoints, then flushes and closes all clusters.
    pub async fn close(&self) {
        let all: Vec<Running> = std::mem::take(&mut *self.write()).into_values().collect();
        for Running { info, cluster } in all {
            if let Some(endpoints) = self.endpoints.get() {
                endpoints.close(info.address).await;
            }
            cluster.close().await;
        }
    }

    async fn launch(&self, mut info: ClusterInfo, admin: &Admin, port: u16) -> Result<ClusterInfo, ClusterError> {
        let surroundings = Surroundings {
            roles: RoleChecker::new(Arc::clone(&self.iam), Arc::clone(&self.streams), &info.name, info.roles.clone()),
            machine: self.machine.clone(),
            slices: slices(&info.node_type, info.nodes),
            storage: self.storage,
        };
        let dir = self.dir.join(&info.id);
        let cluster = Cluster::open(&info.name, &dir, admin, surroundings).await?;
        if let Some(endpoints) = self.endpoints.get() {
            let opened = endpoints.open(Arc::clone(&cluster), port).await;
            info.address = opened.map_err(|error| ClusterError::Endpoint(error.to_string()))?;
        }
        sqlx::query("UPDATE cluster SET port = $1 WHERE id = $2")
            .bind(i64::from(info.address.port()))
            .bind(&info.id)
            .execute(&self.control)
            .await?;
        self.write().insert(info.name.clone(), Running { info: info.clone(), cluster });
        Ok(info)
    }

    async fn check_role(&self, arn: &str) -> Result<(), ClusterError> {
        let role = RoleArn::parse(arn).map_err(|error| ClusterError::Invalid(error.to_string()))?;
        let assumed = self.iam.assume_role(&role, crate::views::SERVICE).await;
        assumed.map(drop).map_err(|error| ClusterError::Invalid(format!("The IAM role {arn} is not valid. {error}")))
    }

    async fn remove(&self, id: &str) -> Result<(), ClusterError> {
        let dir = self.dir.join(id);
        let removed = tokio::fs::remove_dir_all(&dir).await;
        if let Err(error) = removed
            && error.kind() != std::io::ErrorKind::NotFound
        {
            return Err(ClusterError::Data(error.into()));
        }
        sqlx::query("DELETE FROM cluster WHERE id = $1").bind(id).execute(&self.control).await?;
        Ok(())
    }

    async fn insert(&self, info: &ClusterInfo, admin: &Admin) -> Result<(), ClusterError> {
        let inserted = sqlx::query(
            "INSERT INTO cluster VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 0) ON CONFLICT DO NOTHING",
        )
        .bind(&info.id)
        .bind(&info.name)
        .bind(&info.node_type)
        .bind(info.nodes)
        .bind(&admin.name)
        .bind(&admin.md5)
        .bind(i64::from(info.address.port()))
        .bind(info.roles.arns.join("\n"))
        .bind(&info.roles.default)
        .bind(info.created.millis())
        .execute(&self.control)
        .await?;
        if inserted.rows_affected() == 0 { Err(ClusterError::Exists) } else { Ok(()) }
    }

    async fn kept(&self) -> Result<Vec<Kept>, ClusterError> {
        let rows = sqlx::query("SELECT * FROM cluster ORDER BY name").fetch_all(&self.control).await?;
        rows.iter().map(read_kept).collect()
    }

    fn running(&self, name: &str) -> Result<Running, ClusterError> {
        self.read().get(name).cloned().ok_or_else(|| ClusterError::NotFound(name.to_owned()))
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, BTreeMap<String, Running>> {
        self.running.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, BTreeMap<String, Running>> {
        self.running.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl NewCluster {
    /// Checks what Redshift's API reference demands.
    fn check(&self) -> Result<(), ClusterError> {
        let invalid = |message: &str| Err(ClusterError::Invalid(message.to_owned()));
        let name = &self.name;
        let lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        let starts_well = name.as_bytes().first().is_some_and(u8::is_ascii_lowercase);
        if name.len() > 63 || !starts_well || !name.bytes().all(lower) || name.ends_with('-') || name.contains("--") {
            return invalid(
                "The parameter ClusterIdentifier is not a valid identifier. Identifiers must begin with a letter; \
                 must contain only lowercase ASCII letters, digits, and hyphens; and must not end with a hyphen or \
                 contain two consecutive hyphens.",
            );
        }
        let user = self.admin.as_bytes();
        let allowed = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+_.@-".contains(byte);
        if !(1..=128).contains(&user.len()) || !user[0].is_ascii_lowercase() || !user.iter().all(allowed) {
            return invalid("The parameter MasterUsername is not a valid user name.");
        }
        let has = |test: fn(&u8) -> bool| self.password.as_bytes().iter().any(test);
        let printable = |byte: &u8| (33..=126).contains(byte) && !b"'\"\\/@".contains(byte);
        let mixed = has(u8::is_ascii_lowercase) && has(u8::is_ascii_uppercase) && has(u8::is_ascii_digit);
        if !(8..=64).contains(&self.password.len()) || !mixed || !self.password.as_bytes().iter().all(printable) {
            return invalid(
                "The parameter MasterUserPassword is not a valid password. It must have 8 to 64 characters, with at \
                 least one uppercase letter, one lowercase letter and one number, and no ' \" \\ / @ or space.",
            );
        }
        if !(1..=100).contains(&self.nodes) {
            return invalid("The parameter NumberOfNodes must be between 1 and 100.");
        }
        Ok(())
    }
}

/// Slices of a cluster (Redshift: a node type has a default number of slices a node).
fn slices(node_type: &str, nodes: u32) -> usize {
    let per_node = match node_type {
        "dc2.8xlarge" | "ds2.8xlarge" | "ra3.16xlarge" => 16,
        "ra3.4xlarge" => 4,
        _ => 2,
    };
    per_node * nodes as usize
}

fn read_kept(row: &SqliteRow) -> Result<Kept, ClusterError> {
    let admin = Admin { name: row.try_get("admin")?, md5: row.try_get("admin_md5")? };
    let roles: String = row.try_get("roles")?;
    let info = ClusterInfo {
        id: row.try_get("id")?,
        name: row.try_get("name")?,
        node_type: row.try_get("node_type")?,
        nodes: row.try_get("nodes")?,
        admin: admin.name.clone(),
        address: SocketAddr::from(([127, 0, 0, 1], row.try_get("port")?)),
        roles: Roles { arns: roles.lines().map(str::to_owned).collect(), default: row.try_get("default_role")? },
        created: Timestamp::from_millis(row.try_get("created_ms")?),
    };
    Ok(Kept { info, admin, deleting: row.try_get("deleting")? })
}
