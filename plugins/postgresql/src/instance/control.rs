//! Which cluster this is.

use goodstead_plugin::{UnknownOr, facts};

use super::{Facts, Topic};
use crate::row::{int, missing, text};

/// From the control file; the identifier is the same on a primary and its standbys.
pub(super) const CONTROL: Topic = Topic {
    names: &["control"],
    monitor: false,
    query: |_| {
        Some(
            "SELECT (SELECT system_identifier FROM pg_control_system()) AS system_identifier,
               (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline"
                .to_owned(),
        )
    },
    facts: |rows| {
        let row = rows.first();
        let control = facts! {
            "system_identifier" => row.and_then(|row| text(row, "system_identifier")).ok_or_else(missing).or_unknown(),
            "timeline" => row.and_then(|row| int(row, "timeline")).ok_or_else(missing).or_unknown(),
        };
        Facts::from([("control".to_owned(), control)])
    },
};
