//! A connection to a cluster over the wire, and its results as text.

use std::io::Write;
use std::net::SocketAddr;

use comfy_table::Table;
use comfy_table::presets::ASCII_FULL_CONDENSED;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::Failure;

/// A connected client.
pub struct SqlClient(Client);

impl SqlClient {
    /// Connects to the cluster at `address`.
    pub async fn connect(address: SocketAddr, user: &str, password: &str) -> Result<Self, Failure> {
        let mut config = Config::new();
        config.host(address.ip().to_string()).port(address.port()).dbname("dev").user(user).password(password);
        let (client, connection) = config.connect(NoTls).await.map_err(|error| describe(&error))?;
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection ended");
            }
        });
        Ok(Self(client))
    }

    /// Writes the rows that a view gets from now on, up to so many, as they come.
    pub async fn tail(&mut self, view: &str, rows: u64, out: &mut impl Write) -> Result<(), Failure> {
        let transaction = self.0.transaction().await.map_err(|error| describe(&error))?;
        let text = format!("TAIL {view}");
        let statement = transaction.prepare(&text).await.map_err(|error| describe(&error))?;
        let portal = transaction.bind(&statement, &[]).await.map_err(|error| describe(&error))?;
        let names: Vec<&str> = statement.columns().iter().map(tokio_postgres::Column::name).collect();
        writeln!(out, "{}", names.join("\t"))?;
        for _ in 0..rows {
            // One at a time: the server sends what it has when it has as many as were asked for.
            let next = transaction.query_portal(&portal, 1).await.map_err(|error| describe(&error))?;
            let Some(row) = next.first() else { return Ok(()) };
            let values: Vec<&str> =
                (0..row.len()).map(|column| row.get::<_, Option<&str>>(column).unwrap_or("")).collect();
            writeln!(out, "{}", values.join("\t"))?;
            out.flush()?;
        }
        Ok(())
    }

    /// Runs statements; returns their results as aligned text.
    pub async fn run(&self, sql: &str) -> Result<String, Failure> {
        let messages = self.0.simple_query(sql).await.map_err(|error| describe(&error))?;
        let (mut shown, mut table, mut rows) = (Vec::new(), None::<Table>, 0);
        for message in messages {
            match message {
                SimpleQueryMessage::RowDescription(columns) => {
                    let mut new = Table::new();
                    new.load_style(ASCII_FULL_CONDENSED);
                    new.set_header(columns.iter().map(tokio_postgres::SimpleColumn::name));
                    table = Some(new);
                    rows = 0;
                }
                SimpleQueryMessage::Row(row) => {
                    let values = (0..row.len()).map(|column| row.get(column).unwrap_or_default().to_owned());
                    if let Some(table) = &mut table {
                        table.add_row(values.collect::<Vec<_>>());
                    }
                    rows += 1;
                }
                SimpleQueryMessage::CommandComplete(_) => shown.push(match table.take() {
                    Some(table) => format!("{table}\n({rows} {})", if rows == 1 { "row" } else { "rows" }),
                    None => "OK".to_owned(),
                }),
                _ => {}
            }
        }
        Ok(shown.join("\n"))
    }
}

/// An error as the server tells it.
fn describe(error: &tokio_postgres::Error) -> String {
    let Some(error) = error.as_db_error() else { return error.to_string() };
    let mut text = format!("{} {}: {}", error.severity(), error.code().code(), error.message());
    for (name, part) in [("detail", error.detail()), ("hint", error.hint())] {
        if let Some(part) = part {
            text.push_str(&format!("\n  {name}: {part}"));
        }
    }
    text
}
