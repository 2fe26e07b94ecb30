//! Identity and Access Management (2010-05-08).

mod attach_role_policy;
mod create_policy;
mod create_role;
mod delete_policy;
mod delete_role;
mod detach_role_policy;
mod get_policy;
mod get_policy_version;
mod get_role;
mod list_attached_role_policies;
mod list_policies;
mod list_roles;
mod shapes;

use crate::Api;
use crate::error::Result;
use crate::operation::{Answer, Call, unknown_operation};

/// Calls the operation called `name`.
pub(crate) async fn dispatch(name: &str, call: Call<'_>) -> Result<Answer> {
    match name {
        "AttachRolePolicy" => call.run::<attach_role_policy::AttachRolePolicy>().await,
        "CreatePolicy" => call.run::<create_policy::CreatePolicy>().await,
        "CreateRole" => call.run::<create_role::CreateRole>().await,
        "DeletePolicy" => call.run::<delete_policy::DeletePolicy>().await,
        "DeleteRole" => call.run::<delete_role::DeleteRole>().await,
        "DetachRolePolicy" => call.run::<detach_role_policy::DetachRolePolicy>().await,
        "GetPolicy" => call.run::<get_policy::GetPolicy>().await,
        "GetPolicyVersion" => call.run::<get_policy_version::GetPolicyVersion>().await,
        "GetRole" => call.run::<get_role::GetRole>().await,
        "ListAttachedRolePolicies" => call.run::<list_attached_role_policies::ListAttachedRolePolicies>().await,
        "ListPolicies" => call.run::<list_policies::ListPolicies>().await,
        "ListRoles" => call.run::<list_roles::ListRoles>().await,
        name => Err(unknown_operation(name)),
    }
}

/// The ARN of a role that a request names.
fn role_arn(api: &Api, name: &str) -> Result<String> {
    Ok(api.account().arn("iam", &format!("role/{name}")))
}
