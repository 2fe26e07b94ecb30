//! Customer managed policies.

use sqlx::{Row, sqlite::SqliteRow};
use tidemill_clock::Timestamp;

use super::{Iam, check_name, check_path};
use crate::{IamError, PolicyDocument, Result};

/// A policy may have so many characters, white space aside (IAM quota).
const LARGEST_DOCUMENT: usize = 6_144;

/// A managed policy. It has one version so far, `v1`.
#[derive(Debug, Clone)]
pub struct ManagedPolicy {
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its unique id.
    pub id: String,
    /// Its path.
    pub path: String,
    /// What its maker says of it.
    pub description: Option<String>,
    /// The document as it was given.
    pub document: String,
    /// When it was created.
    pub created: Timestamp,
    /// How many identities it is attached to.
    pub attachments: i64,
}

/// What a policy is made from.
#[derive(Debug, Clone)]
pub struct NewPolicy {
    /// Its name.
    pub name: String,
    /// Its path.
    pub path: String,
    /// What it is for.
    pub description: Option<String>,
    /// The policy.
    pub document: String,
}

const SELECT: &str = "
SELECT *, (SELECT count(*) FROM iam_role_policy WHERE policy = arn) AS attachments
FROM iam_policy WHERE $1 IS NULL OR arn = $1 ORDER BY name";

impl Iam {
    /// Creates a managed policy.
    pub async fn create_policy(&self, new: NewPolicy) -> Result<ManagedPolicy> {
        check_name("policyName", &new.name, 128)?;
        check_path(&new.path)?;
        PolicyDocument::parse(&new.document)?;
        if new.document.chars().filter(|char| !char.is_whitespace()).count() > LARGEST_DOCUMENT {
            return Err(IamError::LimitExceeded(format!("Cannot exceed quota for PolicySize: {LARGEST_DOCUMENT}")));
        }
        let arn = self.account().arn("iam", &format!("policy{}{}", new.path, new.name));
        let id = self.unique_id("ANPA");
        let inserted = sqlx::query("INSERT INTO iam_policy VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING")
            .bind(&arn)
            .bind(&new.name)
            .bind(&id)
            .bind(&new.path)
            .bind(&new.description)
            .bind(&new.document)
            .bind(self.clock.now().millis())
            .execute(&self.control)
            .await?;
        if inserted.rows_affected() == 0 {
            return Err(IamError::EntityAlreadyExists(format!("A policy called {}", new.name)));
        }
        self.policy(&arn).await
    }

    /// The policy with this ARN.
    pub async fn policy(&self, arn: &str) -> Result<ManagedPolicy> {
        let row = sqlx::query(SELECT).bind(arn).fetch_optional(&self.control).await?;
        row.as_ref().map(read_policy).transpose()?.ok_or_else(|| IamError::NoSuchEntity(format!("Policy {arn}")))
    }

    /// All managed policies, by name.
    pub async fn policies(&self) -> Result<Vec<ManagedPolicy>> {
        let rows = sqlx::query(SELECT).bind(None::<&str>).fetch_all(&self.control).await?;
        rows.iter().map(read_policy).collect()
    }

    /// Deletes a policy that is attached to nothing.
    pub async fn delete_policy(&self, arn: &str) -> Result<()> {
        if self.policy(arn).await?.attachments > 0 {
            return Err(IamError::DeleteConflict("Cannot delete a policy attached to entities.".into()));
        }
        sqlx::query("DELETE FROM iam_policy WHERE arn = $1").bind(arn).execute(&self.control).await?;
        Ok(())
    }
}

pub(super) fn read_policy(row: &SqliteRow) -> Result<ManagedPolicy> {
    Ok(ManagedPolicy {
        arn: row.try_get("arn")?,
        name: row.try_get("name")?,
        id: row.try_get("id")?,
        path: row.try_get("path")?,
        description: row.try_get("description")?,
        document: row.try_get("document")?,
        created: Timestamp::from_millis(row.try_get("created_ms")?),
        attachments: row.try_get("attachments")?,
    })
}
