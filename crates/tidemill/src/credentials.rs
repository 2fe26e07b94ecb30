//! The root access key: random at the first start, kept in the form of an AWS credentials file.

use std::io;
use std::path::Path;

use tidemill_clock::Random;
use tidemill_iam::AccessKey;

const UPPER: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// The key of the environment, else of the data directory, else a new one.
pub fn load_or_create(data: &Path, random: &dyn Random) -> io::Result<AccessKey> {
    if let (Ok(id), Ok(secret)) =
        (std::env::var("TIDEMILL_ROOT_ACCESS_KEY_ID"), std::env::var("TIDEMILL_ROOT_SECRET_ACCESS_KEY"))
    {
        return Ok(AccessKey { id, secret });
    }
    match load(data) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(data, random),
        loaded => loaded,
    }
}

/// The key of a data directory.
pub fn load(data: &Path) -> io::Result<AccessKey> {
    let text = std::fs::read_to_string(data.join("credentials"))?;
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix(name)?.trim_start().strip_prefix('='));
        line.map(|value| value.trim().to_owned())
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, format!("{name} is missing in credentials")))
    };
    Ok(AccessKey { id: value("aws_access_key_id")?, secret: value("aws_secret_access_key")? })
}

fn create(data: &Path, random: &dyn Random) -> io::Result<AccessKey> {
    use std::os::unix::fs::OpenOptionsExt;
    let key = AccessKey { id: format!("AKIA{}", random.text(UPPER, 16)), secret: random.text(MIXED, 40) };
    let text = format!("[default]\naws_access_key_id = {}\naws_secret_access_key = {}\n", key.id, key.secret);
    let path = data.join("credentials");
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    io::Write::write_all(&mut file, text.as_bytes())?;
    file.sync_all()?;
    Ok(key)
}
