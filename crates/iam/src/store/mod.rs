//! Roles and managed policies, kept in the control database.

mod policies;
mod roles;

use std::sync::Arc;

use sqlx::SqlitePool;
use tidemill_clock::{Clock, Random};

pub use policies::{ManagedPolicy, NewPolicy};
pub use roles::{AttachedPolicy, NewRole, Role};

use crate::evaluate::decide;
use crate::{
    AccessKey, Account, Decision, IamError, PolicyDocument, Principal, Request, ResourceDocument, Result, RoleArn,
    TrustDocument,
};

const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS iam_policy (
  arn TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE COLLATE NOCASE, id TEXT NOT NULL, path TEXT NOT NULL,
  description TEXT, document TEXT NOT NULL, created_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS iam_role (
  name TEXT PRIMARY KEY COLLATE NOCASE, arn TEXT NOT NULL, id TEXT NOT NULL, path TEXT NOT NULL,
  description TEXT, trust TEXT NOT NULL, max_session_s INTEGER NOT NULL, created_ms INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS iam_role_policy (
  role TEXT NOT NULL COLLATE NOCASE REFERENCES iam_role(name), policy TEXT NOT NULL REFERENCES iam_policy(arn),
  PRIMARY KEY (role, policy));";

/// The identities of one account.
#[derive(Debug)]
pub struct Iam {
    control: SqlitePool,
    account: Account,
    root: AccessKey,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
}

impl Iam {
    /// Opens the identities that `control` knows. `root` signs for the account itself.
    pub async fn open(
        control: SqlitePool,
        account: Account,
        root: AccessKey,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Result<Self> {
        sqlx::raw_sql(SCHEMA).execute(&control).await?;
        Ok(Self { control, account, root, clock, random })
    }

    /// The account.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The secret of an access key and whom it stands for.
    pub fn access_key(&self, id: &str) -> Option<(&str, Principal)> {
        (id == self.root.id).then_some((self.root.secret.as_str(), Principal::Root))
    }

    /// The root access key, for processes that this one starts.
    pub fn root_key(&self) -> &AccessKey {
        &self.root
    }

    /// Whether `principal` may do what `request` says, by its own policies.
    pub async fn authorize(&self, principal: &Principal, request: &Request) -> Result<Decision> {
        self.authorize_on(principal, request, None).await
    }

    /// Whether `principal` may do what `request` says, by its own policies and that of the resource: within an account,
    /// either may allow it, and both may deny it.
    pub async fn authorize_on(
        &self,
        principal: &Principal,
        request: &Request,
        resource: Option<&ResourceDocument>,
    ) -> Result<Decision> {
        let (own, arn) = match principal {
            Principal::Root if resource.is_none() => return Ok(Decision::Allow),
            Principal::Root => (vec![PolicyDocument::everything()], format!("arn:aws:iam::{}:root", self.account.id)),
            Principal::Role(role) => (self.policies_of_role(role.name()).await?, role.as_str().to_owned()),
        };
        let of_resource = resource.into_iter().flat_map(|resource| &resource.statements);
        let of_resource = of_resource.filter(|statement| statement.names(&arn, &self.account.id));
        Ok(decide(own.iter().flat_map(|policy| &policy.statements).chain(of_resource), request))
    }

    /// Lets `service` act in a role. The error says what stands in the way.
    pub async fn assume_role(&self, role: &RoleArn, service: &str) -> Result<Principal> {
        let found = self.role(role.name()).await?;
        if found.arn != role.as_str() {
            return Err(IamError::NoSuchEntity(format!("The role with ARN {role}")));
        }
        if TrustDocument::parse(&found.trust)?.trusts_service(service) {
            Ok(Principal::Role(role.clone()))
        } else {
            Err(IamError::Invalid(format!("the trust policy of {role} does not allow {service} to assume it")))
        }
    }

    /// An identifier as IAM makes them: a four-letter prefix and 17 characters.
    fn unique_id(&self, prefix: &str) -> String {
        format!("{prefix}{}", self.random.text(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 17))
    }
}

/// Checks the name of a role or policy: 1 to `longest` of `[\w+=,.@-]`.
fn check_name(kind: &str, name: &str, longest: usize) -> Result<()> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte);
    if (1..=longest).contains(&name.len()) && name.bytes().all(allowed) {
        return Ok(());
    }
    Err(IamError::Invalid(format!(
        "The specified value for {kind} is invalid. It must contain only alphanumeric characters and/or the following: \
         +=,.@_- and have 1 to {longest} of them"
    )))
}

/// Checks a path: `/`, or text between two slashes.
fn check_path(path: &str) -> Result<()> {
    if path.starts_with('/')
        && path.ends_with('/')
        && path.len() <= 512
        && path.bytes().all(|byte| byte.is_ascii_graphic())
    {
        return Ok(());
    }
    Err(IamError::Invalid("The specified value for path is invalid. It must begin and end with /".into()))
}
