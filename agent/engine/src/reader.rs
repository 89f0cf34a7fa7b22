//! Reading a file of a pack, whatever its kind: what is held against the contracts in the same way everywhere, and the
//! diagnostics with their places.

use std::collections::BTreeSet;
use std::ops::Range;

use goodstead_model::Link;
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::Diagnostic;
use goodstead_protocol::document::{Document, Parsed};
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::case::{self, Case, RawCase};
use crate::condition::{Condition, Env, Problem};
use crate::load::{Plugins, meant_plugin};
use crate::placeholder;

/// What a file of a pack is read against.
pub(crate) struct Surroundings<'a> {
    pub(crate) plugins: &'a Plugins,
    pub(crate) requires: &'a BTreeSet<String>,
    /// The plugins whose targets the pack judges.
    pub(crate) judges: &'a BTreeSet<String>,
    /// The ids of the pack's checks.
    pub(crate) checks: &'a BTreeSet<String>,
    pub(crate) local: bool,
    /// Whether the cases are read as well: they prove a file, and judging needs none of them.
    pub(crate) cases: bool,
}

/// Reads a file of a pack as what it is.
pub(crate) fn read_as<R: DeserializeOwned, T>(
    parsed: Parsed<'_>,
    around: &Surroundings<'_>,
    check: impl FnOnce(&mut Reader<'_>, R) -> Option<T>,
) -> (Option<T>, Vec<Diagnostic>) {
    let document = parsed.document();
    let (raw, mut found) = parsed.read_all();
    // Of a file that cannot be read, what is left to fill in is not the trouble.
    if raw.is_some() {
        found.extend(placeholder::left_over(document));
    }
    let mut reader = Reader { document, around, found };
    let read = raw.and_then(|raw| check(&mut reader, raw));
    (read, reader.found)
}

/// Reads a file of a pack, of whatever kind, and collects what is wrong with it.
pub(crate) struct Reader<'a> {
    pub(crate) document: &'a Document,
    pub(crate) around: &'a Surroundings<'a>,
    pub(crate) found: Vec<Diagnostic>,
}

impl<'a> Reader<'a> {
    pub(crate) fn error(
        &mut self,
        code: &'static str,
        message: impl Into<String>,
        span: Range<usize>,
        help: impl Into<String>,
    ) {
        self.found.push(Diagnostic::error(code, message).at(self.document.place(span)).help(help));
    }

    /// What people read: nothing of it is empty, and links lead somewhere.
    pub(crate) fn prose(&mut self, texts: &[(&str, &Spanned<String>)], links: &[Spanned<Link>]) {
        for (name, text) in texts {
            if text.get_ref().trim().is_empty() {
                let help = "an admin reads it: say it";
                self.error("empty-text", format!("`{name}` is empty"), text.span(), help);
            }
        }
        for link in links {
            let Link { title, url } = link.get_ref();
            let web = url.starts_with("https://") || url.starts_with("http://");
            if !web || title.trim().is_empty() {
                let message = format!("the link to `{url}` is not usable");
                self.error(
                    "bad-link",
                    message,
                    link.span(),
                    "a link has a title and an address with https://",
                );
            }
        }
    }

    /// The names in sight of every expression, and why others are not.
    pub(crate) fn names(&self, own: &'a Contract) -> Env<'a> {
        let Surroundings { plugins, requires, .. } = self.around;
        let linux = plugins.contract("linux").filter(|_| requires.contains("linux"));
        let mut env = Env::of_check(own, plugins.contract("host"), linux);
        for other in plugins.names().filter(|name| *name != "host" && *name != own.plugin) {
            if !requires.contains(other) {
                env = env.without(other, &format!("add `{other}` to [requires] in pack.toml"));
            } else if other != "linux" {
                let reason = "a check sees its own plugin's facts, `linux`, `host` and `previous`";
                env = env.without(other, reason);
            }
        }
        env
    }

    pub(crate) fn plugin_of(&mut self, id: &Spanned<String>) -> Option<String> {
        let Some((plugin, name)) = split_id(id.get_ref()) else {
            let message = format!("`{}` is no id", id.get_ref());
            let help =
                "ids look like postgresql.fsync-off: a plugin, a dot, and lower case words joined by `-`";
            self.error("bad-id", message, id.span(), help);
            return None;
        };
        if !self.around.requires.contains(plugin) {
            let message = format!("`{plugin}` of the id `{plugin}.{name}` is not in this pack's [requires]");
            let help = meant_plugin(plugin, self.around.requires);
            self.error("bad-id", message, id.span(), help);
            return None;
        }
        if !self.around.judges.contains(plugin) {
            let message = format!("`{plugin}` of the id `{plugin}.{name}` is not in this pack's `judges`");
            self.error("bad-id", message, id.span(), format!("add \"{plugin}\" to `judges` in pack.toml"));
            return None;
        }
        Some(plugin.to_owned())
    }

    pub(crate) fn expression(
        &mut self,
        source: &Spanned<String>,
        env: &Env<'_>,
        compile: impl Fn(&str, &Env<'_>) -> Result<Condition, Problem>,
    ) -> Option<Condition> {
        let compiled = compile(source.get_ref(), env);
        self.kept(compiled, source)
    }

    /// The value, or a diagnostic that points at the problem within the string of the file.
    pub(crate) fn kept<T>(&mut self, result: Result<T, Problem>, source: &Spanned<String>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(problem) => {
                for problem in problem.each() {
                    let place = self.document.place(within(self.document, source, problem.at));
                    let diagnostic = Diagnostic::error(problem.code, problem.message).at(place);
                    self.found.push(diagnostic.maybe_help(problem.help));
                }
                None
            }
        }
    }

    pub(crate) fn cases<E>(&mut self, raw: Vec<RawCase<E>>, contract: &Contract) -> Vec<Case<E>> {
        let mut names = BTreeSet::new();
        let mut cases = Vec::new();
        for raw in raw {
            if raw.name.get_ref().trim().is_empty() || !names.insert(raw.name.get_ref().clone()) {
                let message = format!("the name `{}` does not tell the cases apart", raw.name.get_ref());
                self.error("bad-case", message, raw.name.span(), "a case's name says what it shows");
            }
            cases.push(case::build(raw, contract, self.around.plugins, self.document, &mut self.found));
        }
        cases
    }

    /// Refuses a file whose cases leave out what every file of its kind must show, where they are read.
    pub(crate) fn missing_cases(&mut self, missing: Vec<String>, id: &Spanned<String>, help: &str) {
        if self.around.cases && !missing.is_empty() {
            let message = format!("no case expects {}", missing.join(", "));
            self.error("missing-case", message, id.span(), help);
        }
    }
}

/// The plugin and the problem in the id of a check; `None` when it is none.
pub fn split_id(id: &str) -> Option<(&str, &str)> {
    id.split_once('.').filter(|(_, name)| is_kebab(name))
}

fn is_kebab(name: &str) -> bool {
    let word =
        |word: &str| !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    name.starts_with(|c: char| c.is_ascii_lowercase()) && name.split('-').all(word)
}

/// Where `at` of a string's value lies in the file. Where escapes make the two differ, all of the string is meant.
fn within(document: &Document, source: &Spanned<String>, at: Option<Range<usize>>) -> Range<usize> {
    let whole = source.span();
    let start = document.source.get(whole.clone()).and_then(|raw| raw.find(source.get_ref().as_str()));
    match (at, start) {
        (Some(at), Some(start)) => whole.start + start + at.start..whole.start + start + at.end,
        _ => whole,
    }
}
