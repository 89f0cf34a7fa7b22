//! `goodstead plugins test`: runs a plugin that is being written, and shows all that comes of it.
//!
//! It runs as in any scan: locked in, and held to its manifest and its contract. Only the signature is not asked for
//! where its author names the folder. Nothing is kept, and nothing that was kept is looked at.

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use goodstead_engine::{CaseOutcome, Target, judge, run_cases};
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};

use self::page::Trial;
use super::check::open_root;
use super::plugins::{folder, named};
use super::{Exit, Installed, Outcome, now};
use crate::args::Trial as Args;
use crate::broker::Root;
use crate::config::Config;
use crate::installation::Installation;
use crate::packs::{self, Packs};
use crate::plugins::Plugin;
use crate::render::{diagnostics, output};
use crate::scan::{Request, scan};
use crate::trust::Copies;

/// Runs the command.
pub(super) fn run(
    args: &Args,
    installation: &Installation,
    config: &Config,
    mut installed: Installed,
) -> Outcome {
    let draft = folder(&args.plugin);
    if let Some(folder) = &draft {
        installed.trust.allow(folder);
    }
    let mut plugin = named(&args.plugin, &installed)?;
    if let Some(library) = &args.library {
        plugin.library = library.clone();
    }
    if !plugin.library.exists() {
        return Err(no_library(&plugin));
    }
    let manifest = plugin.manifest.clone();
    installed.known.add(manifest.version.clone(), manifest.contract.clone());
    let packs = match (&draft, args.packs.as_slice()) {
        (None, []) => {
            let wanted = BTreeSet::from([manifest.name.clone()]);
            packs::to_judge(installation, &installed.trust, &installed.known, wanted)
        }
        (Some(folder), []) => packs::given(&beside(folder), &installed.known),
        (_, given) => packs::given(given, &installed.known),
    };
    diagnostics::print(&packs.diagnostics);
    let root = match &args.root {
        Some(path) => open_root(path)?,
        None => Root::live()
            .map_err(|error| Diagnostic::error("no-root", format!("/ cannot be opened: {error}")))?,
    };
    // That its author did not sign it yet is not a fault here.
    let scan = scan(&Request {
        installation,
        config,
        plugins: std::slice::from_ref(&plugin),
        copies: &Copies::default(),
        host_contract: &installed.host_contract,
        root: &Arc::new(root),
        only: &BTreeMap::new(),
        wanted: &BTreeMap::from([(manifest.name.clone(), BTreeSet::new())]),
        time: &now(),
        author: true,
    });

    let targets: Vec<_> = scan.targets.iter().map(judged).collect();
    let judgements = judge(&packs.usable, &targets, &scan.host);
    let cases: Vec<_> = packs.usable.iter().flat_map(run_cases).collect();
    let exit =
        exit(&packs, &cases, &scan.warnings, scan.targets.iter().any(|target| !target.notes.is_empty()));
    let trial =
        Trial { manifest: &manifest, scan: &scan, packs: &packs, cases: &cases, judgements: &judgements };
    output::write(&page::page(&trial, crate::render::page::width()), None)?;
    Ok(exit)
}

/// The packs beside a manifest: the folders in `checks`.
fn beside(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder.join("checks")).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries.map(|entry| entry.path()).filter(|path| path.is_dir()).collect();
    found.sort();
    found
}

fn no_library(plugin: &Plugin) -> Diagnostic {
    Diagnostic::error("no-library", "the plugin's library is not there")
        .at(Place::file(plugin.library.display().to_string()))
        .help("build it first, or say with --library where it lies")
}

/// A target without a past.
fn judged(target: &crate::scan::ScannedTarget) -> Target {
    Target {
        id: target.id.clone(),
        plugin: target.plugin.clone(),
        facts: target.facts.clone(),
        previous: None,
        container: target.container.clone(),
        importance: target.importance,
        deployment: target.deployment.clone(),
    }
}

/// What its author has to mend: what is broken before a case that does not hold or a fact that does not fit.
fn exit(packs: &Packs, cases: &[CaseOutcome], warnings: &[String], misfits: bool) -> Exit {
    if !warnings.is_empty() || packs.diagnostics.iter().any(|found| found.severity == Severity::Error) {
        return Exit::Trouble;
    }
    if misfits || cases.iter().any(|case| case.problem.is_some()) { Exit::Findings } else { Exit::Fine }
}
