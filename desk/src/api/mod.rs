//! The API that agents speak, version 1. `API.md` beside the crate is its contract; every refusal is `{"error": "…"}`.

mod enroll;
mod node;
mod reports;

use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use axum::{Json, Router};
use serde_json::json;

use crate::{Desk, Error, intake};

/// The largest request that is no report, in bytes.
const SMALL: usize = 64 * 1024;

/// The addresses below `/api/v1`.
pub(crate) fn routes() -> Router<Desk> {
    Router::new()
        .route("/enroll", post(enroll::enroll).layer(DefaultBodyLimit::max(SMALL)))
        .route("/reports", post(reports::receive).layer(DefaultBodyLimit::max(intake::LIMIT)))
        .route("/node", delete(node::remove))
}

/// An error, told as JSON.
pub(crate) struct ApiError(pub(crate) Error);

impl<E: Into<Error>> From<E> for ApiError {
    fn from(error: E) -> Self {
        ApiError(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        self.0.log();
        let mut answer = (self.0.status(), Json(json!({ "error": self.0.public() }))).into_response();
        if let Some(seconds) = self.0.retry() {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self.0, Error::Credential) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        answer
    }
}
