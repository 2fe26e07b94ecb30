//! `tidemill env`.

use crate::Failure;
use crate::addresses::Addresses;
use crate::credentials;
use crate::options::EnvOptions;

/// Prints exports for `eval`.
pub fn run(options: &EnvOptions) -> Result<(), Failure> {
    let data = &options.data.data;
    let key = credentials::load(data).map_err(|error| format!("no Tidemill has run on {}: {error}", data.display()))?;
    let addresses =
        Addresses::read(data).map_err(|error| format!("no Tidemill runs on {}: {error}", data.display()))?;
    println!("export AWS_ACCESS_KEY_ID='{}'", key.id);
    println!("export AWS_SECRET_ACCESS_KEY='{}'", key.secret);
    println!("export AWS_DEFAULT_REGION='{}'", options.data.region);
    println!("export AWS_ENDPOINT_URL='http://{}'", addresses.aws);
    Ok(())
}
