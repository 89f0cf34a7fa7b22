//! One check: read from its file, held against the contracts, with the cases that prove it.

use std::collections::BTreeSet;

use goodstead_model::{Concern, Impact, Likelihood, Link, Verdict};
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity};
use goodstead_protocol::document::Parsed;
use goodstead_protocol::fact::{Cause, CauseKind};
use semver::Version;
use serde::Deserialize;
use toml::Spanned;

use crate::case::{self, Case, RawCase};
use crate::condition::{Condition, Env, list_path};
use crate::each::Each;
use crate::event::{Event, KEEP_HOURS, MAX_KEEP_HOURS};
use crate::load::version;
use crate::pack::first_names;
use crate::reader::{Reader, Surroundings, read_as, split_id};
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
    /// Of a check that looks for events: how long a finding stays after its event was last seen.
    pub event: Option<Event>,
    /// What is shown beside the verdict.
    pub evidence: Vec<Condition>,
    /// Where values of the evidence come from, as far as the plugin says so: see [`origin_of`].
    pub(crate) origins: Vec<Condition>,
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
    /// The facts of this plugin that anything of it, verdict, evidence or advice, reads, by their first names.
    pub fn reads(&self, plugin: &str) -> BTreeSet<String> {
        let first = self.event.iter().filter_map(|event| event.first.as_ref());
        let conditions = self.applies.iter().chain([&self.pass]).chain(first).chain(&self.evidence);
        let mut read: BTreeSet<String> =
            conditions.flat_map(Condition::paths).flat_map(|path| first_names(&path, plugin)).collect();
        read.extend(self.each.iter().flat_map(|each| first_names(each.source(), plugin)));
        read.extend(first_names(self.remedy.source(), plugin));
        read
    }

    /// The facts that its verdict rests on, each once and in order: `linux.mounts[].used_percent`.
    pub fn facts(&self) -> Vec<String> {
        let first = self.event.iter().filter_map(|event| event.first.as_ref());
        let conditions = self.applies.iter().chain([&self.pass]).chain(first);
        let whole = conditions.flat_map(Condition::paths).map(|path| match &self.each {
            Some(each) => {
                path.strip_prefix("item").map_or(path.clone(), |rest| format!("{}{rest}", each.source()))
            }
            None => path,
        });
        whole.collect::<BTreeSet<_>>().into_iter().collect()
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
    event: Option<RawEvent>,
    #[serde(default)]
    evidence: Vec<Spanned<String>>,
    why: Spanned<String>,
    remedy: Spanned<String>,
    #[serde(default)]
    links: Vec<Spanned<Link>>,
    #[serde(rename = "case", default)]
    cases: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEvent {
    keep_hours: Option<Spanned<u32>>,
    first: Option<Spanned<String>>,
}

/// What came of reading a check.
pub(crate) struct ReadCheck {
    /// The check; with an error among the diagnostics it must not be used.
    pub(crate) check: Option<Check>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// What takes the place of a check of the admin's own that is broken, as far as its id and weight are known: it is
    /// unknown on every target, so that it counts as not judged instead of vanishing.
    pub(crate) unknown: Option<Check>,
}

/// Reads a check.
pub(crate) fn read(parsed: Parsed<'_>, around: &Surroundings<'_>) -> ReadCheck {
    let mut unknown = None;
    let (check, diagnostics) = read_as(parsed, around, |reader, raw| {
        unknown = reader.unknown(&raw);
        reader.check(raw)
    });
    let broken = diagnostics.iter().find(|found| found.severity == Severity::Error);
    let unknown = unknown.zip(broken).map(|(unknown, why): (Check, _)| {
        let file = why.place.as_ref().map(|place| match place.line_column() {
            Some((line, _)) => format!("{}:{line}", place.file),
            None => place.file.clone(),
        });
        let detail = format!("the check is broken: {}: {}", file.unwrap_or_default(), why.message);
        let cause = Cause::new(CauseKind::Evaluation, detail).remedy("goodstead checks lint");
        Check { pass: Condition::unknown(unknown.pass.source(), cause), ..unknown }
    });
    ReadCheck { check, diagnostics, unknown }
}

/// The fact that says where a value of a map comes from: `demo.settings_origin["port"]` beside `demo.settings["port"]`,
/// where the contract has such a map. A plugin whose values may come from files instead of from what runs says there
/// which file and line; evidence shows it beside the value.
fn origin_of(path: &str, contract: &Contract) -> Option<String> {
    let (map, key) = path.split_once('[')?;
    let name = map.strip_prefix(&contract.plugin)?.strip_prefix('.')?;
    let origin = format!("{name}_origin");
    (contract.fields.contains_key(&origin) && key.ends_with("\"]")).then(|| format!("{map}_origin[{key}"))
}

impl Reader<'_> {
    /// An own check as far as it is known without its expressions. Where a word of it was made up to read on, its weight
    /// is not known.
    fn unknown(&self, raw: &RawCheck) -> Option<Check> {
        let whole = self.found.iter().all(|found| found.severity == Severity::Warning);
        let (plugin, _) = split_id(raw.id.get_ref())?;
        let judged = self.around.requires.contains(plugin) && self.around.judges.contains(plugin);
        (self.around.local && whole && judged).then(|| Check {
            id: raw.id.get_ref().clone(),
            plugin: plugin.to_owned(),
            title: raw.title.get_ref().clone(),
            since: version(&raw.since).unwrap_or(Version::new(0, 0, 0)),
            concern: raw.concern,
            impact: raw.impact,
            likelihood: raw.likelihood,
            applies: None,
            each: None,
            pass: Condition::unknown(raw.pass.get_ref(), Cause::new(CauseKind::Evaluation, "")),
            event: None,
            evidence: Vec::new(),
            origins: Vec::new(),
            why: raw.why.get_ref().clone(),
            remedy: Template::default(),
            links: Vec::new(),
            cases: Vec::new(),
            file: self.document.file.clone(),
            local: true,
            place: self.document.place(raw.id.span()),
        })
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
            "`item` is known in `pass`, in `evidence` and in the blocks of code of `remedy`; all else is about the target as a whole"
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
        let event = match raw.event {
            None => None,
            Some(raw) => Some(self.event(raw, &target)?),
        };
        let evidence: Vec<_> = raw
            .evidence
            .iter()
            .map(|source| self.expression(source, &inner, Condition::compile_evidence))
            .collect();
        let named = evidence.iter().flatten().flat_map(Condition::paths);
        let origins: BTreeSet<String> = named.filter_map(|path| origin_of(&path, contract)).collect();
        let origins =
            origins.iter().filter_map(|path| Condition::compile_evidence(path, &inner).ok()).collect();
        let remedy = Template::parse_with(raw.remedy.get_ref(), &target, &inner);
        let remedy = self.kept(remedy, &raw.remedy);
        let cases = self.cases(raw.cases, contract);
        for case in &cases {
            let (message, help) = match case.expect {
                Verdict::Waived => ("nothing is waived in a case", "a waived check is one that fails"),
                Verdict::NotYetJudged => {
                    ("a case without `previous` expects `unknown`", "only a scan makes that `not-yet-judged`")
                }
                _ => continue,
            };
            let message = format!("case \"{}\": {message}", case.name);
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
            each: each.zip(raw.each).map(|(path, source)| Each::new(path, source.into_inner())),
            pass: pass?,
            event,
            evidence: evidence.into_iter().collect::<Option<_>>()?,
            origins,
            why: raw.why.into_inner(),
            remedy: remedy?,
            links: raw.links.into_iter().map(Spanned::into_inner).collect(),
            cases,
            file: self.document.file.clone(),
            local: self.around.local,
        })
    }

    fn event(&mut self, raw: RawEvent, target: &Env<'_>) -> Option<Event> {
        let keep_hours = match &raw.keep_hours {
            Some(hours) if !(1..=MAX_KEEP_HOURS).contains(hours.get_ref()) => {
                let message = format!("{} hours are out of bounds", hours.get_ref());
                let help = format!("a finding about an event stays for 1 to {MAX_KEEP_HOURS} hours");
                self.error("bad-event", message, hours.span(), help);
                return None;
            }
            hours => hours.as_ref().map_or(KEEP_HOURS, |hours| *hours.get_ref()),
        };
        let first = match &raw.first {
            None => None,
            Some(source) => Some(self.expression(source, target, Condition::compile_bool)?),
        };
        Some(Event { keep_hours, first })
    }
}

