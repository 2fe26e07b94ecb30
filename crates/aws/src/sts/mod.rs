//! Security Token Service (2011-06-15).

mod get_caller_identity;

use crate::error::Result;
use crate::operation::{Answer, Call, unknown_operation};

/// Calls the operation called `name`.
pub(crate) async fn dispatch(name: &str, call: Call<'_>) -> Result<Answer> {
    match name {
        "GetCallerIdentity" => call.run::<get_caller_identity::GetCallerIdentity>().await,
        name => Err(unknown_operation(name)),
    }
}
