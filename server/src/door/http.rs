//! HTTP: the page, guests, lists, health; and the WebSocket's beginning.

use std::{
    fs::File,
    io::{self, Read as _},
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::{
    Extension, Router,
    body::{Body, Bytes},
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version, header},
    middleware::{Next, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream::try_unfold;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tower_service::Service as _;
use tungstenite::handshake::derive_accept_key;

use super::{
    network::{Admission, Visit},
    page,
    patience::PatientStream,
    sockets::Arrival,
};
use crate::{
    code::{ErrorCode, Refusal},
    metrics::Metrics,
    server::Server,
};

/// How long a client has at most for the head of a request, and how long a connection waits for the next one. It is no
/// longer than [`crate::config::Limits::idle`].
const HEAD_DEADLINE: Duration = Duration::from_secs(15);
/// How long an answer may take at most, the reading of a request's body included. It is no longer than
/// [`crate::config::Limits::idle`].
const ANSWER_DEADLINE: Duration = Duration::from_secs(15);
/// How long a client has at most to take a part of an answer. It is no longer than [`crate::config::Limits::idle`].
const TAKE_DEADLINE: Duration = Duration::from_secs(15);
/// TCP connections beyond those of WebSockets, for pages and lists.
const PAGE_CONNECTIONS: u32 = 512;
/// So much of a replay is in memory for each who downloads one.
const REPLAY_PART: u64 = 64 << 10;
/// Most bytes of a request's body.
const BODY_MAX: usize = 4096;
/// Most matches and replays of a list.
const LIST_MAX: usize = 200;

/// Who asks.
#[derive(Clone)]
struct Peer {
    address: IpAddr,
    /// The address that they came to.
    local: IpAddr,
    /// Kept for as long as the connection is there, as a WebSocket too.
    place: Arc<Place>,
}

/// A TCP connection that is counted as long as this is kept.
struct Place {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
    _visit: Visit,
}

impl Place {
    fn new(metrics: Arc<Metrics>, permit: OwnedSemaphorePermit, visit: Visit) -> Arc<Self> {
        metrics.tcp_connections.inc();
        Arc::new(Self { metrics, _permit: permit, _visit: visit })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.metrics.tcp_connections.dec();
    }
}

type Shared = State<Arc<Server>>;

/// What a WebSocket needs.
fn router(server: Arc<Server>) -> Router {
    let looks = Router::new()
        .route("/v1/matches", get(matches))
        .route("/v1/replays", get(replays))
        .route("/v1/replays/{id}", get(replay))
        .route_layer(from_fn_with_state(server.clone(), rated));
    Router::new()
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics))
        .route("/v1/guests", post(guests))
        .route("/v1/modes", get(modes))
        .route("/v1/maps/{id}", get(map))
        .route("/v1/play", get(play))
        .merge(looks)
        .fallback(files)
        .method_not_allowed_fallback(another_way)
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .layer(from_fn_with_state(server.clone(), guarded))
        .with_state(server)
}

/// Serves until the task is dropped. Connections that run go on.
pub(crate) async fn serve(server: Arc<Server>, listener: TcpListener) {
    let places = server.commons.settings.limits.connections.saturating_add(PAGE_CONNECTIONS);
    let places = Arc::new(Semaphore::new(places as usize));
    let router = router(server.clone());
    loop {
        let permit = places.clone().acquire_owned().await.expect("nobody closes the semaphore");
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of descriptors, most likely: the next try is worth something only when others have gone.
                tracing::warn!(%error, "a connection cannot be accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        match server.networks.visit(peer.ip(), Instant::now()) {
            Ok(visit) => {
                let place = Place::new(server.commons.metrics.clone(), permit, visit);
                serve_one(&server, router.clone(), stream, peer.ip(), place);
            }
            // Who has too many already is not worth an answer.
            Err(_) => _ = server.commons.metrics.tcp_refused.inc(),
        }
    }
}

