//! CREATE EXTERNAL SCHEMA … FROM KINESIS.

use tidemill_iam::RoleArn;

use crate::error::{ErrorKind, Result, SqlError};
use crate::session::{Outcome, Session};
use crate::sql::CreateExternalSchema;
use crate::storage::{Change, ExternalSchema};

pub(super) async fn run(session: &mut Session, create: &CreateExternalSchema) -> Result<Outcome> {
    let done = Ok(Outcome::Done("CREATE SCHEMA".into()));
    let name = create.name.value.clone();
    if create.if_not_exists && session.read_view()?.snapshot.has_schema(&name) {
        session.notice(format!("schema \"{name}\" already exists, skipping"));
        return done;
    }
    session.require_create_in_database()?;
    let cluster = &session.cluster;
    let here = &cluster.roles.iam.account().region;
    if let Some(region) = create.region.as_ref().filter(|region| *region != here) {
        let message = format!("region '{region}' is not served here, only '{here}'");
        return Err(SqlError::new(ErrorKind::InvalidParameterValue, message));
    }
    let arn = match &create.role {
        Some(arn) => arn.clone(),
        None => cluster.roles.default_role().ok_or_else(|| {
            SqlError::new(ErrorKind::InvalidParameterValue, "the cluster has no default IAM role")
                .with_hint("Set one with aws redshift modify-cluster-iam-roles --default-iam-role-arn.")
        })?,
    };
    let role = RoleArn::parse(&arn)?;
    cluster.roles.check_schema(&role).await?;
    let (id, owner) = (cluster.store.new_id(), session.user.clone());
    let schema = ExternalSchema { id, name, owner, role: arn };
    session.change(vec![Change::CreateExternalSchema(schema)]).await?;
    done
}
