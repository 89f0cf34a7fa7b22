//! `entitlement.toml`: what this customer licensed, as the vendor signed it.
//!
//! Whatever is wrong with it is said, with what to do, and costs adoption only: no check, no exit code. Nothing of it
//! is read before its signature was verified.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_model::Entitlement;
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use goodstead_protocol::document::Document;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use crate::files::{FileError, Links, read_sound};
use crate::installation::Installation;
use crate::packs::Packs;
use crate::trust::Trust;

/// Thousands of capabilities.
const MAX_FILE: u64 = 256 << 10;

/// How every complaint begins.
const NOT_COUNTED: &str = "adoption is not judged: ";

/// The file as it stands there.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    customer: Spanned<String>,
    deployment: Spanned<String>,
    valid_until: Spanned<Datetime>,
    #[serde(default)]
    capability: BTreeMap<String, RawLicence>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLicence {
    quantity: Option<Spanned<u32>>,
}

/// The entitlement that counts at `time` (RFC 3339 in UTC); `None` where there is no file.
///
/// # Errors
/// Why the one that is there does not count.
pub(crate) fn read(
    installation: &Installation,
    trust: &Trust,
    time: &str,
) -> Result<Option<Entitlement>, Diagnostic> {
    let path = installation.entitlement();
    let file = path.display().to_string();
    let told = |code, reason: String| {
        Diagnostic::warning(code, format!("{NOT_COUNTED}{reason}")).at(Place::file(file.clone()))
    };
    let bytes = match read_sound(&path, MAX_FILE, Links::Refused) {
        Ok(bytes) => bytes,
        Err(FileError::Missing) => return Ok(None),
        Err(error) => {
            let found = told("entitlement-unreadable", format!("the entitlement cannot be read: {error}"));
            return Err(found.help("check the file's owner and mode"));
        }
    };
    let key = trust.entitlement(&installation.entitlement_signature(), &bytes).map_err(|refusal| {
        told("entitlement-refused", format!("the entitlement does not count: {}", refusal.reason))
            .help(refusal.remedy)
    })?;
    let document = Document::from_bytes(file.clone(), bytes).map_err(as_warning)?;
    let entitlement = validated(&document, key).map_err(as_warning)?;
    // Both are dates of four, two and two digits, which compare as texts do.
    if time.get(..10).is_none_or(|today| today > entitlement.valid_until.as_str()) {
        let found = told(
            "entitlement-expired",
            format!("the entitlement was valid until {}", entitlement.valid_until),
        );
        return Err(found.help("ask the vendor for a new one; every check goes on without it"));
    }
    Ok(Some(entitlement))
}

/// What is wrong with the file is the vendor's doing, and stops nothing.
fn as_warning(found: Diagnostic) -> Diagnostic {
    let message = format!("{NOT_COUNTED}the entitlement cannot be used: {}", found.message);
    let help = found.help.unwrap_or_else(|| "ask the vendor for one that can be read".to_owned());
    Diagnostic { place: found.place, ..Diagnostic::warning(found.code, message) }.help(help)
}

fn validated(document: &Document, key: String) -> Result<Entitlement, Diagnostic> {
    let raw: Raw = document.parse()?;
    let wrong = |code, message: &str, at: std::ops::Range<usize>, help: &str| {
        Diagnostic::error(code, message).at(document.place(at)).help(help)
    };
    for (text, name) in [(&raw.customer, "customer"), (&raw.deployment, "deployment")] {
        if text.get_ref().trim().is_empty() || text.get_ref().contains(char::is_control) {
            let message = format!("`{name}` must be a name");
            return Err(wrong("bad-name", &message, text.span(), "a line of text that is not empty"));
        }
    }
    let Datetime { date: Some(date), time: None, offset: None } = raw.valid_until.get_ref() else {
        let help = "a date without a time and without quotes: valid_until = 2027-12-31";
        return Err(wrong("bad-date", "`valid_until` must be a day", raw.valid_until.span(), help));
    };
    let mut licensed = BTreeMap::new();
    for (id, licence) in raw.capability {
        let quantity = match &licence.quantity {
            Some(quantity) if *quantity.get_ref() == 0 => {
                let message = "a quantity must be 1 or more";
                let help = "leave the capability out if it is not licensed";
                return Err(wrong("bad-quantity", message, quantity.span(), help));
            }
            quantity => quantity.as_ref().map_or(1, |quantity| *quantity.get_ref()),
        };
        licensed.insert(id, quantity);
    }
    Ok(Entitlement {
        customer: raw.customer.into_inner(),
        deployment: raw.deployment.into_inner(),
        valid_until: date.to_string(),
        key,
        licensed,
    })
}

/// What it names that no pack here knows; of the plugins that are `left_out` nothing is known.
pub(crate) fn unknown_capabilities(
    entitlement: &Entitlement,
    packs: &Packs,
    left_out: &BTreeSet<&str>,
    installation: &Installation,
) -> Vec<Diagnostic> {
    let capabilities = packs.usable.iter().flat_map(|pack| &pack.capabilities);
    let known: BTreeSet<&str> = capabilities.map(|one| one.head.id.as_str()).collect();
    let is_left_out = |id: &str| left_out.contains(id.split('.').next().unwrap_or_default());
    let unknown = entitlement.licensed.keys().filter(|id| !known.contains(id.as_str()) && !is_left_out(id));
    let warn = |id: &String| {
        let id = id.replace(char::is_control, "\u{fffd}");
        let message = format!("`{id}` is licensed, and no pack here knows it, so it is not judged");
        let help = did_you_mean(&id, known.iter().copied()).unwrap_or_else(|| {
            "a newer release may know it; `goodstead checks list` shows what this one does".to_owned()
        });
        Diagnostic::warning("unknown-capability", message)
            .at(Place::file(installation.entitlement().display().to_string()))
            .help(help)
    };
    unknown.map(warn).collect()
}

/// What is said when nothing that was inspected belongs to its deployment, whose names are `here`.
pub(crate) fn other_deployment(
    entitlement: &Entitlement,
    here: &BTreeSet<&str>,
    installation: &Installation,
) -> Option<Diagnostic> {
    let wanted = entitlement.deployment.as_str();
    if here.contains(wanted) {
        return None;
    }
    let names = here.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let message = format!(
        "{NOT_COUNTED}the entitlement is for the deployment `{wanted}`, and what was inspected belongs to {names}"
    );
    let found = Diagnostic::warning("entitlement-elsewhere", message)
        .at(Place::file(installation.entitlement().display().to_string()));
    Some(found.help(format!(
        "if one of them is it, write deployment = {wanted:?} into its [[target]] in {}",
        installation.config_file().display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The keys that are named where `text` has one that is not known.
    fn expected(text: &str) -> Vec<String> {
        let told = validated(&Document::new("entitlement.toml", text), String::new()).unwrap_err().message;
        let (_, list) = told.split_once("unknown key `zzz`, expected ").unwrap();
        let mut keys: Vec<_> = list.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        keys.sort();
        keys
    }

    #[test]
    fn the_schema_knows_the_keys_that_are_read() {
        let schema = include_str!("../../../docs/entitlement.schema.json");
        let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
        let keys = |place: &str| -> Vec<String> {
            schema.pointer(place).unwrap().as_object().unwrap().keys().cloned().collect()
        };
        assert_eq!(keys("/properties"), expected("zzz = 1"));
        let head = "customer = 'a'\ndeployment = 'b'\nvalid_until = 2030-01-01\n";
        let licence = "/properties/capability/additionalProperties/properties";
        assert_eq!(keys(licence), expected(&format!("{head}[capability.a]\nzzz = 1\n")));
    }
}
