//! `goodstead report diff A B`: what came, what went and what changed.

use goodstead_model::Diff;

use super::find::{find, last_but_one};
use crate::args::Format;
use crate::commands::{Exit, Outcome};
use crate::installation::Installation;
use crate::render::{diff, json, output, page};

/// Runs the command.
pub(super) fn run(before: Option<&str>, after: &str, format: Format, installation: &Installation) -> Outcome {
    let before = match before {
        Some(named) => find(Some(named), installation)?,
        None => last_but_one(installation)?,
    };
    let after = find(Some(after), installation)?;
    let found = Diff::between(&before, &after);
    let text = match format {
        Format::Json => json::pretty(&found),
        Format::Text => diff::text(&found, page::width()),
    };
    output::write(&text, None)?;
    Ok(Exit::Fine)
}
