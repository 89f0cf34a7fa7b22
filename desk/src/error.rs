//! What can go wrong, with two texts: the public one for whoever asked, the internal one (`Display`) for the log.
//!
//! What a client can mend is told to it in full; what only the desk's operator can mend is told as "went wrong here".

use std::path::PathBuf;

use axum::http::StatusCode;

/// Why something was refused, or failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database could not be read or written.
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    /// What was committed was not found by another connection.
    #[error("database: what was committed cannot be read back")]
    NotKept,
    /// The database belongs to a newer release.
    #[error(
        "the database has schema {found} and this release knows up to {known}; use a newer goodstead-desk"
    )]
    NewerDatabase {
        /// What the file says.
        found: i64,
        /// What this release knows.
        known: i64,
    },
    /// A file could not be read or written.
    #[error("cannot use {}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A login file, certificate, key or password that cannot be used.
    #[error("{0}")]
    Unusable(String),
    /// Listening there would let strangers in.
    #[error("{0}")]
    Exposed(String),
    /// The socket could not be opened.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: std::net::SocketAddr,
        /// Why.
        source: std::io::Error,
    },
    /// The operating system gave no random bytes.
    #[error("no random bytes: {0}")]
    Random(getrandom::Error),
    /// A page could not be written.
    #[error("page: {0}")]
    Page(#[from] askama::Error),
    /// A piece of work was lost.
    #[error("lost work: {0}")]
    Work(#[from] tokio::task::JoinError),
    /// A report that was accepted once cannot be read any more.
    #[error("the kept report {id} cannot be read: {why}")]
    Kept {
        /// Which.
        id: String,
        /// Why.
        why: String,
    },
    /// The enrolment token is unknown, used or expired. Which of them is not said.
    #[error("enrolment token refused")]
    Token,
    /// The node's credential is missing or wrong, or the node was removed.
    #[error("node credential refused")]
    Credential,
    /// The user's name or password is missing or wrong.
    #[error("login refused")]
    Login,
    /// The request names another host than this desk.
    #[error("request for a foreign host refused")]
    ForeignHost,
    /// What came is no report; the text says what is wrong with it and holds no value of it.
    #[error("not a report: {0}")]
    NotAReport(String),
    /// The report was written by a newer agent.
    #[error("report of schema {0}")]
    NewerReport(u64),
    /// The same id came with another content, or from another node.
    #[error("report {0} exists with another content")]
    Conflict(String),
    /// The request cannot be used as it is: its status and its public text.
    #[error("request refused: {1}")]
    Request(StatusCode, String),
    /// A sender or reader asks for more than its share.
    #[error("over a limit: {text}")]
    TooMuch {
        /// Which limit, for whoever asked.
        text: String,
        /// After how many seconds it is worth trying again.
        retry: u64,
    },
    /// There is nothing of that name.
    #[error("not found")]
    NotFound,
    /// It took too long.
    #[error("request timed out")]
    TimedOut,
}

impl Error {
    /// The HTTP status that tells it.
    pub fn status(&self) -> StatusCode {
        match self {
            Error::Token => StatusCode::FORBIDDEN,
            Error::Credential | Error::Login => StatusCode::UNAUTHORIZED,
            Error::ForeignHost => StatusCode::MISDIRECTED_REQUEST,
            Error::NotAReport(_) | Error::NewerReport(_) => StatusCode::BAD_REQUEST,
            Error::Conflict(_) => StatusCode::CONFLICT,
            Error::Request(status, _) => *status,
            Error::NotFound => StatusCode::NOT_FOUND,
            Error::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Error::TooMuch { .. } => StatusCode::TOO_MANY_REQUESTS,
            Error::Database(_) | Error::NotKept => StatusCode::SERVICE_UNAVAILABLE,
            Error::NewerDatabase { .. }
            | Error::File { .. }
            | Error::Unusable(_)
            | Error::Exposed(_)
            | Error::Listen { .. }
            | Error::Random(_)
            | Error::Page(_)
            | Error::Work(_)
            | Error::Kept { .. } => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What whoever asked may read: one or two sentences that say what to do next.
    pub fn public(&self) -> String {
        match self {
            Error::Token => {
                "This enrolment token is unknown, used or expired. Ask your support for a new one.".into()
            }
            Error::Credential => {
                "This node's credential is not accepted. Enrol again with a new token from your support.".into()
            }
            Error::Login => "A name and a password are needed.".into(),
            Error::ForeignHost => {
                "This desk does not answer under that host name. Use the address that it printed at its start."
                    .into()
            }
            Error::NotAReport(what) => format!("This is not a report: {what}."),
            Error::NewerReport(found) => format!(
                "The report has schema {found}; this desk knows up to {}. The desk needs an upgrade.",
                goodstead_model::SCHEMA
            ),
            Error::Conflict(id) => format!("A report {id} with another content is here already."),
            Error::Request(_, text) => text.clone(),
            Error::NotFound => "There is nothing here.".into(),
            Error::TimedOut => "The request took too long.".into(),
            Error::TooMuch { text, .. } => text.clone(),
            Error::Database(error) => format!(
                "The desk's database cannot be used at the moment: {}. Try again later; the desk's log says more.",
                database_trouble(error)
            ),
            Error::NotKept => {
                "The desk could not store this. Try again later; the desk's log says more.".into()
            }
            _ => "Something went wrong at the desk. Its log says what.".into(),
        }
    }

    /// Whether the database failed, so that nobody knows what it did.
    pub(crate) fn is_of_the_database(&self) -> bool {
        matches!(self, Error::Database(_) | Error::NotKept)
    }

    /// After how many seconds it is worth trying again, where that is known.
    pub(crate) fn retry(&self) -> Option<u64> {
        match self {
            Error::TooMuch { retry, .. } => Some(*retry),
            _ => None,
        }
    }

    /// Writes the internal text to the log, when it is the desk's own fault.
    pub(crate) fn log(&self) {
        if self.status().is_server_error() {
            tracing::error!("{self}");
        } else {
            tracing::debug!("{self}");
        }
    }
}

/// The kind of trouble in words that name no file and no statement. The low byte of SQLite's code is the kind.
fn database_trouble(error: &sqlx::Error) -> &'static str {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    match code.and_then(|code| code.parse::<u32>().ok()).map(|code| code & 0xff) {
        Some(5 | 6) => "another process is writing to it",
        Some(7) => "there is not enough memory",
        Some(8) => "it is read-only",
        Some(10) => "the disk reports an error",
        Some(11 | 26) => "it is damaged",
        Some(13) => "the disk is full",
        Some(14) => "it cannot be opened",
        _ => "it does not answer",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_the_operator_can_mend_is_not_told_to_strangers() {
        let error =
            Error::File { path: "/secret/place".into(), source: std::io::Error::other("disk on fire") };
        assert_eq!(error.to_string(), "cannot use /secret/place: disk on fire");
        assert_eq!(error.public(), "Something went wrong at the desk. Its log says what.");
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
