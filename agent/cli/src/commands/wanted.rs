//! Which plugins `goodstead check` is to run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use goodstead_protocol::diagnostic::{Diagnostic, did_you_mean};

use crate::args::Check;
use crate::config::Config;
use crate::installation::Installation;
use crate::trust::Copies;

/// Which plugins to run, each with the wanted names.
pub(super) fn wanted<'a>(
    targets: &[String],
    config: &Config,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Result<BTreeMap<String, BTreeSet<String>>, Diagnostic> {
    if targets.is_empty() {
        return Ok(known
            .filter(|name| !config.disabled(name))
            .map(|name| (name.to_owned(), BTreeSet::new()))
            .collect());
    }
    let mut wanted: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut whole = BTreeSet::new();
    for target in targets {
        let (plugin, name) =
            target.split_once(':').map_or((target.as_str(), None), |(plugin, name)| (plugin, Some(name)));
        if !known.clone().any(|known| known == plugin) {
            if let Some((owner, _)) = plugin.split_once('.')
                && known.clone().any(|known| known == owner)
            {
                return Err(Diagnostic::error(
                    "not-a-target",
                    format!("`{target}` is not a plugin or a target"),
                )
                .help(format!("to judge one check: goodstead check --only {target}")));
            }
            return Err(Diagnostic::error("unknown-plugin", format!("no plugin `{plugin}` is installed"))
                .help("goodstead plugins list shows them all")
                .maybe_help(did_you_mean(plugin, known)));
        }
        let names = wanted.entry(plugin.to_owned()).or_default();
        match name {
            Some(name) => _ = names.insert(name.to_owned()),
            None => _ = whole.insert(plugin.to_owned()),
        }
    }
    // `postgresql postgresql:main` means all of PostgreSQL.
    for plugin in whole {
        wanted.insert(plugin, BTreeSet::new());
    }
    Ok(wanted)
}

/// Begins to copy the libraries of what is likely to run; which plugins there are is not known yet.
pub(super) fn begin_copies(args: &Check, installation: &Installation, config: &Config) -> Copies {
    if args.facts.is_some() {
        return Copies::default();
    }
    let mut names: BTreeSet<String> =
        args.targets.iter().filter_map(|target| Some(target.split(':').next()?.to_owned())).collect();
    if names.is_empty() {
        let folders = fs::read_dir(installation.plugins()).into_iter().flatten().flatten();
        names.extend(folders.filter_map(|folder| folder.file_name().into_string().ok()));
    }
    names.retain(|name| !config.disabled(name) && !name.contains('/') && !name.starts_with('.'));
    Copies::begin(names.iter().map(|name| installation.plugins().join(name)))
}
