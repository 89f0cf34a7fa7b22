//! What the shell offers while a command line is typed: ids of checks, plugins and kept reports, as far as they are
//! found quickly and without running anything.
//!
//! Nothing here is judged by: ids are read out of the files as they are, signed or not.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory;
use clap_complete::CompletionCandidate;
use clap_complete::env::{CompleteEnv, Shells};
use goodstead_protocol::diagnostic::Diagnostic;

use crate::args::Cli;
use crate::installation::Installation;
use crate::state::State;

/// Set by the scripts of the shells when they ask for candidates.
const VARIABLE: &str = "GOODSTEAD_COMPLETE";

/// How deep a pack's folders go.
const MAX_DEPTH: usize = 3;

/// Answers the shell if it is the shell that asks; the process ends then.
pub(crate) fn answer() {
    // Nothing is asked in an ordinary run, which does not build the command line twice.
    if std::env::var_os(VARIABLE).is_some() {
        CompleteEnv::with_factory(Cli::command).var(VARIABLE).complete();
    }
}

/// The script that makes a shell ask.
///
/// # Errors
/// The shell is not one of those that can.
pub(crate) fn script(shell: &str) -> Result<String, Diagnostic> {
    let failed = |why: String| {
        Diagnostic::error("no-completions", format!("there are no completions for {shell}: {why}"))
    };
    let shells = Shells::builtins();
    let completer = shells.completer(shell).ok_or_else(|| failed("it is not known".to_owned()))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, "goodstead", "goodstead", "goodstead", &mut script)
        .map_err(|error| failed(error.to_string()))?;
    let mut script = String::from_utf8_lossy(&script).into_owned();
    if shell == "zsh" {
        // Loaded from a folder of completions, the file is the function that is called first.
        script.push_str(
            "\nif [ \"$funcstack[1]\" = \"_goodstead\" ]; then\n    _clap_dynamic_completer_goodstead \"$@\"\nfi\n",
        );
    }
    Ok(script)
}

/// Ids of checks; with capabilities, milestones and tasks, which have the same form. After a comma the next one.
pub(crate) fn checks(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let (before, last) = current.rfind(',').map_or(("", &*current), |at| current.split_at(at + 1));
    let mut ids = Vec::new();
    if let Some(installation) = installation() {
        for packs in [installation.packs(), installation.local_packs()] {
            collect(&packs, 0, &mut ids);
        }
    }
    ids.sort();
    let fitting = ids.into_iter().filter(|(id, _)| id.starts_with(last));
    fitting
        .map(|(id, title)| CompletionCandidate::new(format!("{before}{id}")).help(Some(title.into())))
        .collect()
}

/// Names of plugins.
pub(crate) fn plugins(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let folders = installation().and_then(|installation| fs::read_dir(installation.plugins()).ok());
    let names =
        folders.into_iter().flatten().flatten().filter_map(|folder| folder.file_name().into_string().ok());
    let mut names: Vec<_> =
        names.filter(|name| !name.starts_with('.') && name.starts_with(&*current)).collect();
    names.sort();
    names.into_iter().map(CompletionCandidate::new).collect()
}

/// Kept reports by the beginnings of their ids, and `latest`; files are the shell's own to offer.
pub(crate) fn reports(current: &OsStr) -> Vec<CompletionCandidate> {
    let current = current.to_string_lossy();
    let state = installation().and_then(|installation| State::open_existing(&installation.state_file()));
    let kept = state.and_then(|state| state.report_times().ok()).unwrap_or_default();
    let short = |(id, time): (String, String)| (id.get(..12).unwrap_or(&id).to_owned(), time);
    let latest = ("latest".to_owned(), "the newest report of a full scan".to_owned());
    std::iter::once(latest)
        .chain(kept.into_iter().map(short))
        .filter(|(id, _)| id.starts_with(&*current))
        .map(|(id, time)| CompletionCandidate::new(id).help(Some(time.into())))
        .collect()
}

/// As an ordinary run would find it; options that are typed on the same line are not seen.
fn installation() -> Option<Installation> {
    let named = |variable: &str| std::env::var_os(variable).filter(|it| !it.is_empty()).map(PathBuf::from);
    let (config, state) = (named("GOODSTEAD_CONFIG_DIR"), named("GOODSTEAD_STATE_DIR"));
    Installation::find(config.as_deref(), state.as_deref()).ok()
}

/// The ids and titles in the files below a folder.
fn collect(folder: &Path, depth: usize, ids: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let Ok(kind) = entry.file_type() else { continue };
        let path = entry.path();
        if kind.is_dir() && depth < MAX_DEPTH {
            collect(&path, depth + 1, ids);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "toml") {
            let text = fs::read_to_string(&path).unwrap_or_default();
            let of = |key: &str| {
                let line =
                    text.lines().find_map(|line| line.strip_prefix(key)?.trim_start().strip_prefix('='))?;
                line.trim().strip_prefix('"')?.strip_suffix('"').map(str::to_owned)
            };
            ids.extend(of("id").zip(Some(of("title").unwrap_or_default())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_titles_are_read_out_of_the_files_of_packs() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("demo/milestones")).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join("demo").join(name), text).unwrap();
        write("pack.toml", "name = \"demo\"\ntitle = \"Demo\"\n");
        write("a.toml", "# a comment\nid = \"demo.a\"\ntitle = \"A is off\"\n");
        write("milestones/b.toml", "id=\"demo.b\"\n");
        write("c.toml.bak", "id = \"demo.c\"\n");
        let mut ids = Vec::new();
        collect(folder.path(), 0, &mut ids);
        ids.sort();
        assert_eq!(ids, [("demo.a".into(), "A is off".into()), ("demo.b".into(), String::new())]);
    }

    #[test]
    fn every_shell_has_a_script_that_asks_the_program() {
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            assert!(script(shell).unwrap().contains(VARIABLE), "{shell}");
        }
        assert!(script("csh").is_err());
    }
}
