//! Roles and the policies attached to them.

use sqlx::{Row, sqlite::SqliteRow};
use tidemill_clock::Timestamp;

use super::{Iam, check_name, check_path};
use crate::{IamError, PolicyDocument, Result, TrustDocument};

/// Managed policies that a role may have (IAM quota).
const POLICIES_PER_ROLE: i64 = 10;

/// A role.
#[derive(Debug, Clone)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// Its unique id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// What its maker says of it.
    pub description: Option<String>,
    /// The trust policy as it was given.
    pub trust: String,
    /// The longest session in seconds.
    pub max_session: i64,
    /// When it was created.
    pub created: Timestamp,
}

/// What a role is made from.
#[derive(Debug, Clone)]
pub struct NewRole {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// What it is for.
    pub description: Option<String>,
    /// Who may assume it.
    pub trust: String,
    /// The longest session in seconds, 3600 to 43200.
    pub max_session: i64,
}

/// A policy attached to a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttachedPolicy {
    /// The policy's name.
    pub name: String,
    /// The policy's ARN.
    pub arn: String,
}

impl Iam {
    /// Creates a role.
    pub async fn create_role(&self, new: NewRole) -> Result<Role> {
        check_name("roleName", &new.name, 64)?;
        check_path(&new.path)?;
        TrustDocument::parse(&new.trust)?;
        if !(3_600..=43_200).contains(&new.max_session) {
            return Err(IamError::Invalid("MaxSessionDuration must be between 3600 and 43200".into()));
        }
        let arn = self.account().arn("iam", &format!("role{}{}", new.path, new.name));
        let id = self.unique_id("AROA");
        let inserted =
            sqlx::query("INSERT INTO iam_role VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING")
                .bind(&new.name)
                .bind(&arn)
                .bind(&id)
                .bind(&new.path)
                .bind(&new.description)
                .bind(&new.trust)
                .bind(new.max_session)
                .bind(self.clock.now().millis())
                .execute(&self.control)
                .await?;
        if inserted.rows_affected() == 0 {
            return Err(IamError::EntityAlreadyExists(format!("Role with name {}", new.name)));
        }
        self.role(&new.name).await
    }

    /// The role called `name`.
    pub async fn role(&self, name: &str) -> Result<Role> {
        let row =
            sqlx::query("SELECT * FROM iam_role WHERE name = $1").bind(name).fetch_optional(&self.control).await?;
        let missing = || IamError::NoSuchEntity(format!("The role with name {name}"));
        row.as_ref().map(read_role).transpose()?.ok_or_else(missing)
    }

    /// All roles, by name.
    pub async fn roles(&self) -> Result<Vec<Role>> {
        let rows = sqlx::query("SELECT * FROM iam_role ORDER BY name").fetch_all(&self.control).await?;
        rows.iter().map(read_role).collect()
    }

    /// Deletes a role that has no policies.
    pub async fn delete_role(&self, name: &str) -> Result<()> {
        let role = self.role(name).await?;
        if !self.attached_policies(&role.name).await?.is_empty() {
            return Err(IamError::DeleteConflict("Cannot delete entity, must detach all policies first.".into()));
        }
        sqlx::query("DELETE FROM iam_role WHERE name = $1").bind(name).execute(&self.control).await?;
        Ok(())
    }

    /// Attaches a policy to a role; it may be attached already.
    pub async fn attach_role_policy(&self, role: &str, policy: &str) -> Result<()> {
        let role = self.role(role).await?;
        let policy = self.policy(policy).await?;
        let attached = self.attached_policies(&role.name).await?;
        if attached.len() as i64 >= POLICIES_PER_ROLE && attached.iter().all(|other| other.arn != policy.arn) {
            return Err(IamError::LimitExceeded(format!(
                "Cannot exceed quota for PoliciesPerRole: {POLICIES_PER_ROLE}"
            )));
        }
        sqlx::query("INSERT INTO iam_role_policy VALUES ($1, $2) ON CONFLICT DO NOTHING")
            .bind(&role.name)
            .bind(&policy.arn)
            .execute(&self.control)
            .await?;
        Ok(())
    }

    /// Detaches a policy from a role.
    pub async fn detach_role_policy(&self, role: &str, policy: &str) -> Result<()> {
        let role = self.role(role).await?;
        let detached = sqlx::query("DELETE FROM iam_role_policy WHERE role = $1 AND policy = $2")
            .bind(&role.name)
            .bind(policy)
            .execute(&self.control)
            .await?;
        match detached.rows_affected() {
            0 => Err(IamError::NoSuchEntity(format!("Policy {policy} attached to the role {}", role.name))),
            _ => Ok(()),
        }
    }

    /// The policies attached to a role, by name.
    pub async fn attached_policies(&self, role: &str) -> Result<Vec<AttachedPolicy>> {
        let role = self.role(role).await?;
        let sql = "SELECT name, arn FROM iam_policy JOIN iam_role_policy ON policy = arn WHERE role = $1 ORDER BY name";
        let rows = sqlx::query(sql).bind(&role.name).fetch_all(&self.control).await?;
        let read = |row: &SqliteRow| Ok(AttachedPolicy { name: row.try_get("name")?, arn: row.try_get("arn")? });
        rows.iter().map(read).collect()
    }

    pub(super) async fn policies_of_role(&self, role: &str) -> Result<Vec<PolicyDocument>> {
        let sql = "SELECT document FROM iam_policy JOIN iam_role_policy ON policy = arn WHERE role = $1";
        let documents: Vec<String> = sqlx::query_scalar(sql).bind(role).fetch_all(&self.control).await?;
        documents.iter().map(|document| PolicyDocument::parse(document)).collect()
    }
}

fn read_role(row: &SqliteRow) -> Result<Role> {
    Ok(Role {
        name: row.try_get("name")?,
        arn: row.try_get("arn")?,
        id: row.try_get("id")?,
        path: row.try_get("path")?,
        description: row.try_get("description")?,
        trust: row.try_get("trust")?,
        max_session: row.try_get("max_session_s")?,
        created: Timestamp::from_millis(row.try_get("created_ms")?),
    })
}
