//! Identity and access: who a caller is, what roles and policies exist, and what they allow.
//!
//! It owns accounts, access keys, roles, managed policies and the evaluation of policies.
//! It knows nothing of HTTP or SQL.
//!
//! ```
//! use tidemill_iam::{Decision, PolicyDocument, Request, evaluate};
//!
//! let policy = PolicyDocument::parse(r#"{"Version": "2012-10-17", "Statement":
//!     {"Effect": "Allow", "Action": "kinesis:Get*", "Resource": "arn:aws:kinesis:*:*:stream/*"}}"#)?;
//! let get = Request::new("kinesis:GetRecords", "arn:aws:kinesis:us-east-1:000000000000:stream/events");
//! assert_eq!(evaluate(&[&policy], &get), Decision::Allow);
//! # Ok::<(), tidemill_iam::IamError>(())
//! ```

mod account;
mod arn;
mod error;
mod evaluate;
mod policy;
mod store;

pub use account::{AccessKey, Account, Principal};
pub use arn::RoleArn;
pub use error::{IamError, Result};
pub use evaluate::{Decision, Request, evaluate};
pub use policy::{PolicyDocument, ResourceDocument, TrustDocument};
pub use store::{AttachedPolicy, Iam, ManagedPolicy, NewPolicy, NewRole, Role};
