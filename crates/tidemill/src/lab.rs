//! `tidemill lab`: the walk-through of `lab/README.md` through the public interfaces, each step shown with its answer
//! and its time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::json;
use tidemill_aws::{AwsClient, element};
use tidemill_clock::{Clock, SystemClock, SystemRandom};
use tidemill_generator::{Plan, Template};
use tokio_util::sync::CancellationToken;

use crate::Failure;
use crate::kinesis_sink::KinesisSink;
use crate::options::LabOptions;
use crate::serve::{Server, wait_for_signal};
use crate::sql_client::SqlClient;

const STREAM: &str = "ev_stream_data";
const CLUSTER: &str = "streaming-cluster";
const ADMIN: &str = "awsuser";
const ROLE: &str = "RedshiftStreamingRole";
const POLICY: &str = "RedshiftStreamingPolicy";
/// The account and the role that the lab's documents were written with; a user puts in their own.
const LABS_ACCOUNT: &str = "0123456789";
const LABS_ROLE: &str = "arn:aws:iam::0123456789:role/redshift-streaming-role";

const POLICY_DOCUMENT: &str = include_str!("../../../lab/policy.json");
const TRUST_DOCUMENT: &str = include_str!("../../../lab/trust.json");
const TEMPLATE: &str = include_str!("../../../lab/template.txt");
const EXTERNAL_SCHEMA: &str = include_str!("../../../lab/1-external-schema.sql");
const SUPER_VIEW: &str = include_str!("../../../lab/2-super-view.sql");
const EXTRACT_VIEW: &str = include_str!("../../../lab/3-extract-view.sql");
const USAGE: &str = include_str!("../../../lab/4-usage.sql");

/// Runs the lab on a server of its own.
pub async fn run(options: LabOptions) -> Result<(), Failure> {
    let server = Server::start(&options.serve).await?;
    let done = Lab::new(&server, &options).run(&options).await;
    server.stop().await;
    done
}

struct Lab {
    client: AwsClient,
    account: String,
    sign_in: String,
    password: String,
}

impl Lab {
    fn new(server: &Server, options: &LabOptions) -> Self {
        let random: &dyn tidemill_clock::Random = &SystemRandom;
        let endpoint = format!("http://{}", server.addresses.aws);
        let key = server.api.iam.root_key().clone();
        Self {
            client: AwsClient::new(&endpoint, &options.serve.data.region, key),
            account: options.serve.account.clone(),
            sign_in: server.addresses.sign_in.clone(),
            password: format!("Aa1{}", random.hex(12)),
        }
    }

    async fn run(&self, options: &LabOptions) -> Result<(), Failure> {
        self.clean_up_leftovers().await;
        let role = self.prepare().await?;
        let stop = CancellationToken::new();
        let generator = self.start_generator(options, stop.clone())?;
        let done = self.query(&role, options).await;
        if done.is_ok() && !options.once {
            println!(
                "\nThe generator runs on and the views stay fresh. Look at them in the console:\n  {}",
                self.sign_in
            );
            println!("Ctrl-C cleans up and ends.");
            wait_for_signal().await?;
        }
        stop.cancel();
        let sent = generator.await?;
        println!("\n{sent} records were sent.");
        self.clean_up().await?;
        done
    }

