//! The router, and what is true of every answer: a known host was asked, it came in time, and a browser is told to
//! run and fetch nothing.

use std::sync::LazyLock;
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use crate::api::{self, ApiError};
use crate::pages::{self, PageError};
use crate::{Desk, Error};

/// How long one request may take, its body included: the largest report at 1 Mbit/s takes 67 seconds.
const TIME: Duration = Duration::from_secs(120);

/// Below this every refusal is JSON, elsewhere it is a page.
const API: &str = "/api/v1";

/// Everything that `desk` answers.
pub fn router(desk: Desk) -> Router {
    Router::new()
        .route("/health", get(health))
        .nest(API, api::routes())
        .merge(pages::routes(&desk))
        .fallback(async |uri: Uri| refuse(&uri, Error::NotFound))
        .method_not_allowed_fallback(async |uri: Uri| refuse(&uri, not_that_way()))
        .layer(from_fn(in_time))
        .layer(from_fn_with_state(desk.clone(), known_host))
        .layer(from_fn(guarded))
        .with_state(desk)
}

/// 200 only when something was written and read back just now, otherwise 503 with the reason.
async fn health(State(desk): State<Desk>) -> (StatusCode, String) {
    match desk.store.probe().await {
        Ok(()) => (StatusCode::OK, "ok".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, why),
    }
}

fn refuse(uri: &Uri, error: Error) -> Response {
    if uri.path().starts_with(API) {
        ApiError(error).into_response()
    } else {
        PageError(error).into_response()
    }
}

fn not_that_way() -> Error {
    Error::Request(StatusCode::METHOD_NOT_ALLOWED, "This address does not take that method.".into())
}

async fn in_time(request: Request, next: Next) -> Response {
    let uri = request.uri().clone();
    let answer = tokio::time::timeout(TIME, next.run(request)).await;
    answer.unwrap_or_else(|_| refuse(&uri, Error::TimedOut))
}

async fn known_host(State(desk): State<Desk>, request: Request, next: Next) -> Response {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    // A request line with a whole address overrules the header.
    let host = request.uri().authority().map(|authority| authority.host()).or(header);
    if desk.hosts.allow(host) { next.run(request).await } else { refuse(request.uri(), Error::ForeignHost) }
}

/// Nothing is loaded, run, framed or sent anywhere; the only style is the one whose hash is here.
static POLICY: LazyLock<Option<HeaderValue>> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(pages::STYLE.as_str()));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    HeaderValue::try_from(policy).ok()
});

async fn guarded(request: Request, next: Next) -> Response {
    let mut answer = next.run(request).await;
    let headers = answer.headers_mut();
    if let Some(policy) = POLICY.as_ref() {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy.clone());
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    // What customers reported does not belong into anybody's cache.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}
