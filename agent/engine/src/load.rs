//! Reading a pack: what is installed, what the pack requires, and which of its files are usable.
//!
//! A bad file costs only itself; a bad `pack.toml` costs the pack. Everything that is wrong is said at once.

use std::collections::{BTreeMap, BTreeSet};

use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place, Severity, did_you_mean};
use goodstead_protocol::document::Document;
use semver::{Version, VersionReq};
use serde::Deserialize;
use toml::Spanned;

use crate::check::{self, ReadCheck};
use crate::pack::{Pack, file_name, hash};
use crate::progress::{self, Head, Kind};
use crate::reader::{Surroundings, split_id};

mod beginning;

use beginning::{Beginning, check_id};

/// The plugins that are installed, and what each of them reports. The agent's own `host` is one of them here.
#[derive(Debug, Clone, Default)]
pub struct Plugins(BTreeMap<String, (Version, Contract)>);

impl Plugins {
    /// Adds a plugin by its contract, which holds its name.
    pub fn add(&mut self, version: Version, contract: Contract) {
        self.0.insert(contract.plugin.clone(), (version, contract));
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    pub(crate) fn contract(&self, name: &str) -> Option<&Contract> {
        self.0.get(name).map(|(_, contract)| contract)
    }
}

/// A pack as it lies on the disk.
#[derive(Debug, Clone)]
pub struct PackSource {
    /// Its folder's name.
    pub name: String,
    /// Its files; those that do not end in `.toml` only count for the hash.
    pub documents: Vec<Document>,
    /// The admin's own, not the vendor's.
    pub local: bool,
}

/// What came of reading a pack.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The pack with its usable checks; `None` when it cannot be used at all.
    pub pack: Option<Pack>,
    /// Why it is not used although nothing is wrong: a plugin that it requires is not installed.
    pub skipped: Option<String>,
    /// All that is wrong with it.
    pub diagnostics: Vec<Diagnostic>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPack {
    name: Spanned<String>,
    title: Spanned<String>,
    version: Spanned<String>,
    judges: Option<Vec<Spanned<String>>>,
    requires: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    reads: Reads,
}

/// Reads a pack and holds it against the installed plugins.
pub fn load(source: PackSource, plugins: &Plugins) -> Loaded {
    load_some(source, plugins, None)
}

/// As [`load`], but only what judging targets of the `wanted` plugins needs: not the cases, which are most of the work
/// and prove a check where it is written, not where it judges.
pub fn load_to_judge(source: PackSource, plugins: &Plugins, wanted: &BTreeSet<String>) -> Loaded {
    load_some(source, plugins, Some(wanted))
}

fn load_some(mut source: PackSource, plugins: &Plugins, wanted: Option<&BTreeSet<String>>) -> Loaded {
    source.documents.sort_by(|one, two| one.file.cmp(&two.file));
    let mut loaded = Loaded { pack: None, skipped: None, diagnostics: Vec::new() };
    let Some(document) = source.documents.iter().find(|document| file_name(document) == "pack.toml") else {
        let problem =
            Diagnostic::error("no-pack-file", format!("the pack `{}` has no pack.toml", source.name))
                .at(Place::file(source.name.clone()))
                .help("it holds name, title, version and the table [requires]");
        loaded.diagnostics.push(problem);
        return loaded;
    };
    let header = match header(document, &source.name, plugins) {
        Ok(header) => header,
        Err(Refused::Bad(diagnostics)) => {
            loaded.diagnostics = diagnostics;
            return loaded;
        }
        Err(Refused::NotInstalled(name)) => {
            loaded.skipped = Some(format!("it is for the plugin `{name}`, which is not installed"));
            return loaded;
        }
    };
    let mut pack = Pack {
        name: source.name,
        title: header.title,
        version: header.version,
        hash: hash(&source.documents),
        local: source.local,
        checks: Vec::new(),
        unjudged: Vec::new(),
        capabilities: Vec::new(),
        milestones: Vec::new(),
        tasks: Vec::new(),
    };
    let found = &mut loaded.diagnostics;
    let files: Vec<(&Document, Option<Beginning<'_>>)> = source
        .documents
        .iter()
        .filter(|document| is_inside(document))
        .map(|document| (document, Beginning::of(&document.source)))
        .collect();
    // Also those that turn out to be unusable: each broken file is told once, and costs itself only.
    let checks = files.iter().filter_map(|(document, beginning)| check_id(document, *beginning)).collect();
    let around = Surroundings {
        plugins,
        requires: &header.requires,
        judges: &header.judges,
        checks: &checks,
        local: source.local,
        cases: wanted.is_none(),
    };
    // One after another: what a text is taken apart into is many times as large as the text.
    for (document, beginning) in files {
        let plugin = beginning.and_then(|beginning| Some(split_id(beginning.id)?.0));
        if wanted.zip(plugin).is_some_and(|(wanted, plugin)| !wanted.contains(plugin)) {
            continue;
        }
        let parsed = if around.cases { document.parsed() } else { document.parsed_without("case") };
        let (kind, parsed) = match parsed.and_then(|parsed| Ok((Kind::of(&parsed)?, parsed))) {
            Ok(file) => file,
            Err(problem) => {
                found.push(problem);
                continue;
            }
        };
        match kind {
            Kind::Check => {
                let ReadCheck { check, diagnostics, unknown } = check::read(parsed, &around);
                keep((check, diagnostics), &mut pack.checks, found);
                pack.unjudged.extend(unknown);
            }
            Kind::Capability => {
                keep(progress::read_capability(parsed, &around), &mut pack.capabilities, found);
            }
            Kind::Milestone => keep(progress::read_milestone(parsed, &around), &mut pack.milestones, found),
            Kind::Task => keep(progress::read_task(parsed, &around), &mut pack.tasks, found),
        }
    }
    pack.checks.sort_by(|one, two| (&one.id, &one.file).cmp(&(&two.id, &two.file)));
    let order = |one: &Head, two: &Head| (&one.id, &one.file).cmp(&(&two.id, &two.file));
    pack.capabilities.sort_by(|one, two| order(&one.head, &two.head));
    pack.milestones.sort_by(|one, two| order(&one.head, &two.head));
    pack.tasks.sort_by(|one, two| order(&one.head, &two.head));
    if around.cases {
        loaded.diagnostics.extend(misnamed_reads(document, &header.reads, &pack));
    }
    let mut packs = [pack];
    loaded.diagnostics.append(&mut drop_duplicates(&mut packs));
    loaded.pack = packs.into_iter().next();
    loaded
}

/// Whether a file is one of those that a pack is made of, besides its header.
fn is_inside(document: &Document) -> bool {
    document.file.ends_with(".toml") && file_name(document) != "pack.toml"
}

/// Keeps what was read unless something is wrong with it, which is told either way.
fn keep<T>(
    (read, mut diagnostics): (Option<T>, Vec<Diagnostic>),
    kept: &mut Vec<T>,
    found: &mut Vec<Diagnostic>,
) {
    let usable = diagnostics.iter().all(|found| found.severity == Severity::Warning);
    found.append(&mut diagnostics);
    kept.extend(read.filter(|_| usable));
}

/// Takes everything away whose id was there before, in the order of the packs, and says so.
pub fn drop_duplicates(packs: &mut [Pack]) -> Vec<Diagnostic> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut found = Vec::new();
    let mut is_first = |id: &str, file: &str, place: &Place| match first.get(id) {
        None => {
            first.insert(id.to_owned(), file.to_owned());
            true
        }
        Some(other) => {
            let message = format!("the id `{id}` is taken by {other}");
            let problem = Diagnostic::error("duplicate-id", message).at(place.clone());
            found.push(problem.help("an id names one thing and is never reused"));
            false
        }
    };
    for pack in packs {
        pack.checks.retain(|check| is_first(&check.id, &check.file, &check.place));
        let mut goal = |head: &Head| is_first(&head.id, &head.file, &head.place);
        pack.capabilities.retain(|one| goal(&one.head));
        pack.milestones.retain(|one| goal(&one.head));
        pack.tasks.retain(|one| goal(&one.head));
    }
    found
}

struct Header {
    title: String,
    version: Version,
    requires: BTreeSet<String>,
    judges: BTreeSet<String>,
    reads: Reads,
}

/// The facts that a pack says it reads, by the plugin.
type Reads = BTreeMap<Spanned<String>, Spanned<BTreeSet<String>>>;

enum Refused {
    Bad(Vec<Diagnostic>),
    NotInstalled(String),
}

fn header(document: &Document, folder: &str, plugins: &Plugins) -> Result<Header, Refused> {
    let raw: RawPack = document.parse_all().map_err(Refused::Bad)?;
    let mut errors = Vec::new();
    let mut error = |code, message: String, at: &Spanned<String>, help: String| {
        errors.push(Diagnostic::error(code, message).at(document.place(at.span())).help(help));
    };
    if raw.name.get_ref() != folder {
        let message =
            format!("the pack calls itself `{}` and lies in the folder `{folder}`", raw.name.get_ref());
        error("bad-name", message, &raw.name, "give both the same name".to_owned());
    }
    if raw.title.get_ref().trim().is_empty() {
        error(
            "empty-text",
            "`title` is empty".to_owned(),
            &raw.title,
            "say what the pack is about".to_owned(),
        );
    }
    let version = version(&raw.version).unwrap_or_else(|message| {
        error("bad-version", message, &raw.version, "versions look like 1.2.0 (semver)".to_owned());
        Version::new(0, 0, 0)
    });
    let mut missing = None;
    for (name, wanted) in &raw.requires {
        let requirement = match VersionReq::parse(wanted.get_ref()) {
            Ok(requirement) => requirement,
            Err(reason) => {
                let message = format!("`{}` is no version requirement: {reason}", wanted.get_ref());
                error("bad-version", message, wanted, "requirements look like ^1.2 (semver)".to_owned());
                continue;
            }
        };
        match plugins.0.get(name.get_ref()) {
            None => _ = missing.get_or_insert_with(|| name.get_ref().clone()),
            Some((installed, _)) if !requirement.matches(installed) => {
                let message = format!(
                    "the pack needs `{}` {requirement}, and {installed} is installed",
                    name.get_ref()
                );
                error("requires-not-met", message, wanted, "install matching releases of the two".to_owned());
            }
            Some(_) => {}
        }
    }
    let requires: BTreeSet<String> = raw.requires.into_keys().map(Spanned::into_inner).collect();
    for plugin in raw.reads.keys().filter(|plugin| !requires.contains(plugin.get_ref())) {
        let message = format!("[reads] names `{}`, which the pack does not require", plugin.get_ref());
        let help = meant_plugin(plugin.get_ref(), &requires);
        errors.push(Diagnostic::error("bad-reads", message).at(document.place(plugin.span())).help(help));
    }
    for plugin in raw.judges.iter().flatten().filter(|plugin| !requires.contains(plugin.get_ref())) {
        let message = format!("the pack judges `{}` and does not require it", plugin.get_ref());
        let help = meant_plugin(plugin.get_ref(), &requires);
        errors.push(Diagnostic::error("bad-judges", message).at(document.place(plugin.span())).help(help));
    }
    match missing {
        _ if !errors.is_empty() => Err(Refused::Bad(errors)),
        Some(name) => Err(Refused::NotInstalled(name)),
        None => Ok(Header {
            title: raw.title.into_inner(),
            version,
            judges: match raw.judges {
                Some(judges) => judges.into_iter().map(Spanned::into_inner).collect(),
                None => requires.clone(),
            },
            requires,
            reads: raw.reads,
        }),
    }
}

/// What is wrong with what a pack says that it reads: a fact that is not named is not gathered for it, and one that is
/// named for nothing is gathered for nothing.
fn misnamed_reads<'a>(
    document: &'a Document,
    reads: &'a Reads,
    pack: &'a Pack,
) -> impl Iterator<Item = Diagnostic> + 'a {
    reads.iter().flat_map(move |(plugin, named)| {
        let read = pack.reads(plugin.get_ref());
        let wrong = |names: Vec<&String>, what: &str, help: &str| {
            let names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
            (!names.is_empty()).then(|| {
                let message = format!("[reads] {what} {} of `{}`", names.join(", "), plugin.get_ref());
                Diagnostic::error("bad-reads", message).at(document.place(named.span())).help(help)
            })
        };
        let (has, needs) = (named.get_ref(), &read);
        let missing = wrong(
            needs.difference(has).collect(),
            "does not name",
            "name what the checks read, or leave [reads] out: everything is gathered then",
        );
        let idle = wrong(has.difference(needs).collect(), "names", "no check reads that: take it out");
        missing.into_iter().chain(idle).collect::<Vec<_>>()
    })
}