    /// Steps 1 to 5: cluster, stream, policy, role.
    async fn prepare(&self) -> Result<String, Failure> {
        step(1, "a cluster");
        let form = [
            ("Action", "CreateCluster"),
            ("ClusterIdentifier", CLUSTER),
            ("NodeType", "dc2.large"),
            ("ClusterType", "single-node"),
            ("MasterUsername", ADMIN),
            ("MasterUserPassword", self.password.as_str()),
        ];
        self.query_api("redshift", &form, "ClusterStatus").await?;
        step(2, "a data stream, capacity mode on-demand");
        self.kinesis("CreateStream", json!({"StreamName": STREAM, "StreamModeDetails": {"StreamMode": "ON_DEMAND"}}))
            .await?;
        self.kinesis("DescribeStreamSummary", json!({"StreamName": STREAM})).await?;
        step(3, "an IAM policy");
        let document = POLICY_DOCUMENT.replace(LABS_ACCOUNT, &self.account);
        let form = [("Action", "CreatePolicy"), ("PolicyName", POLICY), ("PolicyDocument", document.as_str())];
        let policy = self.query_api("iam", &form, "Arn").await?;
        step(4, "a role that Redshift may assume");
        let form = [("Action", "CreateRole"), ("RoleName", ROLE), ("AssumeRolePolicyDocument", TRUST_DOCUMENT)];
        let role = self.query_api("iam", &form, "Arn").await?;
        let form = [("Action", "AttachRolePolicy"), ("RoleName", ROLE), ("PolicyArn", policy.as_str())];
        self.query_api("iam", &form, "RequestId").await?;
        step(5, "the role associated with the cluster");
        let form = [
            ("Action", "ModifyClusterIamRoles"),
            ("ClusterIdentifier", CLUSTER),
            ("AddIamRoles.IamRoleArn.1", role.as_str()),
        ];
        self.query_api("redshift", &form, "ApplyStatus").await?;
        Ok(role)
    }

    /// Step 7: records at a rate. Tidemill's own generator needs no sign-in of step 6.
    fn start_generator(
        &self,
        options: &LabOptions,
        stop: CancellationToken,
    ) -> Result<tokio::task::JoinHandle<u64>, Failure> {
        step(7, &format!("the data generator, {} records a second", options.rate));
        let plan = Plan { template: Template::parse(TEMPLATE)?, rate: options.rate, duration: None, count: None };
        let sink = KinesisSink { client: self.client.clone(), stream: STREAM.into() };
        Ok(tokio::spawn(async move {
            let clock: Arc<dyn Clock> = Arc::new(SystemClock);
            tidemill_generator::run(&plan, &sink, &clock, &stop, |_| {}).await.sent
        }))
    }

    /// Steps 8 to 11: schema, views, the usage query.
    async fn query(&self, role: &str, options: &LabOptions) -> Result<(), Failure> {
        let form = [("Action", "DescribeClusters"), ("ClusterIdentifier", CLUSTER)];
        let answer = self.client.query("redshift", "2012-12-01", &form).await?;
        let text = |name| element(&answer, name).unwrap_or_default();
        let address = format!("{}:{}", text("Address"), text("Port")).parse()?;
        let client = SqlClient::connect(address, ADMIN, &self.password).await?;
        step(8, "an external schema over the streams");
        show_sql(&client, &EXTERNAL_SCHEMA.replace(LABS_ROLE, role)).await?;
        println!("\n(waiting {} seconds for records)", options.seconds);
        tokio::time::sleep(Duration::from_secs(options.seconds)).await;
        step(9, "a view with the JSON of each record");
        show_sql(&client, SUPER_VIEW).await?;
        step(10, "a view with typed columns that refreshes itself");
        show_sql(&client, EXTRACT_VIEW).await?;
        step(11, "energy and users a second");
        show_sql(&client, USAGE).await
    }

