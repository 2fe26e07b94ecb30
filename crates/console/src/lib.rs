//! The web console: the page, its session, and a thin HTTP layer.
//!
//! The page calls the same operations as an SDK would, with a session instead of a signature. There is no second set
//! of rules here.

mod generator;
mod metrics;
mod page;
mod query;
mod session;

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use serde_json::{Value, json};
use tidemill_aws::Api;
use tidemill_clock::{Clock, Random};
use tidemill_iam::Principal;
use tokio_util::sync::CancellationToken;

use generator::Generator;
use session::Sessions;

/// The console of one server.
pub struct Console {
    app: App,
}

/// What the routes share.
#[derive(Clone)]
struct App {
    api: Api,
    sessions: Arc<Sessions>,
    generator: Arc<Generator>,
}

impl Console {
    /// A console over `api`. `stop` ends its generator.
    pub fn new(api: Api, clock: Arc<dyn Clock>, random: &dyn Random, stop: CancellationToken) -> Self {
        let generator = Arc::new(Generator::new(api.clone(), clock, stop));
        Self { app: App { api, sessions: Arc::new(Sessions::new(random)), generator } }
    }

    /// The path of the link that signs a browser in, once.
    pub fn sign_in_path(&self) -> String {
        format!("/sign-in?token={}", self.app.sessions.one_time_token())
    }

    /// The console as an HTTP application.
    pub fn router(self) -> Router {
        let app = self.app;
        let private = Router::new()
            .route("/api/account", get(account))
            .route("/api/aws/{service}/{operation}", post(call))
            .route("/api/query", post(query::run))
            .route("/api/generator", get(generator::status).post(generator::start).delete(generator::stop))
            .route("/api/generator/test", post(generator::test))
            .route_layer(middleware::from_fn_with_state(app.clone(), session::require));
        Router::new()
            .merge(private)
            .route("/metrics", get(metrics::serve))
            .route("/sign-in", get(session::sign_in))
            .fallback(page::serve)
            .with_state(app)
    }
}

/// Whose console this is.
async fn account(State(app): State<App>) -> Json<Value> {
    let account = app.api.iam.account();
    Json(json!({ "account": account.id, "region": account.region }))
}

/// Calls an AWS operation, as the account itself.
async fn call(
    State(app): State<App>,
    Path((service, operation)): Path<(String, String)>,
    Json(input): Json<Value>,
) -> Response {
    match app.api.call(&service, &operation, Principal::Root, &input).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => {
            let body = json!({ "code": error.code, "message": error.message });
            let status = StatusCode::from_u16(error.status.as_u16()).unwrap_or(StatusCode::BAD_REQUEST);
            (status, Json(body)).into_response()
        }
    }
}
