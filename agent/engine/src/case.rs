//! Cases: the examples in a file of a pack that prove it, and running them.
//!
//! A case's facts go through the same intake as a plugin's, so that a case cannot show what no plugin may send.

use std::collections::BTreeMap;

use goodstead_model::Verdict;
use goodstead_protocol::contract::Contract;
use goodstead_protocol::diagnostic::{Diagnostic, Place, did_you_mean};
use goodstead_protocol::document::Document;
use goodstead_protocol::fact::{Cause, CauseKind, Elements, Fact};
use goodstead_protocol::intake::admit;
use serde::Deserialize;
use toml::Spanned;

use crate::condition::Scope;
use crate::judge::{self, NO_ITEM};
use crate::load::Plugins;
use crate::pack::Pack;
use crate::progress;
use crate::retrace::{Step, retrace};

/// What every check must show at least.
pub(crate) const NEEDED: [Verdict; 3] = [Verdict::Pass, Verdict::Fail, Verdict::Unknown];

/// An example: these facts give this verdict, or whatever else comes of a file of its kind.
#[derive(Debug, Clone)]
pub struct Case<E = Verdict> {
    /// What it shows.
    pub name: String,
    /// What must come of it.
    pub expect: E,
    /// Where it stands.
    pub place: Place,
    facts: Facts,
}

/// The facts of a case, admitted.
#[derive(Debug, Clone)]
struct Facts {
    own: Fact,
    host: Fact,
    linux: Fact,
    previous: Fact,
}

/// A case as it stands in the file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawCase<E = Verdict> {
    pub(crate) name: Spanned<String>,
    #[serde(default)]
    pub(crate) facts: BTreeMap<Spanned<String>, toml::Value>,
    pub(crate) expect: E,
}

/// Admits a case's facts; what the contracts refuse is added to `found`.
pub(crate) fn build<E>(
    raw: RawCase<E>,
    own: &Contract,
    plugins: &Plugins,
    document: &Document,
    found: &mut Vec<Diagnostic>,
) -> Case<E> {
    let place = document.place(raw.name.span());
    let mut refuse = |message: String, help: Option<String>| {
        let message = format!("case \"{}\": {message}", raw.name.get_ref());
        found.push(Diagnostic::error("bad-case", message).at(place.clone()).maybe_help(help));
    };
    let mut given: BTreeMap<String, toml::Value> = BTreeMap::new();
    for (name, value) in raw.facts {
        let known = [own.plugin.as_str(), "host", "linux", "previous"];
        if known.contains(&name.get_ref().as_str()) {
            given.insert(name.into_inner(), value);
            continue;
        }
        let help = did_you_mean(name.get_ref(), known)
            .unwrap_or_else(|| "facts start with the plugin, `host`, `linux` or `previous`".to_owned());
        refuse(format!("`{}` has no facts here", name.get_ref()), Some(help));
    }
    let first_scan = !given.contains_key("previous");
    // What a case does not mention is unknown, or absent where the contract says that it may be.
    let mut facts = |name: &str, contract: Option<&Contract>| {
        let Some(contract) = contract else {
            return Fact::unknown(CauseKind::NotReported, format!("there are no facts of `{name}`"));
        };
        let sent = given.remove(name).map_or(Ok(Fact::record()), |sent| fact(name, sent));
        let admitted = admit(
            contract,
            sent.unwrap_or_else(|message| {
                refuse(message, None);
                Fact::record()
            }),
        );
        for note in admitted.notes {
            refuse(note.replace("the plugin sent", "the case gives"), None);
        }
        admitted.facts
    };
    let own_facts = facts(&own.plugin, Some(own));
    let host = facts("host", plugins.contract("host"));
    let linux =
        if own.plugin == "linux" { own_facts.clone() } else { facts("linux", plugins.contract("linux")) };
    let previous = if first_scan { judge::no_previous() } else { facts("previous", Some(own)) };
    Case {
        expect: raw.expect,
        name: raw.name.into_inner(),
        facts: Facts { own: own_facts, host, linux, previous },
        place,
    }
}

/// TOML as a fact: the text `$unknown` is an unknown one, and a table with the one key `$partial` a partial list or map.
fn fact(path: &str, value: toml::Value) -> Result<Fact, String> {
    use toml::Value;
    Ok(match value {
        Value::String(text) if text == "$unknown" => unknown().into(),
        Value::String(text) => text.into(),
        Value::Integer(value) => value.into(),
        Value::Float(value) if value.is_finite() => Fact::Float(value),
        Value::Float(_) => return Err(format!("`{path}` is no finite number")),
        Value::Boolean(value) => value.into(),
        Value::Datetime(time) => time.to_string().into(),
        Value::Array(items) => {
            let items = items.into_iter().map(|item| fact(&format!("{path}[]"), item));
            items.collect::<Result<Vec<_>, _>>()?.into()
        }
        Value::Table(mut table) => match table.remove("$partial") {
            Some(_) if !table.is_empty() => {
                return Err(format!("`{path}`: $partial stands alone in its table"));
            }
            Some(part) => partial(path, fact(path, part)?)?,
            None => {
                let fields = table.into_iter().map(|(name, value)| {
                    let inner = fact(&format!("{path}.{name}"), value)?;
                    Ok::<_, String>((name, inner))
                });
                fields.collect::<Result<BTreeMap<_, _>, _>>()?.into()
            }
        },
    })
}