    /// Step 12: nothing is left.
    async fn clean_up(&self) -> Result<(), Failure> {
        step(12, "the clean-up");
        let form = [("Action", "DeleteCluster"), ("ClusterIdentifier", CLUSTER), ("SkipFinalClusterSnapshot", "true")];
        self.query_api("redshift", &form, "ClusterStatus").await?;
        self.kinesis("DeleteStream", json!({"StreamName": STREAM})).await?;
        let policy = format!("arn:aws:iam::{}:policy/{POLICY}", self.account);
        let form = [("Action", "DetachRolePolicy"), ("RoleName", ROLE), ("PolicyArn", policy.as_str())];
        self.query_api("iam", &form, "RequestId").await?;
        self.query_api("iam", &[("Action", "DeleteRole"), ("RoleName", ROLE)], "RequestId").await?;
        self.query_api("iam", &[("Action", "DeletePolicy"), ("PolicyArn", policy.as_str())], "RequestId").await?;
        while self.client.kinesis("DescribeStreamSummary", &json!({"StreamName": STREAM})).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// Removes what a lab that was cut off has left. What is not there cannot be removed, and need not be.
    async fn clean_up_leftovers(&self) {
        let policy = format!("arn:aws:iam::{}:policy/{POLICY}", self.account);
        let forms: [(&str, &[(&str, &str)]); 4] = [
            ("redshift", &[("Action", "DeleteCluster"), ("ClusterIdentifier", CLUSTER)]),
            ("iam", &[("Action", "DetachRolePolicy"), ("RoleName", ROLE), ("PolicyArn", &policy)]),
            ("iam", &[("Action", "DeleteRole"), ("RoleName", ROLE)]),
            ("iam", &[("Action", "DeletePolicy"), ("PolicyArn", &policy)]),
        ];
        for (service, form) in forms {
            let _ = self.client.query(service, version(service), form).await;
        }
        let stream = json!({"StreamName": STREAM});
        let _ = self.client.kinesis("DeleteStream", &stream).await;
        while self.client.kinesis("DescribeStreamSummary", &stream).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn kinesis(&self, operation: &str, input: serde_json::Value) -> Result<(), Failure> {
        let started = start(&format!("kinesis {operation} {input}"));
        let answer = self.client.kinesis(operation, &input).await?;
        finish(started, if answer.is_null() { "OK".into() } else { answer.to_string() });
        Ok(())
    }

    /// Calls an operation and shows one element of its answer.
    async fn query_api(&self, service: &str, form: &[(&str, &str)], shown: &str) -> Result<String, Failure> {
        let parameters: Vec<String> =
            form.iter().skip(1).map(|(name, value)| format!("{name}={}", brief(name, value))).collect();
        let started = start(&format!("{service} {} {}", form[0].1, parameters.join(" ")));
        let answer = self.client.query(service, version(service), form).await?;
        let value = element(&answer, shown).unwrap_or_default().to_owned();
        finish(started, format!("{shown}: {value}"));
        Ok(value)
    }
}

fn version(service: &str) -> &'static str {
    if service == "iam" { "2010-05-08" } else { "2012-12-01" }
}

/// A parameter as it is shown: documents in one line, no passwords.
fn brief(name: &str, value: &str) -> String {
    if name == "MasterUserPassword" {
        return "********".into();
    }
    value.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn step(number: u32, what: &str) {
    println!("\n── {number}. {what}");
}

fn start(what: &str) -> Instant {
    println!("\n{what}");
    Instant::now()
}

fn finish(started: Instant, answer: String) {
    println!("→ {answer}   ({:.1} ms)", started.elapsed().as_secs_f64() * 1000.0);
}

/// Runs the statements of a text one by one.
async fn show_sql(client: &SqlClient, text: &str) -> Result<(), Failure> {
    for statement in text.split(';').map(str::trim).filter(|statement| !statement.is_empty()) {
        println!("\n{statement};");
        let started = Instant::now();
        let result = client.run(statement).await?;
        println!("{}", first_lines(&result, 16));
        println!("({:.1} ms)", started.elapsed().as_secs_f64() * 1000.0);
    }
    Ok(())
}

/// A long result cut to its first lines and its last.
fn first_lines(text: &str, most: usize) -> String {
    let lines: Vec<String> = text.lines().map(|line| line.chars().take(160).collect()).collect();
    if lines.len() <= most {
        return lines.join("\n");
    }
    format!("{}\n…\n{}", lines[..most - 2].join("\n"), lines[lines.len() - 1])
}
