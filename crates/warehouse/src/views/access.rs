//! Whether a cluster may read a stream through a role.

use std::sync::Arc;

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

/// Checks roles against the account's identities.
#[derive(Clone)]
pub(crate) struct RoleChecker {
    pub(crate) iam: Arc<Iam>,
    pub(crate) streams: Arc<Streams>,
}

impl RoleChecker {
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