fn partial(path: &str, part: Fact) -> Result<Fact, String> {
    let partial = Some(Box::new(Cause::new(CauseKind::Partial, "the case gives only part of it")));
    match part {
        Fact::List(list) => Ok(Fact::List(Elements { items: list.items, partial })),
        Fact::Map(map) => Ok(Fact::Map(Elements { items: map.items, partial })),
        _ => Err(format!("`{path}`: $partial holds a list or a table")),
    }
}

fn unknown() -> Cause {
    Cause::new(CauseKind::NotReported, "the case makes it unknown")
}

/// What came of one case.
#[derive(Debug, Clone)]
pub struct CaseOutcome {
    /// The id of the check, capability, milestone or task.
    pub check: String,
    /// The case's name.
    pub case: String,
    /// Where the case stands.
    pub place: Place,
    /// What it must give.
    pub expected: String,
    /// What it gives.
    pub got: String,
    /// Why it is unknown, if it is.
    pub cause: Option<Cause>,
    /// What is wrong; `None` when the case holds.
    pub problem: Option<Diagnostic>,
    /// Of a check's case that does not hold: how the check came to its verdict.
    pub steps: Vec<Step>,
}

impl<E> Case<E> {
    /// What its facts are to a condition, with `item` where there is one.
    pub(crate) fn scope<'f>(&'f self, item: &'f Fact) -> Scope<'f> {
        let Facts { own, host, linux, previous } = &self.facts;
        Scope { own, host, linux, previous, item }
    }
}

/// Runs every case of every check, then those of capabilities, milestones and tasks, in order.
pub fn run_cases(pack: &Pack) -> Vec<CaseOutcome> {
    let mut outcomes = Vec::new();
    for check in &pack.checks {
        for case in &check.cases {
            let scope = case.scope(&NO_ITEM);
            let outcome = judge::judge_one(check, &scope);
            let mut problem = None;
            if outcome.verdict != case.expect {
                let mut message =
                    format!("case \"{}\" gives {}, not {}", case.name, outcome.verdict, case.expect);
                if let Some(cause) = &outcome.cause {
                    message.push_str(&format!(": {cause}"));
                }
                problem = Some(Diagnostic::error("case-differs", message).at(case.place.clone()));
            } else if outcome.verdict == Verdict::Fail && outcome.remedy.is_empty() {
                let message = format!("in case \"{}\" nothing remains of the remedy", case.name);
                let help = "write at least one sentence whose values are known whenever the check fails";
                problem = Some(Diagnostic::error("empty-remedy", message).at(case.place.clone()).help(help));
            }
            outcomes.push(CaseOutcome {
                check: check.id.clone(),
                case: case.name.clone(),
                place: case.place.clone(),
                expected: case.expect.to_string(),
                got: outcome.verdict.to_string(),
                cause: outcome.cause,
                steps: if problem.is_some() { retrace(check, &scope) } else { Vec::new() },
                problem,
            });
        }
    }
    outcomes.extend(progress::run_cases(pack));
    outcomes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{CHECK, lines, loaded};

    fn problems(check: &str) -> Vec<String> {
        let loaded = loaded(&[check]);
        assert_eq!(lines(&loaded), "");
        run_cases(&loaded.pack.unwrap())
            .into_iter()
            .filter_map(|outcome| outcome.problem)
            .map(|p| p.to_string())
            .collect()
    }

    #[test]
    fn good_cases_hold() {
        assert_eq!(problems(CHECK), Vec::<String>::new());
    }

    #[test]
    fn a_case_that_differs_is_told_with_its_place_and_cause() {
        let wrong = CHECK.replace("facts.demo.port = 81", "facts.demo.port = 80");
        insta::assert_snapshot!(problems(&wrong).join("\n"), @r#"demo/check-0.toml:12:8: case "free" gives fail, not pass"#);
        let wrong = CHECK.replace("facts.demo.port = 81", "facts.demo.port = '$unknown'");
        insta::assert_snapshot!(problems(&wrong).join("\n"), @r#"demo/check-0.toml:12:8: case "free" gives unknown, not pass: the case makes it unknown"#);
    }

    #[test]
    fn a_failing_case_needs_a_remedy() {
        let wrong = CHECK.replace("Choose another port than", "It is {{ demo.version }},");
        insta::assert_snapshot!(problems(&wrong).join("\n"), @r#"demo/check-0.toml:16:8: in case "taken" nothing remains of the remedy (write at least one sentence whose values are known whenever the check fails)"#);
    }

    #[test]
    fn facts_of_every_kind_can_be_given() {
        let more = r#"
[[case]]
name = "everything"
facts.demo = { port = 80, ratio = 1.5, started = 2026-11-22T02:13:00Z, names = { "$partial" = ["a"] }, tables = [{ name = "t", rows = "$unknown", indexes = [] }] }
facts.host.memory_bytes = 1
facts.linux.sysctl."vm/swappiness" = 1
facts.previous.port = 1
expect = "fail"
"#;
        assert_eq!(problems(&format!("{CHECK}{more}")), Vec::<String>::new());
    }
}
