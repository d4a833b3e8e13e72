//! What gateways reach: one idempotent question, the keys that sign the answers, and the audit.
//!
//! No caller is authenticated here: whoever reaches this address can ask (never approve), so only gateways
//! may, by network or by a proxy with client certificates.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::binding::{Asked, Unfit};
use crate::service::Service;
use crate::store::{Answer, Trouble};

/// Arguments of 64 KiB, what the gateway admits, written with escapes.
const MAX_BODY: usize = 512 << 10;

pub(crate) fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/v1/requests/{digest}", put(ask))
        .route("/jwks", get(keys))
        .route("/audit", get(audit))
        .route("/healthz", get(healthy))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(service)
}

async fn ask(
    State(service): State<Arc<Service>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !is_json(&headers) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, "the body must be application/json");
    }
    let asked = match Asked::read(&digest, &body) {
        Ok(asked) => asked,
        Err(Unfit::Malformed(why)) => return refused(StatusCode::BAD_REQUEST, &why),
        Err(Unfit::OtherDigest) => {
            let why = "the digest in the path is not that of `binding`";
            return refused(StatusCode::UNPROCESSABLE_ENTITY, why);
        }
    };
    if !service.config.gateways.contains(&asked.binding.gateway) {
        return refused(StatusCode::FORBIDDEN, "this gateway is not in `gateways`");
    }
    match service.stored(move |service| service.store.ask(&asked, service.now())).await {
        Ok(answer) => answer.into_response(),
        Err(trouble) => failed(&trouble),
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let (status, body) = match self {
            Self::Pending(ticket) => {
                (StatusCode::ACCEPTED, json!({ "status": "pending", "ticket": ticket }))
            }
            Self::Approved(approval) => {
                (StatusCode::OK, json!({ "status": "approved", "approval": approval }))
            }
            Self::Used => (StatusCode::OK, json!({ "status": "used" })),
            Self::Denied => (StatusCode::OK, json!({ "status": "denied" })),
            Self::TooMany => {
                let body = json!({ "status": "too_many" });
                return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, "60")], Json(body))
                    .into_response();
            }
        };
        (status, [(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let essence = value.and_then(|value| value.split(';').next()).unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// A gateway may keep them for five minutes.
async fn keys(State(service): State<Arc<Service>>) -> Response {
    let headers = [
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::CONTENT_TYPE, "application/jwk-set+json"),
    ];
    (headers, service.signer.key_set().to_string()).into_response()
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    after: i64,
    #[serde(default = "most")]
    limit: u32,
}

fn most() -> u32 {
    1_000
}

/// JSON lines; the next page begins after the last line's `seq`.
async fn audit(State(service): State<Arc<Service>>, Query(page): Query<Page>) -> Response {
    let lines = service.stored(move |s| s.store.audit(page.after, page.limit)).await;
    match lines {
        Ok(lines) => {
            let body: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            let headers = [
                (header::CONTENT_TYPE, "application/x-ndjson"),
                (header::CACHE_CONTROL, "no-store"),
            ];
            (headers, body).into_response()
        }
        Err(trouble) => failed(&trouble),
    }
}

/// Whether the database answers.
async fn healthy(State(service): State<Arc<Service>>) -> Response {
    match service.stored(|service| service.store.audit(i64::MAX, 1)).await {
        Ok(_) => "ok\n".into_response(),
        Err(trouble) => failed(&trouble),
    }
}

fn refused(status: StatusCode, why: &str) -> Response {
    let body = json!({ "title": "Not a question", "status": status.as_u16(), "detail": why });
    problem(status, &body)
}

/// The operator reads why; the caller does not.
fn failed(trouble: &Trouble) -> Response {
    eprintln!("approvals: {trouble}");
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    problem(status, &json!({ "title": "Out of order", "status": status.as_u16() }))
}

/// RFC 9457.
fn problem(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