/// A semver version, or what is wrong with it.
pub(crate) fn version(text: &Spanned<String>) -> Result<Version, String> {
    Version::parse(text.get_ref()).map_err(|reason| format!("`{}` is no version: {reason}", text.get_ref()))
}

/// "did you mean" among the plugins that a pack requires.
pub(crate) fn meant_plugin(wrong: &str, requires: &BTreeSet<String>) -> String {
    did_you_mean(wrong, requires.iter().map(String::as_str))
        .unwrap_or_else(|| format!("add `{wrong} = \"^0.1\"` to [requires] in pack.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{CHECK, PACK, lines, loaded, plugins};

    fn with_pack(text: &str) -> Loaded {
        let documents = vec![Document::new("demo/pack.toml", text), Document::new("demo/a.toml", CHECK)];
        load(PackSource { name: "demo".to_owned(), documents, local: true }, &plugins())
    }

    #[test]
    fn a_good_pack_is_read_whole() {
        let loaded = loaded(&[CHECK]);
        assert_eq!(lines(&loaded), "");
        let pack = loaded.pack.unwrap();
        assert_eq!((pack.checks.len(), pack.entry().version.as_str()), (1, "0.1.0"));
        assert_eq!(pack.checks[0].pass.source(), "demo.port != 80");
    }

    #[test]
    fn a_bad_check_costs_only_itself() {
        let bad =
            CHECK.replace("demo.port-taken", "demo.other").replace("demo.port != 80", "demo.prot != 80");
        let loaded = loaded(&[&bad, CHECK]);
        insta::assert_snapshot!(lines(&loaded), @"demo/check-0.toml:7:9: `demo.prot` is in no contract (did you mean `demo.port`?)");
        assert_eq!(loaded.pack.unwrap().checks.len(), 1);
    }

    #[test]
    fn a_bad_pack_file_costs_the_pack() {
        let told = |loaded: &Loaded| {
            format!("{}{}", lines(loaded), if loaded.pack.is_some() { " AND A PACK" } else { "" })
        };
        insta::assert_snapshot!(told(&with_pack(&PACK.replace("'^0.1'\nlinux", "'^0.2'\nlinux"))), @"demo/pack.toml:5:8: the pack needs `demo` ^0.2, and 0.1.0 is installed (install matching releases of the two)");
        insta::assert_snapshot!(told(&with_pack(&PACK.replace("name = 'demo'", "name = 'dmeo'"))), @"demo/pack.toml:1:8: the pack calls itself `dmeo` and lies in the folder `demo` (give both the same name)");
        insta::assert_snapshot!(told(&with_pack(&PACK.replace("title = 'Demo'", "title = ''"))), @"demo/pack.toml:2:9: `title` is empty (say what the pack is about)");
        insta::assert_snapshot!(told(&with_pack(&PACK.replace("'0.1.0'", "'one'"))), @"demo/pack.toml:3:11: `one` is no version: unexpected character 'o' while parsing major version number (versions look like 1.2.0 (semver))");
        insta::assert_snapshot!(told(&with_pack(&PACK.replace("'^0.1'\nlinux", "'newest'\nlinux"))), @"demo/pack.toml:5:8: `newest` is no version requirement: unexpected character 'n' while parsing major version number (requirements look like ^1.2 (semver))");
        insta::assert_snapshot!(told(&with_pack(&PACK.replace("requires", "require"))), @"demo/pack.toml:4:2: unknown key `require`, expected one of `name`, `title`, `version`, `judges`, `requires`, `reads` (did you mean `requires`?)");
        let two = PACK.replace("requires", "require").replace("title =", "titel =");
        insta::assert_snapshot!(told(&with_pack(&two)), @"
        demo/pack.toml:2:1: unknown key `titel`, expected one of `name`, `title`, `version`, `judges`, `requires`, `reads` (did you mean `title`?)
        demo/pack.toml:4:2: unknown key `require`, expected one of `name`, `title`, `version`, `judges`, `requires`, `reads` (did you mean `requires`?)
        ");
        let none =
            load(PackSource { name: "demo".to_owned(), documents: Vec::new(), local: false }, &plugins());
        insta::assert_snapshot!(told(&none), @"demo: the pack `demo` has no pack.toml (it holds name, title, version and the table [requires])");
    }

    #[test]
    fn a_pack_names_all_that_it_reads_or_nothing() {
        let with = |reads: &str| lines(&with_pack(&format!("{PACK}[reads]\n{reads}\n")));
        assert_eq!(with("demo = ['port', 'size_bytes']"), "");
        assert_eq!(with("linux = []"), "");
        insta::assert_snapshot!(with("demo = ['port', 'size_bytes', 'other']"), @"demo/pack.toml:8:8: [reads] names `other` of `demo` (no check reads that: take it out)");
        insta::assert_snapshot!(with("demo = ['port']"), @"demo/pack.toml:8:8: [reads] does not name `size_bytes` of `demo` (name what the checks read, or leave [reads] out: everything is gathered then)");
        insta::assert_snapshot!(with("dmeo = ['port']"), @"demo/pack.toml:8:1: [reads] names `dmeo`, which the pack does not require (did you mean `demo`?)");
    }

    #[test]
    fn a_pack_judges_what_it_requires_unless_it_says_less() {
        let judges = |names: &str| {
            let text = PACK.replace("[requires]", &format!("judges = {names}\n[requires]"));
            lines(&with_pack(&text))
        };
        assert_eq!((judges("['demo', 'linux']").as_str(), judges("['demo']").as_str()), ("", ""));
        insta::assert_snapshot!(judges("['linux']"), @r#"demo/a.toml:1:6: `demo` of the id `demo.port-taken` is not in this pack's `judges` (add "demo" to `judges` in pack.toml)"#);
        insta::assert_snapshot!(judges("['dmeo']"), @"demo/pack.toml:4:11: the pack judges `dmeo` and does not require it (did you mean `demo`?)");
    }

    #[test]
    fn a_pack_for_what_is_not_installed_is_skipped_in_silence() {
        let loaded = with_pack(&format!("{PACK}redis = '^9'\n"));
        assert_eq!((loaded.diagnostics.len(), loaded.pack.is_none()), (0, true));
        assert_eq!(loaded.skipped.unwrap(), "it is for the plugin `redis`, which is not installed");
    }

    #[test]
    fn an_id_is_used_once_in_a_pack_and_across_packs() {
        let one = loaded(&[CHECK, CHECK]);
        insta::assert_snapshot!(lines(&one), @"demo/check-1.toml:1:6: the id `demo.port-taken` is taken by demo/check-0.toml (an id names one thing and is never reused)");
        let two = loaded(&[CHECK]);
        let mut packs = [one.pack.unwrap(), two.pack.unwrap()];
        assert_eq!(drop_duplicates(&mut packs).len(), 1);
        assert_eq!(packs.map(|pack| pack.checks.len()), [1, 0]);
    }
}
