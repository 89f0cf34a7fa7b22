//! What people see: plain pages, made on the server, readable on a phone, without a script or anything from elsewhere.
//!
//! A page is a view (a struct with texts ready to show, made by a pure function) and a template that escapes them all.
//! The only thing that a template takes as markup is what `markdown` made, and the style sheet.

mod board;
mod progress;
mod report;
mod words;

use std::net::SocketAddr;
use std::sync::LazyLock;

use askama::Template;
use axum::Router;
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use goodstead_page::COLOURS;
use serde::Deserialize;

use crate::{Desk, Error, intake};

/// The style sheet, which stands in every page.
pub(crate) static STYLE: LazyLock<String> =
    LazyLock::new(|| format!("{COLOURS}{}", include_str!("../../templates/style.css")));

/// The addresses of the pages, which need a login when the desk has any.
pub(crate) fn routes(desk: &Desk) -> Router<Desk> {
    Router::new()
        .route("/", get(show_board))
        .route("/reports/{id}", get(show_report))
        .route_layer(from_fn_with_state(desk.clone(), need_login))
}

async fn need_login(State(desk): State<Desk>, request: Request, next: Next) -> Result<Response, PageError> {
    if let Some(logins) = &desk.logins {
        let header = request.headers().get(header::AUTHORIZATION).and_then(|header| header.to_str().ok());
        let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|from| from.0.ip());
        if !logins.admit(header, address).await? {
            return Err(Error::Login.into());
        }
    }
    Ok(next.run(request).await)
}

/// Which part of a page is asked for.
#[derive(Deserialize)]
struct Part {
    page: Option<u32>,
}

impl Part {
    /// Counted from 1.
    fn number(asked: Result<Query<Part>, QueryRejection>) -> Result<u32, Error> {
        let unclear =
            |_| Error::Request(StatusCode::BAD_REQUEST, "A page has a number, counted from 1.".to_owned());
        Ok(asked.map_err(unclear)?.page.unwrap_or(1).max(1))
    }
}

/// Where the neighbours of a part are.
#[derive(Debug, Default, PartialEq)]
struct Neighbours {
    page: u32,
    pages: u32,
    before: Option<u32>,
    after: Option<u32>,
}

impl Neighbours {
    /// Of part `page` of `number` things, `each` a part.
    fn new(page: u32, number: usize, each: u32) -> Neighbours {
        let pages = u32::try_from(number).unwrap_or(u32::MAX).div_ceil(each).max(1);
        Neighbours {
            page,
            pages,
            before: (page > 1).then(|| (page - 1).min(pages)),
            after: (page < pages).then(|| page + 1),
        }
    }
}

async fn show_board(
    State(desk): State<Desk>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Html<String>, PageError> {
    let now = crate::now();
    let part = desk.store.board(Part::number(part)?, now).await?;
    Ok(Html(board::Board::new(part, now).render()?))
}

/// The page of a report, or with `.json` behind its id the bytes as they came.
async fn show_report(
    State(desk): State<Desk>,
    Path(name): Path<String>,
    part: Result<Query<Part>, QueryRejection>,
) -> Result<Response, PageError> {
    let part = Part::number(part)?;
    let id = name.strip_suffix(".json");
    let kept = match id.unwrap_or(&name) {
        id if intake::is_id(id) => desk.store.report(id).await?,
        _ => return Err(Error::NotFound.into()),
    };
    if id.is_some() {
        return Ok(([(header::CONTENT_TYPE, "application/json")], kept.body).into_response());
    }
    let page = report::Page::new(&kept, part, crate::now()).map_err(|why| Error::Kept { id: name, why })?;
    Ok(Html(page.render()?).into_response())
}

/// An error, told as a page.
pub(crate) struct PageError(pub(crate) Error);

impl<E: Into<Error>> From<E> for PageError {
    fn from(error: E) -> Self {
        PageError(error.into())
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct Problem {
    status: u16,
    title: &'static str,
    text: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        self.0.log();
        let status = self.0.status();
        let title = status.canonical_reason().unwrap_or("Problem");
        let problem = Problem { status: status.as_u16(), title, text: self.0.public() };
        let mut answer = match problem.render() {
            Ok(page) => (status, Html(page)).into_response(),
            Err(error) => {
                tracing::error!("{error}");
                (status, problem.text).into_response()
            }
        };
        if let Some(seconds) = self.0.retry() {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        if matches!(self.0, Error::Login) {
            let basic = HeaderValue::from_static("Basic realm=\"Goodstead desk\", charset=\"UTF-8\"");
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, basic);
        }
        answer
    }
}
