//! Signing in: a link that works once, then a cookie.

use std::sync::atomic::{AtomicBool, Ordering};

use axum::extract::{Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;
use tidemill_clock::Random;

use crate::App;

const COOKIE: &str = "tidemill-session";

/// Whether the one browser of this server is signed in. Forgotten at a restart.
pub(crate) struct Sessions {
    one_time: String,
    /// What the link is exchanged for.
    session: String,
    exchanged: AtomicBool,
}

impl Sessions {
    pub(crate) fn new(random: &dyn Random) -> Self {
        Self { one_time: random.hex(24), session: random.hex(32), exchanged: AtomicBool::new(false) }
    }

    pub(crate) fn one_time_token(&self) -> &str {
        &self.one_time
    }

    /// The session for the link's token; none the second time.
    fn exchange(&self, token: &str) -> Option<&str> {
        let fresh = token == self.one_time && !self.exchanged.swap(true, Ordering::SeqCst);
        fresh.then_some(self.session.as_str())
    }

    fn is_open(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
        let mut values = cookies.split(';').filter_map(|cookie| cookie.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        self.exchanged.load(Ordering::SeqCst) && values.any(|value| value == self.session)
    }
}

#[derive(Deserialize)]
pub(crate) struct SignIn {
    token: String,
}

/// Exchanges the link for a cookie.
pub(crate) async fn sign_in(State(app): State<App>, headers: HeaderMap, Query(query): Query<SignIn>) -> Response {
    if let Some(session) = app.sessions.exchange(&query.token) {
        let cookie = format!("{COOKIE}={session}; Path=/; HttpOnly; SameSite=Strict");
        return ([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response();
    }
    if app.sessions.is_open(&headers) {
        return Redirect::to("/").into_response();
    }
    let text = "This link has been used or is not valid. Restart Tidemill to get a new one.";
    (StatusCode::FORBIDDEN, text).into_response()
}

/// Lets only requests of signed-in browsers through.
pub(crate) async fn require(State(app): State<App>, request: Request, next: Next) -> Response {
    if app.sessions.is_open(request.headers()) {
        return next.run(request).await;
    }
    let text = "Sign in with the link that Tidemill has printed at its start.";
    (StatusCode::UNAUTHORIZED, text).into_response()
}
