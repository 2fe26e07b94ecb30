//! `tidemill sql` and `tidemill tail`.

use std::io::IsTerminal;
use std::net::SocketAddr;

use rustyline::DefaultEditor;
use rustyline::error::ReadlineError;
use tidemill_aws::AwsClient;

use crate::Failure;
use crate::addresses::Addresses;
use crate::credentials;
use crate::options::{ClusterOptions, SqlOptions, TailOptions};
use crate::sql_client::SqlClient;

/// Runs what the command line gives, or what is typed.
pub async fn run(options: SqlOptions) -> Result<(), Failure> {
    let client = connect(&options.cluster).await?;
    let text = match (&options.command, &options.file) {
        (Some(command), _) => Some(command.clone()),
        (None, Some(file)) => {
            Some(std::fs::read_to_string(file).map_err(|error| format!("{}: {error}", file.display()))?)
        }
        (None, None) if !std::io::stdin().is_terminal() => Some(std::io::read_to_string(std::io::stdin())?),
        (None, None) => None,
    };
    match text {
        Some(text) => println!("{}", client.run(&text).await?),
        None => interact(&client, &options).await?,
    }
    Ok(())
}

/// Prints the rows of a view as they arrive, tabs between their columns.
pub async fn tail(options: TailOptions) -> Result<(), Failure> {
    let mut client = connect(&options.cluster).await?;
    client.tail(&options.view, options.rows.unwrap_or(u64::MAX), &mut std::io::stdout()).await
}

async fn connect(options: &ClusterOptions) -> Result<SqlClient, Failure> {
    let (address, admin) = find_cluster(options).await?;
    let user = options.user.clone().unwrap_or(admin);
    let password = match &options.password {
        Some(password) => password.clone(),
        None => rpassword::prompt_password(format!("Password of {user}: "))?,
    };
    SqlClient::connect(address, &user, &password).await
}

/// Reads statements, which semicolons end, until the input ends.
async fn interact(client: &SqlClient, options: &SqlOptions) -> Result<(), Failure> {
    let history = options.cluster.data.data.join("sql_history");
    let mut editor = DefaultEditor::new()?;
    // There is no history at first.
    let _ = editor.load_history(&history);
    let mut statement = String::new();
    loop {
        let prompt = if statement.is_empty() { "tidemill=# " } else { "tidemill-# " };
        match editor.readline(prompt) {
            Ok(line) => {
                statement.push_str(&line);
                statement.push('\n');
            }
            Err(ReadlineError::Interrupted) => statement.clear(),
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(error.into()),
        }
        if statement.trim().is_empty() {
            statement.clear();
        } else if statement.trim_end().ends_with(';') {
            editor.add_history_entry(statement.trim())?;
            match client.run(&statement).await {
                Ok(result) => println!("{result}"),
                Err(error) => println!("{error}"),
            }
            statement.clear();
        }
    }
    editor.save_history(&history)?;
    Ok(())
}

/// Asks the running server for the address and admin user of the cluster.
async fn find_cluster(options: &ClusterOptions) -> Result<(SocketAddr, String), Failure> {
    let data = &options.data.data;
    let addresses = Addresses::read(data).map_err(|_| format!("no Tidemill runs on {}", data.display()))?;
    let client = AwsClient::new(&format!("http://{}", addresses.aws), &options.data.region, credentials::load(data)?);
    let mut form = vec![("Action", "DescribeClusters")];
    form.extend(options.cluster.as_deref().map(|name| ("ClusterIdentifier", name)));
    let answer = client.query("redshift", "2012-12-01", &form).await?;
    let clusters: Vec<&str> = answer.split("<Cluster>").skip(1).collect();
    match clusters.as_slice() {
        [] => Err("there is no cluster yet; create one with aws redshift create-cluster".into()),
        [cluster] => {
            let text = |name| tidemill_aws::element(cluster, name).unwrap_or_default();
            Ok((format!("{}:{}", text("Address"), text("Port")).parse()?, text("MasterUsername").to_owned()))
        }
        _ => Err("there are several clusters; choose one with --cluster".into()),
    }
}
