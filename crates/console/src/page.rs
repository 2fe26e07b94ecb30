//! The page's files, embedded in the binary.

use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "ui/dist"]
struct Files;

const NOT_BUILT: &str = "<!doctype html><title>Tidemill</title><p>This Tidemill was built without its console. \
    Run <code>make</code> in the source folder (Node 20 or newer is needed), then start it again.</p>";

/// Serves a file of the page; any other path is a place within the page.
pub(crate) async fn serve(uri: Uri) -> Response {
    let path = uri.path().trim_start_matches('/');
    if path.starts_with("api/") {
        return StatusCode::NOT_FOUND.into_response();
    }
    match Files::get(path).map(|file| (path, file)).or_else(|| Some(("index.html", Files::get("index.html")?))) {
        Some((path, file)) => {
            let kind = content_type(path);
            let caching = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
            ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, caching)], file.data).into_response()
        }
        None => Html(NOT_BUILT).into_response(),
    }
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript",
        "css" => "text/css",
        "svg" => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
