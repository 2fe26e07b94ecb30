//! The account, its root key, and the callers that a signature or a session can stand for.

/// A 12-digit AWS account in one region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// The account's id.
    pub id: String,
    /// The region that this process plays.
    pub region: String,
}

impl Account {
    /// An ARN of this account: `service` in its region (empty for the global ones), then `resource`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        let region = if matches!(service, "iam" | "sts") { "" } else { &self.region };
        format!("arn:aws:{service}:{region}:{}:{resource}", self.id)
    }
}

/// A long-lived secret that signs requests.
#[derive(Clone)]
pub struct AccessKey {
    /// The public half.
    pub id: String,
    /// The secret half.
    pub secret: String,
}

impl std::fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Who makes a request.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Principal {
    /// The account itself: allowed everything in it.
    Root,
    /// A service that acts in a role.
    Role(crate::RoleArn),
}
