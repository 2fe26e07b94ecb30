//! Whether a cluster may read a stream through a role.

use std::sync::{Arc, PoisonError, RwLock};

use tidemill_iam::{Decision, Iam, Principal, Request, RoleArn};
use tidemill_stream::{StreamName, Streams};

use crate::error::{ErrorKind, Result, SqlError};

/// The service that assumes the role.
pub(crate) const SERVICE: &str = "redshift.amazonaws.com";
/// What reading a stream takes (Redshift: streaming ingestion, IAM permissions).
const READ_ACTIONS: [&str; 5] = [
    "kinesis:DescribeStreamSummary",
    "kinesis:GetShardIterator",
    "kinesis:GetRecords",
    "kinesis:ListShards",
    "kinesis:DescribeStream",
];

/// Roles associated with a cluster.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Roles {
    /// Their ARNs.
    pub arns: Vec<String>,
    /// The one that statements mean by `default`.
    pub default: Option<String>,
}

/// Checks the roles of one cluster against the account's identities.
#[derive(Clone)]
pub(crate) struct RoleChecker {
    pub(crate) iam: Arc<Iam>,
    pub(crate) streams: Arc<Streams>,
    cluster: String,
    /// The roles associated with the cluster. Held for look-ups and replaced whole.
    associated: Arc<RwLock<Roles>>,
}

impl RoleChecker {
    /// The roles of the cluster of this name.
    pub(crate) fn new(iam: Arc<Iam>, streams: Arc<Streams>, cluster: &str, associated: Roles) -> Self {
        Self { iam, streams, cluster: cluster.to_owned(), associated: Arc::new(RwLock::new(associated)) }
    }

    /// Changes the roles associated with the cluster.
    pub(crate) fn associate(&self, roles: Roles) {
        *self.associated.write().unwrap_or_else(PoisonError::into_inner) = roles;
    }

    /// The role that `default` stands for.
    pub(crate) fn default_role(&self) -> Option<String> {
        self.associated.read().unwrap_or_else(PoisonError::into_inner).default.clone()
    }

    fn is_associated(&self, role: &RoleArn) -> bool {
        let associated = self.associated.read().unwrap_or_else(PoisonError::into_inner);
        associated.arns.iter().any(|arn| arn == role.as_str())
    }

    /// Whether `role` lets Redshift list the streams and read at least one of them, or streams in general.
    pub(crate) async fn check_schema(&self, role: &RoleArn) -> Result<()> {
        let principal = self.assume(role).await?;
        let mut missing = Vec::new();
        if !self.allows(&principal, "kinesis:ListStreams", "*").await? {
            missing.push("kinesis:ListStreams on *".to_owned());
        }
        for action in READ_ACTIONS {
            let mut resources: Vec<String> =
                self.streams.list().iter().map(|stream| self.arn(stream.name().as_str())).collect();
            resources.push(self.arn("*"));
            let mut allowed = false;
            for resource in &resources {
                allowed = allowed || self.allows(&principal, action, resource).await?;
            }
            if !allowed {
                missing.push(format!("{action} on {}", self.arn("*")));
            }
        }
        denied_unless_empty(role, &missing)
    }

    /// Whether `role` lets Redshift read the stream.
    pub(crate) async fn check_stream(&self, role: &RoleArn, stream: &StreamName) -> Result<()> {
        let principal = self.assume(role).await?;
        let mut missing = Vec::new();
        for action in READ_ACTIONS {
            let resource = self.arn(stream.as_str());
            if !self.allows(&principal, action, &resource).await? {
                missing.push(format!("{action} on {resource}"));
            }
        }
        denied_unless_empty(role, &missing)
    }

    async fn assume(&self, role: &RoleArn) -> Result<Principal> {
        if !self.is_associated(role) {
            let message = format!("role {role} is not associated with cluster {}", self.cluster);
            return Err(SqlError::new(ErrorKind::InsufficientPrivilege, message)
                .with_hint("Associate it with aws redshift modify-cluster-iam-roles --add-iam-roles."));
        }
        self.iam.assume_role(role, SERVICE).await.map_err(|error| {
            SqlError::new(ErrorKind::InsufficientPrivilege, format!("the cluster cannot assume role {role}"))
                .with_detail(error.to_string())
        })
    }

    async fn allows(&self, principal: &Principal, action: &str, resource: &str) -> Result<bool> {
        let request = Request::new(action, resource);
        Ok(self.iam.authorize(principal, &request).await? == Decision::Allow)
    }

    pub(super) fn arn(&self, stream: &str) -> String {
        self.iam.account().arn("kinesis", &format!("stream/{stream}"))
    }
}

fn denied_unless_empty(role: &RoleArn, missing: &[String]) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let error =
        SqlError::new(ErrorKind::InsufficientPrivilege, format!("role {role} does not allow what reading needs"));
    Err(error.with_detail(format!("missing: {}", missing.join(", "))))
}