#[cfg(test)]
mod tests {
    use goodstead_model::{Impact, Verdict};
    use goodstead_protocol::fact::Fact;
    use serde_json::json;

    use crate::fixture::{CHECK, facts, lines, loaded, loaded_as};
    use crate::{Pack, Target, judge};

    /// What is wrong with the check when `from` is replaced by `to`.
    fn told(from: &str, to: &str) -> String {
        assert!(CHECK.contains(from), "{from}");
        let loaded = loaded(&[&CHECK.replacen(from, to, 1)]);
        assert_eq!(loaded.pack.as_ref().unwrap().checks.is_empty(), !loaded.diagnostics.is_empty());
        lines(&loaded)
    }

    #[test]
    fn what_is_written_wrong_is_told_with_its_place() {
        insta::assert_snapshot!(told("why =", "wyh ="), @"demo/check-0.toml:9:1: unknown key `wyh`, expected one of `kind`, `id`, `title`, `since`, `concern`, `impact`, `likelihood`, `applies`, `each`, `pass`, `event`, `evidence`, `why`, `remedy`, `links`, `case` (did you mean `why`?)");
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
        insta::assert_snapshot!(told("{{ demo.port }}", "{{ demo.port"), @"demo/check-0.toml:10:53: this is not a condition: `may` does not belong here: an operator or the end must follow");
        insta::assert_snapshot!(told("pass = 'demo.port != 80'", "pass = '''\ndemo.port != 80 &&\n  demo.prot != 1'''"), @"demo/check-0.toml:9:3: `demo.prot` is in no contract (did you mean `demo.port`?)");
        insta::assert_snapshot!(told("pass =", "applies = 'demo.port'\npass ="), @"demo/check-0.toml:7:11: a condition must be true or false, and this is a whole number (compare it with something)");
        insta::assert_snapshot!(told("demo.port != 80", "redis.port != 80"), @"demo/check-0.toml:7:9: `redis` is not known here (a path starts with one of: demo, host, linux, previous)");
    }

