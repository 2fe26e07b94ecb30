//! One connection that sends signed requests.

use std::time::SystemTime;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::SendRequest;
use hyper_util::rt::TokioIo;
use tidemill_aws::Scope;
use tidemill_iam::AccessKey;
use tokio::net::TcpStream;

use crate::{Format, Options};

/// What a measurement fails with.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A connection to the server, made anew when the server ends it.
pub struct Connection {
    server: String,
    sender: SendRequest<Full<Bytes>>,
}

/// A request that can be sent often, for as long as its signature holds (15 minutes).
#[derive(Debug, Clone)]
pub struct Signed {
    head: http::request::Parts,
    body: Bytes,
}

impl Signed {
    /// Signs a request for `operation`.
    pub fn new(options: &Options, operation: &str, body: Vec<u8>) -> Result<Self, Failure> {
        let content_type = match options.format {
            Format::Json => "application/x-amz-json-1.1",
            Format::Cbor => "application/x-amz-cbor-1.1",
        };
        let uri = format!("http://{}/", options.server);
        let target = format!("Kinesis_20131202.{operation}");
        let headers = [("content-type", content_type), ("x-amz-target", target.as_str())];
        #[expect(clippy::disallowed_methods, reason = "a request is signed for the time at which it is sent")]
        let scope = Scope { region: "us-east-1", service: "kinesis", time: SystemTime::now() };
        let key = AccessKey { id: options.key.clone(), secret: options.secret.clone() };
        let signed = tidemill_aws::signature(&key, &scope, "POST", &uri, &headers, &body);
        let (_, signed) = signed.ok_or("the request cannot be signed")?;
        let mut request = http::Request::post("/").header("host", &options.server);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in signed {
            request = request.header(name, value);
        }
        let (head, ()) = request.body(())?.into_parts();
        Ok(Self { head, body: body.into() })
    }
}

impl Connection {
    /// Connects.
    pub async fn open(options: &Options) -> Result<Self, Failure> {
        Ok(Self { server: options.server.clone(), sender: connect(&options.server).await? })
    }

    /// Sends a request and returns the body of its answer.
    pub async fn send(&mut self, request: &Signed) -> Result<Bytes, Failure> {
        if self.sender.ready().await.is_err() {
            self.sender = connect(&self.server).await?;
        }
        let request = http::Request::from_parts(request.head.clone(), Full::new(request.body.clone()));
        let response = self.sender.send_request(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        match status.is_success() {
            true => Ok(body),
            false => Err(format!("{status}: {}", String::from_utf8_lossy(&body)).into()),
        }
    }

    /// Calls an operation once.
    pub async fn call(&mut self, options: &Options, operation: &str, body: Vec<u8>) -> Result<Bytes, Failure> {
        self.send(&Signed::new(options, operation, body)?).await
    }
}

async fn connect(server: &str) -> Result<SendRequest<Full<Bytes>>, Failure> {
    let socket = TcpStream::connect(server).await?;
    socket.set_nodelay(true)?;
    let (sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(socket)).await?;
    tokio::spawn(connection);
    Ok(sender)
}
