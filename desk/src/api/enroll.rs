//! `POST /api/v1/enroll`: a token becomes a node.

use std::net::SocketAddr;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, FromRequest, Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::ApiError;
use crate::{Desk, Error};

/// How long the few bytes of an enrolment may take.
const TIME: Duration = Duration::from_secs(10);

#[derive(Deserialize)]
struct Enrolment {
    token: String,
    host: String,
}

pub(super) async fn enroll(State(desk): State<Desk>, request: Request) -> Result<Json<Value>, ApiError> {
    // Whoever enrols has not proven anything yet, so few may and none for long.
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
    let _room = desk.in_flight.enrol(address)?;
    let enrolment = timeout(TIME, Json::from_request(request, &())).await.map_err(|_| Error::TimedOut)?;
    let Json(Enrolment { token, host }) = enrolment.map_err(|rejection: JsonRejection| {
        Error::Request(rejection.status(), "Enrolment needs JSON with the texts `token` and `host`.".into())
    })?;
    if host.trim().is_empty() {
        return Err(Error::Request(StatusCode::BAD_REQUEST, "The host's name is empty.".into()).into());
    }
    let enrolled = desk.store.enroll(&token, host.trim(), crate::now()).await?;
    tracing::info!(node = %enrolled.node, "enrolled");
    Ok(Json(json!({ "node": enrolled.node, "credential": enrolled.credential })))
}
