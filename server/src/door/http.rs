//! HTTP: the page, guests, lists, health; and the WebSocket's beginning.

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State, WebSocketUpgrade},
    http::{HeaderMap, Method, Request, StatusCode, Uri, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::json;
use tokio::{net::TcpListener, sync::Semaphore};
use tower_service::Service as _;

use super::{connection::Connection, page};
use crate::{
    code::{ErrorCode, Refusal},
    server::Server,
};

/// How long a client has at most for the head of a request, and how long a connection waits for the next one. It is no
/// longer than [`crate::config::Limits::idle`].
const HEAD_DEADLINE: Duration = Duration::from_secs(15);
/// How long an answer may take at most, the reading of a request's body included. It is no longer than
/// [`crate::config::Limits::idle`].
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// TCP connections beyond those of WebSockets, for pages and lists.
const PAGE_CONNECTIONS: u32 = 512;
/// Most bytes of a request's body.
const BODY_MAX: usize = 4096;
/// Most matches and replays of a list.
const LIST_MAX: usize = 200;

/// Who asks.
#[derive(Clone, Copy, Debug)]
struct Peer {
    address: IpAddr,
    /// The address that they came to.
    local: IpAddr,
}

type Shared = State<Arc<Server>>;

/// What a WebSocket needs.
fn router(server: Arc<Server>) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/guests", post(guests))
        .route("/v1/modes", get(modes))
        .route("/v1/modes/{name}/map", get(map))
        .route("/v1/matches", get(matches))
        .route("/v1/replays", get(replays))
        .route("/v1/replays/{id}", get(replay))
        .route("/v1/play", get(play))
        .fallback(files)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(server.clone(), guarded))
        .with_state(server)
}

/// Serves until the task is dropped. Connections that run go on.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener) {
    let places = server.commons.settings.limits.connections.saturating_add(PAGE_CONNECTIONS);
    let places = Arc::new(Semaphore::new(places as usize));
    let head_deadline = HEAD_DEADLINE.min(server.commons.settings.limits.idle);
    let router = router(server);
    loop {
        let place = places.clone().acquire_owned().await.expect("nobody closes the semaphore");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: the next try is worth something only when others have gone.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let local = stream.local_addr().map_or_else(|_| peer.ip(), |local| local.ip()).to_canonical();
        let peer = Peer { address: peer.ip(), local };
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection gathers what it sends");
        }
        let router = router.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |mut request: Request<hyper::body::Incoming>| {
                request.extensions_mut().insert(peer);
                router.clone().call(request)
            });
            let served = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(head_deadline)
                .max_headers(64)
                .max_buf_size(16 << 10)
                .serve_connection(TokioIo::new(stream), service)
                .with_upgrades();
            if let Err(error) = served.await {
                tracing::trace!(%error, "a connection ended");
            }
            drop(place);
        });
    }
}

/// Every answer has the headers that keep a page to itself, and comes in time.
async fn guarded(State(server): Shared, request: Request<Body>, next: Next) -> Response {
    let deadline = ANSWER_DEADLINE.min(server.commons.settings.limits.idle);
    let mut response = match tokio::time::timeout(deadline, next.run(request)).await {
        Ok(response) => response,
        Err(_) => refused(StatusCode::SERVICE_UNAVAILABLE, &ErrorCode::Busy.into()),
    };
    page::guard(response.headers_mut());
    response
}

fn refused(status: StatusCode, refusal: &Refusal) -> Response {
    let body = json!({ "error": { "code": refusal.code.text(), "message": refusal.message } });
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

fn json_answer(value: &impl serde::Serialize) -> Response {
    let text = serde_json::to_string(value).expect("answers are of texts and numbers");
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, text).into_response()
}

async fn health(State(server): Shared) -> Response {
    let broken = server.broken_workers();
    if broken == 0 {
        (StatusCode::OK, "ok\n").into_response()
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{broken} workers have stopped\n")).into_response()
    }
}

async fn ready(State(server): Shared) -> Response {
    match server.why_not_ready() {
        None => (StatusCode::OK, "ready\n").into_response(),
        Some(reason) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
    }
}

async fn metrics(State(server): Shared) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], server.metrics_text()).into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GuestRequest {
    name: String,
}

async fn guests(State(server): Shared, Extension(peer): Extension<Peer>, body: Bytes) -> Response {
    let refuse = |status, refusal: Refusal| {
        server.commons.metrics.refused(refusal.code);
        refused(status, &refusal)
    };
    if let Err(code) = server.networks.arrive(peer.address, Instant::now()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, code.into());
    }
    let request: GuestRequest = match serde_json::from_slice(&body) {
        Ok(request) => request,
        Err(error) => {
            let refusal = Refusal::because(ErrorCode::Malformed, &error.to_string());
            return refuse(StatusCode::BAD_REQUEST, refusal);
        }
    };
    match server.commons.tokens.guest(&request.name, SystemTime::now()) {
        Some((guest, token)) => json_answer(&json!({ "token": token, "player": guest.id, "name": guest.name })),
        None => refuse(StatusCode::BAD_REQUEST, ErrorCode::NameInvalid.into()),
    }
}