    #[test]
    fn everything_that_is_wrong_with_a_check_is_reported_at_once() {
        let text = CHECK
            .replace("\"critical\"", "\"criticl\"")
            .replace("why =", "wyh = 'x'\nwhy =")
            .replace("demo.port != 80", "demo.prot != 80 && demo.setings[\"a\"] == 1");
        let told = lines(&loaded(&[&text]));
        for word in ["`criticl`", "`wyh`", "`demo.prot`", "`demo.setings`"] {
            assert!(told.contains(word), "{word}: {told}");
        }
        assert_eq!(told.lines().count(), 4, "{told}");
    }

    #[test]
    fn a_broken_check_of_the_admin_s_own_is_unknown_where_its_weight_is_known() {
        let unjudged = |text: &str| loaded_as(true, &[text]).pack.unwrap().unjudged;
        let broken = CHECK.replace("demo.port != 80", "demo.prot != 80");
        let found = unjudged(&broken);
        assert_eq!((found.len(), found[0].id.as_str()), (1, "demo.port-taken"));
        let pack = Pack { checks: found, ..loaded_as(true, &[]).pack.unwrap() };
        let target = Target {
            id: "demo".to_owned(),
            plugin: "demo".to_owned(),
            facts: facts(json!({ "port": 81 })),
            previous: None,
            container: None,
            importance: 1.0,
            deployment: "demo".to_owned(),
        };
        let judged = judge(&[pack], &[target], &Fact::record());
        assert_eq!((judged[0].verdict, judged[0].impact), (Verdict::Unknown, Impact::Critical));
        let cause = judged[0].cause.as_ref().unwrap();
        assert!(cause.detail.contains("demo/check-0.toml:7: `demo.prot` is in no contract"), "{cause:?}");
        // A good one is judged. The weight of one that is made up in part is not known. Another plugin's has no target.
        assert!(unjudged(CHECK).is_empty());
        assert!(unjudged(&broken.replace("\"critical\"", "\"criticl\"")).is_empty());
        assert!(unjudged(&broken.replace("demo.port-taken", "redis.port-taken")).is_empty());
        assert!(unjudged("= 3").is_empty());
        // A vendor's is left out.
        assert!(loaded_as(false, &[&broken]).pack.unwrap().unjudged.is_empty());
    }

    #[test]
    fn each_names_a_declared_list() {
        insta::assert_snapshot!(told("pass =", "each = 'demo.table[]'\npass ="), @"demo/check-0.toml:7:8: `demo.table` is in no contract (did you mean `demo.tables`?)");
        insta::assert_snapshot!(told("pass =", "each = 'demo.settings{}'\npass ="), @"demo/check-0.toml:7:8: `demo.settings{}` names no list (`each` names a declared list, with `[]`, for example linux.mounts[])");
        insta::assert_snapshot!(told("pass =", "each = 'demo.port[]'\npass ="), @"demo/check-0.toml:7:8: `demo.port` is a whole number, and `each` judges lists only");
        insta::assert_snapshot!(told("pass =", "each = 'previous.tables[]'\npass ="), @"demo/check-0.toml:7:8: `previous.tables[]` names no list (`each` is about what the scan sees now, for example linux.mounts[])");
        insta::assert_snapshot!(told("demo.port != 80", "item.rows > 1"), @"demo/check-0.toml:7:9: `item` is not known here (`item` is known only where `each` names a list)");
        insta::assert_snapshot!(told("pass =", "each = 'demo.tables[]'\napplies = 'item.rows > 1'\npass ="), @"demo/check-0.toml:8:12: `item` is not known here (`item` is known in `pass`, in `evidence` and in the blocks of code of `remedy`; all else is about the target as a whole)");
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
