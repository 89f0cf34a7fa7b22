//! Everything that is wrong with a document at once, where reading it into a type stops at the first mistake: what is
//! wrong is noted, taken out of the way, and reading begins again.

use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::Spanned;
use toml::de::{DeTable, DeValue, Deserializer};

use super::{Document, unknown_name};
use crate::diagnostic::{Diagnostic, Place, nearest};

/// The most mistakes that are looked for in one document.
const MAX_MISTAKES: usize = 50;

/// How a mistake is taken out of the way.
enum Repair {
    /// The unknown key is left out.
    LeaveOut,
    /// In place of the unknown word stands one that is known.
    Word(String),
}

impl Document {
    /// All mistakes in the order of the document, of which one is known, and the value without them, if there is one.
    pub(super) fn every_mistake<T: DeserializeOwned>(
        &self,
        first: toml::de::Error,
    ) -> (Option<T>, Vec<Diagnostic>) {
        let (value, mut found) = self.repaired(first);
        found.sort_by_key(|found| found.place.as_ref().and_then(Place::line_column));
        (value, found)
    }

    fn repaired<T: DeserializeOwned>(&self, first: toml::de::Error) -> (Option<T>, Vec<Diagnostic>) {
        let (mut found, mut repairs) = (Vec::new(), Vec::new());
        let mut error = first;
        loop {
            let meant_key =
                missing_key(error.message()).is_some_and(|missing| left_out(&repairs, self, missing));
            if !meant_key {
                found.push(self.diagnose(&error));
            }
            let Some(repair) = repair(&error).filter(|_| found.len() < MAX_MISTAKES) else {
                return (None, found);
            };
            repairs.push(repair);
            let Ok(mut table) = DeTable::parse(&self.source) else { return (None, found) };
            if !repairs.iter().all(|(span, repair)| apply(table.get_mut(), span, repair)) {
                return (None, found);
            }
            match T::deserialize(Deserializer::from(table)) {
                Ok(value) => return (Some(value), found),
                Err(next) => error = next,
            }
        }
    }
}

/// Where something has to be taken out of the way, and how; `None` where only its author knows.
fn repair(error: &toml::de::Error) -> Option<(Range<usize>, Repair)> {
    let (_, known) = unknown_name(error.message())?;
    let span = error.span()?;
    if error.message().starts_with("unknown field") {
        return Some((span, Repair::LeaveOut));
    }
    Some((span, Repair::Word((*known.first()?).to_owned())))
}

/// The key whose absence is the mistake.
fn missing_key(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.split('`').next()
}

/// Whether a key that was left out was most likely this one, misspelt: that is said already.
fn left_out(repairs: &[(Range<usize>, Repair)], document: &Document, missing: &str) -> bool {
    repairs.iter().any(|(span, repair)| {
        let wrong = document.source.get(span.clone()).unwrap_or_default();
        matches!(repair, Repair::LeaveOut) && nearest(wrong, [missing]).is_some()
    })
}

/// Whether the repair could be made somewhere in the table.
fn apply(table: &mut DeTable<'_>, span: &Range<usize>, repair: &Repair) -> bool {
    if matches!(repair, Repair::LeaveOut) {
        let wrong = table.keys().find(|key| key.span() == *span).map(|key| key.get_ref().to_string());
        if let Some(wrong) = wrong {
            return table.remove(wrong.as_str()).is_some();
        }
    }
    table.iter_mut().any(|(_, value)| apply_in(value, span, repair))
}

fn apply_in(value: &mut Spanned<DeValue<'_>>, span: &Range<usize>, repair: &Repair) -> bool {
    if let Repair::Word(word) = repair
        && value.span() == *span
        && value.get_ref().is_str()
    {
        *value.get_mut() = DeValue::String(word.clone().into());
        return true;
    }
    match value.get_mut() {
        DeValue::Table(table) => apply(table, span, repair),
        DeValue::Array(array) => array.iter_mut().any(|value| apply_in(value, span, repair)),
        _ => false,
    }
}