async fn modes(State(server): Shared) -> Response {
    let mut modes = server.modes.list();
    if !server.commons.settings.developer {
        // What is wrong with a file is for who can change it.
        modes.retain(|mode| mode.version.is_some());
        modes.iter_mut().for_each(|mode| mode.error = None);
    }
    json_answer(&json!({ "modes": modes }))
}

async fn map(State(server): Shared, Path(name): Path<String>) -> Response {
    let bundle = server.modes.bundle(&name).and_then(Result::ok);
    match bundle.as_ref().and_then(|bundle| bundle.map_text()) {
        Some(text) => ([(header::CONTENT_TYPE, "application/json")], text.to_owned()).into_response(),
        None => refused(StatusCode::NOT_FOUND, &ErrorCode::NotFound.into()),
    }
}

async fn matches(State(server): Shared, uri: Uri) -> Response {
    let query = uri.query().unwrap_or_default();
    let mode = query.split('&').find_map(|part| part.strip_prefix("mode="));
    json_answer(&json!({ "matches": server.commons.directory.list(mode, LIST_MAX) }))
}

async fn replays(State(server): Shared) -> Response {
    let archive = server.commons.archive.clone();
    match tokio::task::spawn_blocking(move || archive.replays(LIST_MAX)).await {
        Ok(replays) => json_answer(&json!({ "replays": replays })),
        Err(_) => refused(StatusCode::INTERNAL_SERVER_ERROR, &ErrorCode::Busy.into()),
    }
}

async fn replay(State(server): Shared, Path(id): Path<String>) -> Response {
    let archive = server.commons.archive.clone();
    // A replay is at most as large as the setting says, and few are looked at at a time.
    let read = tokio::task::spawn_blocking(move || archive.replay_file(&id).and_then(|path| std::fs::read(path).ok()));
    match read.await {
        Ok(Some(bytes)) => ([(header::CONTENT_TYPE, "application/octet-stream")], bytes).into_response(),
        _ => refused(StatusCode::NOT_FOUND, &ErrorCode::NotFound.into()),
    }
}

async fn play(
    State(server): Shared,
    Extension(peer): Extension<Peer>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let is_welcome = |origin: &&str| server.commons.settings.developer && is_of_this_machine(origin);
    if let Some(origin) = foreign_origin(&headers).filter(|origin| !is_welcome(origin)) {
        tracing::debug!(origin, "a page of another server is not let in");
        return refused(StatusCode::FORBIDDEN, &Refusal::because(ErrorCode::TokenInvalid, "not from this page"));
    }
    let admission = match server.networks.admit(peer.address, Instant::now()) {
        Ok(admission) => admission,
        Err(code) => {
            server.commons.metrics.refused(code);
            return refused(StatusCode::TOO_MANY_REQUESTS, &code.into());
        }
    };
    let limit = server.commons.settings.limits.message_bytes as usize;
    upgrade
        // What a connection holds while it is idle is mostly this; what is longer takes another read.
        .read_buffer_size(1024)
        // Messages that wait together go in one write.
        .write_buffer_size(8192)
        .max_write_buffer_size(1 << 20)
        .max_message_size(limit)
        .max_frame_size(limit)
        .on_upgrade(move |socket| async move {
            Connection::serve(server, socket, peer.local).await;
            drop(admission);
        })
}

/// The origin of a page that is not of this server. Programs have none.
fn foreign_origin(headers: &HeaderMap) -> Option<&str> {
    let origin = headers.get(header::ORIGIN)?.to_str().unwrap_or("?");
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let own = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    (own != Some(host)).then_some(origin)
}

/// Whether a page is of a server for developing pages, on the machine of who looks at it.
fn is_of_this_machine(origin: &str) -> bool {
    let host = origin.strip_prefix("http://").and_then(|rest| rest.rsplit_once(':')).map(|(host, _)| host);
    matches!(host, Some("localhost" | "127.0.0.1" | "[::1]"))
}

async fn files(State(_): Shared, method: Method, uri: Uri, headers: HeaderMap) -> Response {
    if method != Method::GET && method != Method::HEAD {
        return refused(StatusCode::METHOD_NOT_ALLOWED, &ErrorCode::NotFound.into());
    }
    if uri.path().starts_with("/v1/") {
        return refused(StatusCode::NOT_FOUND, &ErrorCode::NotFound.into());
    }
    page::answer(uri.path(), &headers)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_pages_of_this_server_come_in() {
        let headers = |origin: Option<&'static str>| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("play.example:7350"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            headers
        };
        for own in [None, Some("http://play.example:7350"), Some("https://play.example:7350")] {
            assert_eq!(foreign_origin(&headers(own)), None);
        }
        for other in ["https://evil.example", "null", "http://play.example", "http://play.example:7350.evil.example"] {
            assert_eq!(foreign_origin(&headers(Some(other))), Some(other));
        }
    }
}
