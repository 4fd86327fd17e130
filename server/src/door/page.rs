//! The web client, which is built into the program.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::Response,
};

/// One file of the web client.
struct Asset {
    path: &'static str,
    bytes: &'static [u8],
    /// By which a browser knows that it has it.
    tag: &'static str,
}

include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// What a page of ours may do: nothing comes from or goes to anywhere else. `unsafe-eval` is not needed, since the drawing
/// library has a build without it; styles are set by the drawing library on its canvas.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; \
                      font-src 'self'; connect-src 'self'; worker-src 'self' blob:; manifest-src 'self'; base-uri 'none'; \
                      form-action 'none'; frame-ancestors 'none'";

const NOT_BUILT: &str = "<!doctype html><html lang=en><meta charset=utf-8><title>Muster</title>\
    <h1>Muster runs</h1><p>This build has no web client. With Node.js 18 or newer: <code>make web</code>, then \
    <code>make run</code> again.</p><p>See <a href=/v1/modes>the modes</a> and <a href=/v1/matches>the matches</a>.</p>";

/// The file of a path, or the page.
pub(super) fn answer(path: &str, headers: &HeaderMap) -> Response {
    let name = path.trim_start_matches('/');
    let name = if name.is_empty() { "index.html" } else { name };
    if ASSETS.is_empty() && name == "index.html" {
        return with_headers(StatusCode::OK, "text/html; charset=utf-8", "no-store", None, NOT_BUILT.as_bytes());
    }
    let found = ASSETS.binary_search_by(|asset| asset.path.cmp(name)).map(|at| &ASSETS[at]);
    let Ok(asset) = found else {
        return with_headers(StatusCode::NOT_FOUND, "text/plain; charset=utf-8", "no-store", None, b"not found\n");
    };
    let tag = format!("\"{}\"", asset.tag);
    if headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        return with_headers(StatusCode::NOT_MODIFIED, kind(name), "no-cache", Some(&tag), &[]);
    }
    // The bundler puts a hash into the names of what is below assets.
    let keep = if name.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    with_headers(StatusCode::OK, kind(name), keep, Some(&tag), asset.bytes)
}

fn with_headers(
    status: StatusCode,
    kind: &'static str,
    keep: &'static str,
    tag: Option<&str>,
    bytes: &'static [u8],
) -> Response {
    let mut response = Response::new(Body::from(bytes));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(keep));
    if let Some(tag) = tag.and_then(|tag| HeaderValue::from_str(tag).ok()) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// What every answer carries.
pub(super) fn guard(headers: &mut HeaderMap) {
    let fixed = [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

fn kind(name: &str) -> &'static str {
    match name.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" | "map" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
