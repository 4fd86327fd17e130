//! The admin endpoint: metrics, health, readiness and drain, over plain HTTP on its own listener.
//!
//! It shows no client's address or name and changes nothing but the drain, which is why it must be kept from the public:
//! the default is a loopback address.

mod patience;

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
    routing::{get, post},
};

use self::patience::Patience;
use crate::{metrics, supervisor::Relay};

/// Serves the endpoint until the process ends.
pub(crate) async fn serve(listener: tokio::net::TcpListener, relay: Arc<Relay>) -> std::io::Result<()> {
    let router = Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics_text))
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/drain", post(drain))
        .with_state(relay);
    axum::serve(Patience::new(listener), router).await
}

async fn index() -> &'static str {
    "muster-relay\n\nGET  /metrics   Prometheus text\nGET  /healthz   200 while no worker has stopped\nGET  /readyz    200 while \
     new allocations are made, 503 while draining\nPOST /drain     make no new allocations, end when the last one has\n"
}

async fn metrics_text(State(relay): State<Arc<Relay>>) -> impl IntoResponse {
    let content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, content_type)], metrics::render(&relay))
}

async fn healthz(State(relay): State<Arc<Relay>>) -> impl IntoResponse {
    let stopped = relay.stopped_workers();
    if stopped == 0 {
        (StatusCode::OK, "ok\n".to_owned())
    } else {
        (StatusCode::INTERNAL_SERVER_ERROR, format!("{stopped} workers have stopped\n"))
    }
}

async fn readyz(State(relay): State<Arc<Relay>>) -> impl IntoResponse {
    if relay.draining() {
        (StatusCode::SERVICE_UNAVAILABLE, format!("draining, {} allocations left\n", relay.live_allocations()))
    } else {
        (StatusCode::OK, "ready\n".to_owned())
    }
}

async fn drain(State(relay): State<Arc<Relay>>, headers: HeaderMap) -> impl IntoResponse {
    // A browser says where a page comes from; no page may end the relay of the machine that it is looked at on.
    if headers.contains_key(header::ORIGIN) {
        return (StatusCode::FORBIDDEN, "not from a page\n".to_owned());
    }
    relay.drain();
    (StatusCode::ACCEPTED, format!("draining, {} allocations left\n", relay.live_allocations()))
}
