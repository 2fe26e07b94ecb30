//! Who a client is: MD5 as Redshift's drivers expect it, or the password itself where TLS protects it.

use std::collections::HashMap;
use std::fmt::Debug;
use std::sync::Arc;

use async_trait::async_trait;
use futures::Sink;
use md5::{Digest, Md5};
use pgwire::api::auth::cleartext::CleartextPasswordAuth;
use pgwire::api::auth::md5pass::Md5PasswordAuth;
use pgwire::api::auth::mechanism::AuthMechanismFactory;
use pgwire::api::auth::{
    AuthDriver, AuthOutcome, AuthSource, LoginInfo, Password, ServerParameterProvider, StartupHandler,
    protocol_negotiation, save_startup_parameters_to_metadata,
};
use pgwire::api::{ClientInfo, ConnectionManager, METADATA_DATABASE, METADATA_USER};
use pgwire::error::{PgWireError, PgWireResult};
use pgwire::messages::{PgWireBackendMessage, PgWireFrontendMessage};
use tidemill_warehouse::Cluster;

use crate::errors::fatal;

/// What a server tells each client at the start. Redshift calls itself PostgreSQL 8.0.2.
const PARAMETERS: [(&str, &str); 7] = [
    ("server_version", "8.0.2"),
    ("server_encoding", "UTF8"),
    ("client_encoding", "UTF8"),
    ("DateStyle", "ISO, MDY"),
    ("TimeZone", "UTC"),
    ("integer_datetimes", "on"),
    ("is_superuser", "on"),
];

/// Starts connections to one cluster.
pub(crate) struct Startup {
    cluster: Arc<Cluster>,
    driver: AuthDriver<Parameters>,
}

impl Startup {
    pub(crate) fn new(cluster: Arc<Cluster>, connections: Arc<ConnectionManager>) -> Self {
        Self { cluster, driver: AuthDriver::new(Parameters).with_connection_manager(connections) }
    }
}

#[async_trait]
impl StartupHandler for Startup {
    async fn on_startup<C>(&self, client: &mut C, message: PgWireFrontendMessage) -> PgWireResult<()>
    where
        C: ClientInfo + Sink<PgWireBackendMessage> + Unpin + Send + Sync,
        C::Error: Debug,
        PgWireError: From<<C as Sink<PgWireBackendMessage>>::Error>,
    {
        let outcome = match message {
            PgWireFrontendMessage::Startup(startup) => {
                protocol_negotiation(client, &startup).await?;
                save_startup_parameters_to_metadata(client, &startup);
                let passwords = Arc::new(Passwords(Arc::clone(&self.cluster)));
                let mechanism = if client.is_secure() {
                    CleartextPasswordAuth::new(passwords).create()
                } else {
                    Md5PasswordAuth::new(passwords).create()
                };
                self.driver.begin_authentication(client, mechanism).await?
            }
            PgWireFrontendMessage::PasswordMessageFamily(message) => {
                self.driver.advance_authentication(client, message).await?
            }
            _ => return Ok(()),
        };
        let AuthOutcome::Authenticated { final_message, .. } = outcome else { return Ok(()) };
        let metadata = client.metadata();
        let user = metadata.get(METADATA_USER).map_or("", String::as_str);
        let database = metadata.get(METADATA_DATABASE).map_or(user, String::as_str);
        if let Err(error) = self.cluster.session(user, database) {
            return Err(fatal(error.kind.sqlstate(), error.message));
        }
        self.driver.complete_authentication(client, final_message).await
    }
}

#[derive(Debug)]
struct Parameters;

impl ServerParameterProvider for Parameters {
    fn server_parameters<C: ClientInfo>(&self, _client: &C) -> Option<HashMap<String, String>> {
        Some(PARAMETERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

/// The passwords of a cluster's users, of which only hashes are kept.
struct Passwords(Arc<Cluster>);

impl Debug for Passwords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passwords")
    }
}

#[async_trait]
impl AuthSource for Passwords {
    /// What the client must answer to a random salt. A user that does not exist is asked all the same.
    async fn get_password(&self, login: &LoginInfo) -> PgWireResult<Password> {
        let salt: [u8; 4] = rand::Rng::random(&mut rand::rng());
        let user = login.user().unwrap_or_default();
        let answer = match self.0.password_hash(user) {
            Some(hash) => format!("md5{}", md5_hex(&[hash.as_bytes(), &salt].concat())),
            None => String::new(),
        };
        // No answer equals an empty one, as the client's always begins with "md5".
        Ok(Password::new(Some(salt.to_vec()), answer.into_bytes()))
    }

    async fn verify_password(&self, login: &LoginInfo, password: &[u8]) -> PgWireResult<Option<()>> {
        let user = login.user().unwrap_or_default();
        let presented = md5_hex(&[password, user.as_bytes()].concat());
        match self.0.password_hash(user) {
            Some(hash) if hash == presented => Ok(None),
            _ => Err(PgWireError::InvalidPassword(user.to_owned())),
        }
    }
}

fn md5_hex(bytes: &[u8]) -> String {
    Md5::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
