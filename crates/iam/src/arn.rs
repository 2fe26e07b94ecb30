//! The ARN of a role.

use std::fmt;

use crate::{IamError, Result};

/// `arn:aws:iam::ACCOUNT:role[/PATH]/NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RoleArn {
    arn: String,
}

impl RoleArn {
    /// Reads a role's ARN.
    pub fn parse(arn: &str) -> Result<Self> {
        let parts: Vec<&str> = arn.splitn(6, ':').collect();
        match parts.as_slice() {
            ["arn", "aws" | "aws-cn" | "aws-us-gov", "iam", "", account, resource]
                if !account.is_empty()
                    && account.bytes().all(|byte| byte.is_ascii_digit())
                    && resource.strip_prefix("role/").is_some_and(|name| !name.ends_with('/') && !name.is_empty()) =>
            {
                Ok(Self { arn: arn.to_owned() })
            }
            _ => Err(IamError::Invalid(format!("'{arn}' is not the ARN of an IAM role"))),
        }
    }

    /// The whole ARN.
    pub fn as_str(&self) -> &str {
        &self.arn
    }

    /// The role's name: what follows the last slash.
    pub fn name(&self) -> &str {
        self.arn.rsplit('/').next().unwrap_or_default()
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.arn)
    }
}