fn serve_one(server: &Server, router: Router, stream: TcpStream, address: IpAddr, place: Arc<Place>) {
    let idle = server.commons.settings.limits.idle;
    let local = stream.local_addr().map_or(address, |local| local.ip()).to_canonical();
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "a connection gathers what it sends");
    }
    let stream = PatientStream::new(stream, TAKE_DEADLINE.min(idle));
    let peer = Peer { address, local, place };
    tokio::spawn(async move {
        let service = hyper::service::service_fn(move |mut request: Request<hyper::body::Incoming>| {
            request.extensions_mut().insert(peer.clone());
            router.clone().call(request)
        });
        let served = hyper::server::conn::http1::Builder::new()
            .timer(TokioTimer::new())
            // It runs between requests too.
            .header_read_timeout(HEAD_DEADLINE.min(idle))
            .max_headers(64)
            .max_buf_size(16 << 10)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        if let Err(error) = served.await {
            tracing::trace!(%error, "a connection ended");
        }
    });
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
    verdict("ok", server.condition().why_not_healthy())
}

async fn ready(State(server): Shared) -> Response {
    verdict("ready", server.condition().why_not_ready())
}

fn verdict(good: &str, reason: Option<String>) -> Response {
    match reason {
        None => (StatusCode::OK, format!("{good}\n")).into_response(),
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

async fn guests(
    State(server): Shared,
    Extension(peer): Extension<Peer>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let refuse = |status, refusal: Refusal| {
        server.commons.metrics.refused(refusal.code);
        refused(status, &refusal)
    };
    if let Err(code) = server.networks.arrive(peer.address, Instant::now()) {
        return refuse(StatusCode::TOO_MANY_REQUESTS, code.into());
    }
    let body = match body {
        Ok(body) => body,
        Err(rejection) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
            let refusal = Refusal::because(ErrorCode::TooLarge, &format!("a body has at most {BODY_MAX} bytes"));
            return refuse(StatusCode::PAYLOAD_TOO_LARGE, refusal);
        }
        Err(rejection) => {
            let refusal = Refusal::because(ErrorCode::Malformed, &rejection.body_text());
            return refuse(StatusCode::BAD_REQUEST, refusal);
        }
    };
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

async fn map(State(server): Shared, Path(id): Path<String>) -> Response {
    let modes = server.modes.clone();
    match tokio::task::spawn_blocking(move || modes.map_text(&id)).await {
        Ok(Some(text)) => ([(header::CONTENT_TYPE, "application/json")], text).into_response(),
        _ => refused(StatusCode::NOT_FOUND, &ErrorCode::NotFound.into()),
    }
}

/// Lists and replays are looked at so often and no more.
async fn rated(
    State(server): Shared,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
    next: Next,
) -> Response {
    match server.networks.look(peer.address, Instant::now()) {
        Ok(()) => next.run(request).await,
        Err(code) => {
            server.commons.metrics.refused(code);
            refused(StatusCode::TOO_MANY_REQUESTS, &code.into())
        }
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
    let opened = tokio::task::spawn_blocking(move || {
        let file = File::open(archive.replay_file(&id)?).ok()?;
        let length = file.metadata().ok()?.len();
        Some((file, length))
    });
    let Ok(Some((file, length))) = opened.await else {
        return refused(StatusCode::NOT_FOUND, &ErrorCode::NotFound.into());
    };
    let headers =
        [(header::CONTENT_TYPE, "application/octet-stream".to_owned()), (header::CONTENT_LENGTH, length.to_string())];
    (headers, Body::from_stream(try_unfold((file, length), read_part))).into_response()
}

/// The next part of a replay. What a recording has got since it was opened is left out.
async fn read_part((mut file, left): (File, u64)) -> io::Result<Option<(Bytes, (File, u64))>> {
    if left == 0 {
        return Ok(None);
    }
    // Taken here, where it is given back: there are many threads that may block, and each would keep some.
    let mut part = vec![0; left.min(REPLAY_PART) as usize];
    let read = tokio::task::spawn_blocking(move || {
        file.read_exact(&mut part)?;
        let left = left - part.len() as u64;
        Ok(Some((Bytes::from(part), (file, left))))
    });
    read.await.map_err(io::Error::other)?
}

async fn play(State(server): Shared, Extension(peer): Extension<Peer>, mut request: Request<Body>) -> Response {
    let headers = request.headers();
    let is_welcome = |origin: &&str| server.commons.settings.developer && is_of_this_machine(origin);
    if let Some(origin) = foreign_origin(headers).filter(|origin| !is_welcome(origin)) {
        tracing::debug!(origin, "a page of another server is not let in");
        return refused(
            StatusCode::FORBIDDEN,
            &Refusal::because(
                ErrorCode::TokenInvalid,
                "pages of other servers are not let in: open the page of this one",
            ),
        );
    }
    let may_be_one = request.version() == Version::HTTP_11 && request.method() == Method::GET;
    let accept = accept_key(headers).filter(|_| may_be_one);
    let Some(accept) = accept else { return no_websocket() };
    let admission = match server.networks.admit(peer.address, Instant::now()) {
        Ok(admission) => admission,
        Err(code) => {
            server.commons.metrics.refused(code);
            return refused(StatusCode::TOO_MANY_REQUESTS, &code.into());
        }
    };
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        match upgrade.await {
            Ok(upgraded) => hand_over(&server, upgraded, peer, admission),
            Err(error) => tracing::trace!(%error, "a WebSocket ended before it began"),
        }
    });
    let headers =
        [(header::CONNECTION, "upgrade"), (header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_ACCEPT, &accept)];
    (StatusCode::SWITCHING_PROTOCOLS, headers).into_response()
}

/// What answers a request for a WebSocket, if that is what it is (RFC 6455, section 4.2.1).
fn accept_key(headers: &HeaderMap) -> Option<String> {
    let names = |name: HeaderName, value: &str| {
        let mut tokens =
            headers.get_all(name).iter().filter_map(|given| given.to_str().ok()).flat_map(|s| s.split(','));
        tokens.any(|token| token.trim().eq_ignore_ascii_case(value))
    };
    let is_one = names(header::CONNECTION, "upgrade")
        && names(header::UPGRADE, "websocket")
        && names(header::SEC_WEBSOCKET_VERSION, "13");
    let key = headers.get(header::SEC_WEBSOCKET_KEY)?;
    is_one.then(|| derive_accept_key(key.as_bytes()))
}

fn no_websocket() -> Response {
    let refusal = Refusal::because(ErrorCode::Malformed, "/v1/play is a WebSocket (RFC 6455, version 13)");
    let mut answer = refused(StatusCode::BAD_REQUEST, &refusal);
    answer.headers_mut().insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}

/// From here on the connection is that of a thread of the WebSockets.
fn hand_over(server: &Server, upgraded: Upgraded, peer: Peer, admission: Admission) {
    let Ok(parts) = upgraded.downcast::<TokioIo<PatientStream>>() else {
        return tracing::error!("a WebSocket came by something that is no socket");
    };
    match parts.io.into_inner().into_inner().into_std() {
        Ok(stream) => {
            let place = Box::new((admission, peer.place));
            server.commons.pump.arrive(Arrival { stream, ahead: parts.read_buf, local: peer.local, place });
        }
        Err(error) => tracing::debug!(%error, "a WebSocket ended before it began"),
    }
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
    if uri.path().starts_with("/v1/") {
        return refused(StatusCode::NOT_FOUND, &ErrorCode::NotFound.into());
    }
    if method != Method::GET && method != Method::HEAD {
        let mut answer = another_way().await;
        answer.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET,HEAD"));
        return answer;
    }
    page::answer(uri.path(), &headers)
}

/// The header `allow` is put in by who knows what is.
async fn another_way() -> Response {
    refused(StatusCode::METHOD_NOT_ALLOWED, &ErrorCode::MethodNotAllowed.into())
}

#[cfg(test)]
mod tests {
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
