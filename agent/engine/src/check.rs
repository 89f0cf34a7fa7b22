//! One check: read from its file, held against the contracts, with the cases that prove it.

use std::collections::BTreeSet;
use std::ops::Range;

use goodstead_model::{Concern, Impact, Likelihood, Link, Verdict};
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place};
use goodstead_protocol::document::{Document, Parsed};
use semver::Version;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use toml::Spanned;

use crate::case::{self, Case, RawCase};
use crate::condition::{Condition, Env, ListPath, Problem, Root, list_path};
use crate::load::{Plugins, meant_plugin, version};
use crate::placeholder;
use crate::template::Template;

/// A rule over facts whose every expression fits the contracts.
#[derive(Debug, Clone)]
pub struct Check {
    /// `<plugin>.<kebab>`, names the problem.
    pub id: String,
    /// The plugin whose targets are judged.
    pub plugin: String,
    /// The problem in one sentence.
    pub title: String,
    /// The pack version that brought it.
    pub since: Version,
    /// What it is about.
    pub concern: Concern,
    /// How bad the harm would be.
    pub impact: Impact,
    /// How probable the harm is.
    pub likelihood: Likelihood,
    /// Which targets it concerns; all when there is none.
    pub applies: Option<Condition>,
    /// The list whose every element is judged.
    pub each: Option<Each>,
    /// What must hold.
    pub pass: Condition,
    /// What is shown beside the verdict.
    pub evidence: Vec<Condition>,
    /// Markdown: what happens, when, to whom.
    pub why: String,
    /// Markdown: what to do, as it stands in the file until it is rendered for a site.
    pub remedy: Template,
    /// Where to read more.
    pub links: Vec<Link>,
    /// The examples that prove it.
    pub cases: Vec<Case>,
    /// The file that it stands in.
    pub file: String,
    /// The admin's own, not the vendor's.
    pub local: bool,
    /// The place of its id.
    pub(crate) place: Place,
}

