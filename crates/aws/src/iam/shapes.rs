//! Shapes that several operations answer with.

use serde::Serialize;
use tidemill_clock::Timestamp;
use tidemill_iam::{AttachedPolicy, ManagedPolicy, Role};

/// A list as the protocol writes it.
#[derive(Debug, Serialize)]
pub(super) struct Members<T> {
    member: Vec<T>,
}

impl<T> FromIterator<T> for Members<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Self { member: items.into_iter().collect() }
    }
}

/// A managed policy.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct PolicyShape {
    policy_name: String,
    policy_id: String,
    arn: String,
    path: String,
    default_version_id: &'static str,
    attachment_count: i64,
    permissions_boundary_usage_count: i64,
    is_attachable: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    create_date: String,
    update_date: String,
}

impl From<ManagedPolicy> for PolicyShape {
    fn from(policy: ManagedPolicy) -> Self {
        Self {
            policy_name: policy.name,
            policy_id: policy.id,
            arn: policy.arn,
            path: policy.path,
            default_version_id: "v1",
            attachment_count: policy.attachments,
            permissions_boundary_usage_count: 0,
            is_attachable: true,
            description: policy.description,
            create_date: date(policy.created),
            update_date: date(policy.created),
        }
    }
}

/// A role. Its trust policy is percent-encoded.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct RoleShape {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: String,
    assume_role_policy_document: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    max_session_duration: i64,
}

impl From<Role> for RoleShape {
    fn from(role: Role) -> Self {
        Self {
            path: role.path,
            role_name: role.name,
            role_id: role.id,
            arn: role.arn,
            create_date: date(role.created),
            assume_role_policy_document: urlencoding::encode(&role.trust).into_owned(),
            description: role.description,
            max_session_duration: role.max_session,
        }
    }
}

/// A policy attached to a role.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct AttachedPolicyShape {
    policy_name: String,
    policy_arn: String,
}

impl From<AttachedPolicy> for AttachedPolicyShape {
    fn from(policy: AttachedPolicy) -> Self {
        Self { policy_name: policy.name, policy_arn: policy.arn }
    }
}

/// A time as XML protocols write it.
pub(super) fn date(time: Timestamp) -> String {
    let time = chrono::DateTime::from_timestamp_millis(time.millis()).unwrap_or_default();
    time.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}
