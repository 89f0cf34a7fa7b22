//! Saved facts: what a scan observed, without any verdict, to be judged here or elsewhere, now or later.
//!
//! Read back they pass through the contract again: a file can be old, edited, or somebody else's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use goodstead_model::Origin;
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::fact::Fact;
use goodstead_protocol::intake::admit;
use serde::{Deserialize, Serialize};

use crate::files::read_named;
use crate::render::json;
use crate::scan::{Scan, ScannedTarget};

/// The largest file of saved facts, in bytes: some thirty times those of a large host with ten servers.
const MAX_FACTS: u64 = 64 << 20;

/// The file's format: an integer of its own.
const FORMAT: u32 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct SavedFacts {
    goodstead_facts: u32,
    time: String,
    origin: Origin,
    host: Fact,
    targets: Vec<ScannedTarget>,
}

impl SavedFacts {
    pub(crate) fn new(time: &str, origin: &Origin, scan: &Scan) -> Self {
        SavedFacts {
            goodstead_facts: FORMAT,
            time: time.to_owned(),
            origin: origin.clone(),
            host: scan.host.clone(),
            targets: scan.targets.clone(),
        }
    }

    /// The file's text.
    pub(crate) fn to_text(&self) -> String {
        json::pretty(self)
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read, holds something else, or is of a newer format.
    pub(crate) fn read(path: &Path) -> Result<SavedFacts, Diagnostic> {
        let place = || Place::file(path.display().to_string());
        let bytes = read_named(path, MAX_FACTS).map_err(|error| {
            Diagnostic::error("unreadable", format!("the facts cannot be read: {error}"))
                .at(place())
                .help("name a regular file, or `-` for standard input")
        })?;
        SavedFacts::from_bytes(&bytes, place)
    }

    /// Reads the bytes of a file, whose place is told with what is wrong.
    ///
    /// # Errors
    /// They hold something else, or are of a newer format.
    pub(crate) fn from_bytes(bytes: &[u8], place: impl Fn() -> Place) -> Result<SavedFacts, Diagnostic> {
        let saved: SavedFacts = serde_json::from_slice(bytes).map_err(|error| {
            Diagnostic::error("bad-facts", format!("these are no saved facts: {error}"))
                .at(place())
                .help("goodstead check --save-facts FILE writes them")
        })?;
        if saved.goodstead_facts > FORMAT {
            return Err(Diagnostic::error(
                "newer-facts",
                format!("these facts have format {}, this agent knows {FORMAT}", saved.goodstead_facts),
            )
            .at(place())
            .help("install a newer Goodstead"));
        }
        Ok(saved)
    }

    /// The facts as a scan would have brought them, of the wanted targets whose plugin has a contract here.
    pub(crate) fn into_scan<'p>(
        self,
        contract_of: impl Fn(&str) -> Option<&'p Contract>,
        host_contract: &Contract,
        wanted: &BTreeMap<String, BTreeSet<String>>,
    ) -> Scan {
        let mut warnings = Vec::new();
        let mut targets = Vec::new();
        for mut target in self.targets {
            let Some(contract) = contract_of(&target.plugin) else {
                warnings.push(format!(
                    "{} is left out: the plugin `{}` is not installed",
                    target.id, target.plugin
                ));
                continue;
            };
            let Some(names) = wanted.get(&target.plugin) else { continue };
            let name = target.id.split_once(':').map_or("", |(_, name)| name);
            if !names.is_empty() && !names.contains(name) {
                continue;
            }
            let admitted = admit(contract, target.facts);
            target.facts = admitted.facts;
            target.notes.extend(admitted.notes);
            targets.push(target);
        }
        let host = admit(host_contract, self.host).facts;
        Scan {
            host,
            targets,
            plugins: BTreeMap::new(),
            access: BTreeMap::new(),
            log: BTreeMap::new(),
            plugin_logs: BTreeMap::new(),
            warnings,
            timings_ms: BTreeMap::new(),
            from_files: self.origin != Origin::Live,
        }
    }
}