impl Check {
    /// The facts that its verdict rests on, each once and in order: `linux.mounts[].used_percent`.
    pub fn facts(&self) -> Vec<String> {
        let conditions = self.applies.iter().chain([&self.pass]);
        let whole = conditions.flat_map(Condition::paths).map(|path| match &self.each {
            Some(each) => {
                path.strip_prefix("item").map_or(path.clone(), |rest| format!("{}{rest}", each.source))
            }
            None => path,
        });
        whole.collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// The declared list whose elements a check judges one by one.
#[derive(Debug, Clone)]
pub struct Each {
    source: String,
    pub(crate) root: Root,
    /// The names to each list on the way, from the element of the one before.
    pub(crate) lists: Vec<Vec<String>>,
    /// The fields that name the elements of each of these lists.
    pub(crate) keys: Vec<Option<String>>,
}

impl Each {
    /// The path as it stands in the check: `linux.mounts[]`.
    pub fn source(&self) -> &str {
        &self.source
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCheck {
    /// Only `check`, which is what a file without it is.
    #[serde(rename = "kind", default)]
    _kind: Option<String>,
    id: Spanned<String>,
    title: Spanned<String>,
    since: Spanned<String>,
    concern: Concern,
    impact: Impact,
    likelihood: Likelihood,
    applies: Option<Spanned<String>>,
    each: Option<Spanned<String>>,
    pass: Spanned<String>,
    #[serde(default)]
    evidence: Vec<Spanned<String>>,
    why: Spanned<String>,
    remedy: Spanned<String>,
    #[serde(default)]
    links: Vec<Spanned<Link>>,
    #[serde(rename = "case", default)]
    cases: Vec<RawCase>,
}

/// What a file of a pack is read against.
pub(crate) struct Surroundings<'a> {
    pub(crate) plugins: &'a Plugins,
    pub(crate) requires: &'a BTreeSet<String>,
    /// The ids of the pack's checks.
    pub(crate) checks: &'a BTreeSet<String>,
    pub(crate) local: bool,
    /// Whether the cases are read as well: they prove a file, and judging needs none of them.
    pub(crate) cases: bool,
}

/// Reads a check; with an error among the diagnostics it must not be used.
pub(crate) fn read(parsed: Parsed<'_>, around: &Surroundings<'_>) -> (Option<Check>, Vec<Diagnostic>) {
    read_as(parsed, around, |reader, raw| reader.check(raw))
}

/// Reads a file of a pack as what it is.
pub(crate) fn read_as<R: DeserializeOwned, T>(
    mut parsed: Parsed<'_>,
    around: &Surroundings<'_>,
    check: impl FnOnce(&mut Reader<'_>, R) -> Option<T>,
) -> (Option<T>, Vec<Diagnostic>) {
    let document = parsed.document();
    if !around.cases {
        parsed.leave_out("case");
    }
    let found = placeholder::left_over(document).into_iter().collect();
    match parsed.read() {
        Ok(raw) => {
            let mut reader = Reader { document, around, found };
            let read = check(&mut reader, raw);
            (read, reader.found)
        }
        Err(error) => (None, vec![error]),
    }
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

    fn check(&mut self, raw: RawCheck) -> Option<Check> {
        self.prose(&[("title", &raw.title), ("why", &raw.why), ("remedy", &raw.remedy)], &raw.links);
        let since = version(&raw.since).map_err(|message| {
            self.error("bad-version", message, raw.since.span(), "versions look like 1.2.0 (semver)");
        });
        // Without its plugin's contract, no expression can be checked.
        let plugin = self.plugin_of(&raw.id)?;
        let contract = self.around.plugins.contract(&plugin)?;
        let env = self.names(contract);
        let target = env.clone().without("item", if raw.each.is_some() {
            "`item` is known in `pass` and `evidence`; `applies` and `remedy` are about the target as a whole"
        } else {
            "`item` is known only where `each` names a list"
        });
        let each = match &raw.each {
            Some(source) => {
                let found = list_path(source.get_ref(), &env);
                Some(self.kept(found, source)?)
            }
            None => None,
        };
        let inner = match &each {
            Some(path) => env.with_item(path.element.clone()),
            None => target.clone(),
        };
        let applies =
            raw.applies.as_ref().map(|source| self.expression(source, &target, Condition::compile_bool));
        let pass = self.expression(&raw.pass, &inner, Condition::compile_bool);
        let evidence: Vec<_> = raw
            .evidence
            .iter()
            .map(|source| self.expression(source, &inner, Condition::compile_evidence))
            .collect();
        let remedy = Template::parse(raw.remedy.get_ref(), &target);
        let remedy = self.kept(remedy, &raw.remedy);
        let cases = self.cases(raw.cases, contract);
        for case in cases.iter().filter(|case| case.expect == Verdict::Waived) {
            let message = format!("case \"{}\": nothing is waived in a case", case.name);
            let help = "a waived check is one that fails";
            self.found.push(Diagnostic::error("bad-case", message).at(case.place.clone()).help(help));
        }
        let shown = |verdict: &Verdict| cases.iter().any(|case| case.expect == *verdict);
        let missing =
            case::NEEDED.iter().filter(|verdict| !shown(verdict)).map(|verdict| format!("`{verdict}`"));
        self.missing_cases(
            missing.collect(),
            &raw.id,
            "a check has at least one [[case]] that passes, one that fails and one that is unknown",
        );
        Some(Check {
            place: self.document.place(raw.id.span()),
            id: raw.id.into_inner(),
            plugin,
            title: raw.title.into_inner(),
            since: since.ok()?,
            concern: raw.concern,
            impact: raw.impact,
            likelihood: raw.likelihood,
            applies: applies.map_or(Some(None), |applies| applies.map(Some))?,
            each: each.zip(raw.each).map(|(path, source)| each_of(path, source.into_inner())),
            pass: pass?,
            evidence: evidence.into_iter().collect::<Option<_>>()?,
            why: raw.why.into_inner(),
            remedy: remedy?,
            links: raw.links.into_iter().map(Spanned::into_inner).collect(),
            cases,
            file: self.document.file.clone(),
            local: self.around.local,
        })
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
                let place = self.document.place(within(self.document, source, problem.at));
                let diagnostic = Diagnostic::error(problem.code, problem.message).at(place);
                self.found.push(diagnostic.maybe_help(problem.help));
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

fn each_of(path: ListPath<'_>, source: String) -> Each {
    Each { source, root: path.root, lists: path.lists, keys: path.keys }
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

#[cfg(test)]
mod tests {
    use crate::fixture::{CHECK, lines, loaded};

    /// What is wrong with the check when `from` is replaced by `to`.
    fn told(from: &str, to: &str) -> String {
        assert!(CHECK.contains(from), "{from}");
        let loaded = loaded(&[&CHECK.replacen(from, to, 1)]);
        assert_eq!(loaded.pack.as_ref().unwrap().checks.is_empty(), !loaded.diagnostics.is_empty());
        lines(&loaded)
    }

    #[test]
    fn what_is_written_wrong_is_told_with_its_place() {
        insta::assert_snapshot!(told("why =", "wyh ="), @"demo/check-0.toml:9:1: unknown key `wyh`, expected one of `kind`, `id`, `title`, `since`, `concern`, `impact`, `likelihood`, `applies`, `each`, `pass`, `evidence`, `why`, `remedy`, `links`, `case` (did you mean `why`?)");
        insta::assert_snapshot!(told("demo.port-taken", "demo.PortTaken"), @"demo/check-0.toml:1:6: `demo.PortTaken` is no id (ids look like postgresql.fsync-off: a plugin, a dot, and lower case words joined by `-`)");
        insta::assert_snapshot!(told("demo.port-taken", "dmeo.port-taken"), @"demo/check-0.toml:1:6: `dmeo` of the id `dmeo.port-taken` is not in this pack's [requires] (did you mean `demo`?)");
        insta::assert_snapshot!(told("demo.port-taken", "host.port-taken"), @r#"demo/check-0.toml:1:6: `host` of the id `host.port-taken` is not in this pack's [requires] (add `host = "^0.1"` to [requires] in pack.toml)"#);
        insta::assert_snapshot!(told("0.1.0", "soon"), @"demo/check-0.toml:3:9: `soon` is no version: unexpected character 's' while parsing major version number (versions look like 1.2.0 (semver))");
        insta::assert_snapshot!(told("\"critical\"", "\"criticl\""), @"demo/check-0.toml:5:10: unknown word `criticl`, expected one of `low`, `medium`, `high`, `critical` (did you mean `critical`?)");
        insta::assert_snapshot!(told("Another program listens there.", " "), @"demo/check-0.toml:9:7: `why` is empty (an admin reads it: say it)");
        insta::assert_snapshot!(told("[[case]]", "[[links]]\ntitle = \"a\"\nurl = \"ftp://example.org\"\n[[case]]"), @"demo/check-0.toml:11:1: the link to `ftp://example.org` is not usable (a link has a title and an address with https://)");
    }

    #[test]
    fn expressions_are_told_where_they_stand() {
        insta::assert_snapshot!(told("['demo.port', ", "['demo.port', \"demo.\\u0070rot\", "), @"demo/check-0.toml:8:26: `demo.prot` is in no contract (did you mean `demo.port`?)");
        insta::assert_snapshot!(told("['demo.port', ", "['demo.tables', "), @"demo/check-0.toml:8:13: evidence is a plain value or a list of such, and this is a list of other things (name the values, or use `.map(x, x.name)`)");
        insta::assert_snapshot!(told("{{ demo.port }}", "{{ demo.prot }}"), @"demo/check-0.toml:10:39: `demo.prot` is in no contract (did you mean `demo.port`?)");
        insta::assert_snapshot!(told("{{ demo.port }}", "{{ demo.port"), @"demo/check-0.toml:10:53: this is no condition: mismatched input 'may' expecting <EOF>");
        insta::assert_snapshot!(told("pass = 'demo.port != 80'", "pass = '''\ndemo.port != 80 &&\n  demo.prot != 1'''"), @"demo/check-0.toml:9:3: `demo.prot` is in no contract (did you mean `demo.port`?)");
        insta::assert_snapshot!(told("pass =", "applies = 'demo.port'\npass ="), @"demo/check-0.toml:7:11: a condition must be true or false, and this is a whole number (compare it with something)");
        insta::assert_snapshot!(told("demo.port != 80", "redis.port != 80"), @"demo/check-0.toml:7:9: `redis` is not known here (a path starts with one of: demo, host, linux, previous)");
    }

    #[test]
    fn each_names_a_declared_list() {
        insta::assert_snapshot!(told("pass =", "each = 'demo.table[]'\npass ="), @"demo/check-0.toml:7:8: `demo.table` is in no contract (did you mean `demo.tables`?)");
        insta::assert_snapshot!(told("pass =", "each = 'demo.settings{}'\npass ="), @"demo/check-0.toml:7:8: `demo.settings{}` names no list (`each` names a declared list, with `[]`, for example linux.mounts[])");
        insta::assert_snapshot!(told("pass =", "each = 'demo.port[]'\npass ="), @"demo/check-0.toml:7:8: `demo.port` is a whole number, and `each` judges lists only");
        insta::assert_snapshot!(told("pass =", "each = 'previous.tables[]'\npass ="), @"demo/check-0.toml:7:8: `previous.tables[]` names no list (`each` is about what the scan sees now, for example linux.mounts[])");
        insta::assert_snapshot!(told("demo.port != 80", "item.rows > 1"), @"demo/check-0.toml:7:9: `item` is not known here (`item` is known only where `each` names a list)");
        insta::assert_snapshot!(told("pass =", "each = 'demo.tables[]'\napplies = 'item.rows > 1'\npass ="), @"demo/check-0.toml:8:12: `item` is not known here (`item` is known in `pass` and `evidence`; `applies` and `remedy` are about the target as a whole)");
        assert_eq!(told("pass =", "each = 'demo.tables[].indexes[]'\npass ="), "");
    }

    #[test]
    fn cases_are_held_against_the_contracts() {
        insta::assert_snapshot!(told("expect = \"unknown\"", "expect = \"pass\""), @"demo/check-0.toml:1:6: no case expects `unknown` (a check has at least one [[case]] that passes, one that fails and one that is unknown)");
        insta::assert_snapshot!(told("facts.demo.port = 81", "facts.demo.prot = 81"), @r#"demo/check-0.toml:12:8: case "free": `demo.prot` is not in the contract and was dropped"#);
        insta::assert_snapshot!(told("facts.demo.port = 81", "facts.demo.port = '81'"), @r#"demo/check-0.toml:12:8: case "free": `demo.port` is declared as int, the case gives text"#);
        insta::assert_snapshot!(told("facts.demo.port = 81", "facts.dmeo.port = 81"), @r#"demo/check-0.toml:12:8: case "free": `dmeo` has no facts here (did you mean `demo`?)"#);
        insta::assert_snapshot!(told("name = \"free\"", "name = \"taken\""), @"demo/check-0.toml:16:8: the name `taken` does not tell the cases apart (a case's name says what it shows)");
    }
}
