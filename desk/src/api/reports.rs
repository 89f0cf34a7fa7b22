//! `POST /api/v1/reports`: takes a report once.
//!
//! The answer is the receipt: it is given after the report is on disk and was read back, never before. It names the id
//! and the hash of the bytes, so that a sender can see that they are its own.

use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use super::ApiError;
use super::node::Node;
use crate::store::Accepted;
use crate::{Desk, Error, intake};

pub(super) async fn receive(
    State(desk): State<Desk>,
    node: Node,
    request: Request,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    if !is_json(request.headers()) {
        let public = "A report comes as application/json.".into();
        return Err(Error::Request(StatusCode::UNSUPPORTED_MEDIA_TYPE, public).into());
    }
    // Room for the body is taken before the first byte of it, and given back with the answer.
    let _room = desk.in_flight.enter(&node.id, &node.customer, announced(request.headers())?)?;
    let body = Bytes::from_request(request, &()).await.map_err(broken_off)?;
    let received = intake::read(&body)?;
    let (id, hash) = (received.report.id.clone(), received.hash.clone());
    let (bytes, now) = (body.len(), crate::now());
    Ok(match desk.store.accept(&node.id, received, body, desk.limits.daily, now).await? {
        Accepted::New => {
            tracing::info!(node = %node.id, report = %id, bytes, "accepted");
            (StatusCode::CREATED, Json(json!({ "accepted": id, "sha256": hash })))
        }
        Accepted::Duplicate => {
            (StatusCode::OK, Json(json!({ "accepted": id, "sha256": hash, "duplicate": true })))
        }
    })
}

/// The size that the request announces; one that announces none may be as large as any.
fn announced(headers: &HeaderMap) -> Result<usize, Error> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    match length.map_or(Ok(intake::LIMIT), str::parse) {
        Ok(length) if length <= intake::LIMIT => Ok(length),
        _ => Err(too_large()),
    }
}

fn broken_off(rejection: BytesRejection) -> Error {
    match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_large(),
        status => Error::Request(status, "The report broke off.".into()),
    }
}

fn too_large() -> Error {
    let public = format!("A report has at most {} MiB.", intake::LIMIT / 1024 / 1024);
    Error::Request(StatusCode::PAYLOAD_TOO_LARGE, public)
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}
