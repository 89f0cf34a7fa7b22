//! Values out of a row of text.

use goodstead_plugin::{Cause, CauseKind};

use crate::session::Row;

/// Why a column that has to be there is not.
pub(crate) fn missing() -> Cause {
    Cause::new(CauseKind::NotAvailable, "the server did not say")
}

/// The text in a column; `None` if it is NULL or no UTF-8.
pub(crate) fn text<'a>(row: &'a Row, column: &str) -> Option<&'a str> {
    row.get(column).map(String::as_str)
}

/// The whole number in a column.
pub(crate) fn int(row: &Row, column: &str) -> Option<i64> {
    text(row, column)?.parse().ok()
}

/// The switch in a column.
pub(crate) fn switch(row: &Row, column: &str) -> Option<bool> {
    match text(row, column)? {
        "t" => Some(true),
        "f" => Some(false),
        _ => None,
    }
}
