//! Holding what a plugin sent against its contract.
//!
//! What is not declared is dropped and counted; a wrong type becomes unknown, which a note reports; what a plugin does
//! not mention becomes unknown unless it may be absent; a secret is replaced by the facts derived from it and its value
//! is gone. Causes are facts' words, too: they are kept where the manifest declares that the plugin words them, or where
//! the agent worded them. All of it is charged to the plugin's budget.

use std::collections::BTreeMap;

use crate::budget::{self, Budget};
use crate::contract::{Contract, Derived, Field, Sensitivity, Shape};
use crate::fact::{Cause, CauseKind, Elements, Fact, Undeclared, too_much};
use crate::visible::bounded;

/// The most notes that are kept of one target; the rest is counted.
const MAX_NOTES: usize = 20;

/// The longest text that is taken, in bytes: a setting or a path, not a document.
const MAX_TEXT: usize = 64 << 10;

/// The longest name in a map that is taken, in bytes: a path is no longer (PATH_MAX).
const MAX_NAME: usize = 4096;

/// The longest detail of a cause, in characters: one sentence with a path in it.
const MAX_DETAIL: usize = 500;

/// The longest remedy of a cause, in characters: a command or two.
const MAX_REMEDY: usize = 1000;

/// Whole numbers beyond this magnitude are not exact in JSON readers that use doubles.
pub const MAX_EXACT: i64 = 1 << 53;

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Admitted {
    /// A record with exactly the declared names.
    pub facts: Fact,
    /// What was dropped or refused, one sentence each.
    pub notes: Vec<String>,
}

/// What is taken of a plugin's words, and how much of its facts.
pub struct Rules<'a> {
    /// What the facts may still come to; what is admitted is charged.
    pub budget: &'a Budget,
    /// Whether the manifest declares that the plugin words causes itself (`[texts] causes`).
    pub own_causes: bool,
    /// Whether a cause is, word by word, one that the agent gave the plugin.
    pub issued: &'a dyn Fn(&Cause) -> bool,
    /// Whether notes name what is not in the contract: for the plugin's author. Otherwise it is counted.
    pub names: bool,
}

/// Holds `sent` against `contract`. A `sent` that is unknown as a whole makes every fact unknown with its cause.
///
/// For facts that come from no plugin, or from a file of the user's: they may be any number, and their causes stay.
pub fn admit(contract: &Contract, sent: Fact) -> Admitted {
    let rules = Rules { budget: &Budget::unlimited(), own_causes: true, issued: &|_| true, names: true };
    admit_within(contract, sent, Undeclared::default(), &rules)
}

/// The same for what a plugin sent, within these rules; `left_out` was dropped when it was read.
pub fn admit_within(contract: &Contract, sent: Fact, left_out: Undeclared, rules: &Rules<'_>) -> Admitted {
    let mut intake = Intake { rules, notes: Vec::new(), more: 0, undeclared: BTreeMap::new() };
    if rules.names {
        intake.more += left_out.count - left_out.names.len().min(left_out.count);
        for name in &left_out.names {
            intake.note(format!("`{}.{name}` is not in the contract and was dropped", contract.plugin));
        }
    } else if left_out.count > 0 {
        intake.undeclared.insert(contract.plugin.clone(), left_out.count);
    }
    let facts = match sent {
        Fact::Map(map) => {
            intake.record(&contract.plugin, &contract.fields, map.items, map.partial.as_deref())
        }
        Fact::Unknown(cause) => intake.all_unknown(&contract.fields, &intake.cause(&cause)),
        other => {
            intake.note(format!("the plugin sent {} instead of a record", other.type_name()));
            let cause = Cause::new(CauseKind::WrongType, "the plugin sent no record");
            intake.all_unknown(&contract.fields, &cause)
        }
    };
    for (path, count) in std::mem::take(&mut intake.undeclared) {
        let facts = if count == 1 { "fact that is" } else { "facts that are" };
        let were = if count == 1 { "was" } else { "were" };
        intake.note(format!("{count} {facts} not in the contract {were} dropped from `{path}`"));
    }
    if intake.more > 0 {
        intake.notes.push(format!("and {} more of the kind", intake.more));
    }
    Admitted { facts, notes: intake.notes }
}

/// The facts of a plugin that gave none: every declared name, unknown for the same reason.
pub fn all_unknown(fields: &BTreeMap<String, Field>, cause: &Cause) -> Fact {
    let fields = fields
        .iter()
        .filter(|(_, field)| field.sensitivity != Sensitivity::Secret)
        .map(|(name, field)| {
            let fact = match &field.shape {
                Shape::Record(inner) => all_unknown(inner, cause),
                _ => cause.clone().into(),
            };
            (name.clone(), fact)
        })
        .collect::<BTreeMap<_, _>>();
    fields.into()
}

/// What [`all_unknown`] charges to a budget.
pub fn cost_of_unknown(fields: &BTreeMap<String, Field>, cause: &Cause) -> usize {
    let declared = fields.iter().filter(|(_, field)| field.sensitivity != Sensitivity::Secret);
    let cost = |(name, field): (&String, &Field)| match &field.shape {
        Shape::Record(inner) => name.len() + cost_of_unknown(inner, cause),
        _ => budget::cost_of_unknown(name, cause),
    };
    budget::RECORD + declared.map(cost).sum::<usize>()
}

/// A cause as it may leave: bounded, of characters that can be seen.
pub fn bounded_cause(cause: &Cause) -> Cause {
    Cause {
        kind: cause.kind,
        detail: bounded(&cause.detail, MAX_DETAIL, true),
        remedy: cause.remedy.as_ref().map(|remedy| bounded(remedy, MAX_REMEDY, true)),
    }
}

/// A cause without a word of the plugin's.
pub fn bare_cause(kind: CauseKind) -> Cause {
    Cause::new(kind, kind.words())
}

struct Intake<'a> {
    rules: &'a Rules<'a>,
    notes: Vec<String>,
    more: usize,
    /// How many names were dropped, by the path of their record.
    undeclared: BTreeMap<String, usize>,
}

impl Intake<'_> {
    fn note(&mut self, note: String) {
        if self.notes.len() < MAX_NOTES { self.notes.push(note) } else { self.more += 1 }
    }

    /// A cause that the plugin sent, as far as its words are declared or the agent's own.
    fn cause(&self, sent: &Cause) -> Cause {
        if self.rules.own_causes || (self.rules.issued)(sent) {
            bounded_cause(sent)
        } else {
            bare_cause(sent.kind)
        }
    }

    fn all_unknown(&self, fields: &BTreeMap<String, Field>, cause: &Cause) -> Fact {
        self.rules.budget.charge(cost_of_unknown(fields, cause));
        all_unknown(fields, cause)
    }

    fn charged(&self, fact: Fact) -> Fact {
        self.rules.budget.charge_fact(&fact);
        fact
    }

    fn record(
        &mut self,
        path: &str,
        fields: &BTreeMap<String, Field>,
        mut sent: BTreeMap<String, Fact>,
        partial: Option<&Cause>,
    ) -> Fact {
        self.rules.budget.charge(budget::RECORD);
        // What a partial record does not hold is missing for that reason.
        let missing = partial.map_or_else(
            || Cause::new(CauseKind::NotReported, "the plugin did not report it"),
            |cause| if cause.kind == CauseKind::TooLarge { too_much() } else { self.cause(cause) },
        );
        let mut kept = BTreeMap::new();
        for (name, field) in fields {
            let sent = sent.remove(name);
            if field.sensitivity == Sensitivity::Secret {
                self.derive(name, field, sent, &mut kept);
                continue;
            }
            let inner = format!("{path}.{name}");
            match sent {
                Some(fact) => {
                    self.rules.budget.charge_name(name);
                    let fact = self.field(&inner, field, fact);
                    kept.insert(name.clone(), fact);
                }
                // Derived facts are computed beside their secret, and a record is present if any of it is.
                None if kept.contains_key(name) || computed(fields, name) => {}
                None if field.optional && partial.is_none() => {}
                None => {
                    let fact = match &field.shape {
                        Shape::Record(fields) => self.all_unknown(fields, &missing),
                        _ => self.charged(missing.clone().into()),
                    };
                    kept.insert(name.clone(), fact);
                }
            }
        }
        for name in sent.into_keys() {
            if self.rules.names {
                self.note(format!(
                    "`{path}.{}` is not in the contract and was dropped",
                    bounded(&name, 60, false)
                ));
            } else {
                *self.undeclared.entry(path.to_owned()).or_default() += 1;
            }
        }
        kept.into()
    }

    fn field(&mut self, path: &str, field: &Field, sent: Fact) -> Fact {
        let fact = match (&field.shape, sent) {
            (Shape::Record(fields), Fact::Unknown(cause)) => {
                return self.all_unknown(fields, &self.cause(&cause));
            }
            (_, Fact::Unknown(cause)) => self.cause(&cause).into(),
            (_, Fact::Text(value)) if value.len() > MAX_TEXT => {
                let message = format!("`{path}` is a text of {} KiB, more than is taken", value.len() >> 10);
                self.note(message.clone());
                Fact::unknown(CauseKind::TooLarge, message)
            }
            (_, Fact::Text(value)) if value.len() > self.rules.budget.left() => {
                self.rules.budget.charge(value.len());
                too_much().into()
            }
            (Shape::Bool | Shape::Scalar, fact @ Fact::Bool(_)) => fact,
            (Shape::Float, Fact::Int(value)) => Fact::Float(value as f64),
            (Shape::Int | Shape::Scalar, fact @ Fact::Int(_)) => fact,
            (Shape::Float | Shape::Scalar, fact @ Fact::Float(_)) => fact,
            (Shape::Text | Shape::Scalar, fact @ Fact::Text(_)) => fact,
            (Shape::Time, Fact::Text(value)) if is_time(&value) => Fact::Text(value),
            (Shape::Record(fields), Fact::Map(map)) => {
                return self.record(path, fields, map.items, map.partial.as_deref());
            }
            (Shape::List(element), Fact::List(list)) => self.list(path, element, list),
            (Shape::Map(element), Fact::Map(map)) => self.map(path, element, map),
            (shape, sent) => {
                let message =
                    format!("`{path}` is declared as {shape}, the plugin sent {}", sent.type_name());
                self.note(message.clone());
                let cause = Cause::new(CauseKind::WrongType, message);
                match shape {
                    Shape::Record(fields) => return self.all_unknown(fields, &cause),
                    _ => cause.into(),
                }
            }
        };
        self.charged(fact)
    }

    /// The elements that fit into the budget; where some do not, the list is partial.
    fn list(&mut self, path: &str, element: &Field, sent: Elements<Vec<Fact>>) -> Fact {
        let inner = format!("{path}[]");
        let mut partial = sent.partial.map(|cause| Box::new(self.cause(&cause)));
        let mut items = Vec::new();
        for item in sent.items {
            if self.rules.budget.is_spent() {
                partial = Some(Box::new(too_much()));
                break;
            }
            let item = self.field(&inner, element, item);
            items.push(item);
        }
        Fact::List(Elements { items, partial })
    }

    /// The same for a map, whose names are bounded as well.
    fn map(&mut self, path: &str, element: &Field, sent: Elements<BTreeMap<String, Fact>>) -> Fact {
        let inner = format!("{path}{{}}");
        let mut partial = sent.partial.map(|cause| Box::new(self.cause(&cause)));
        let mut items = BTreeMap::new();
        for (name, item) in sent.items {
            if self.rules.budget.is_spent() {
                partial = Some(Box::new(too_much()));
                break;
            }
            if name.len() > MAX_NAME {
                let message = format!("`{path}` has a name of {} KiB, more than is taken", name.len() >> 10);
                self.note(message.clone());
                partial = Some(Box::new(Cause::new(CauseKind::TooLarge, message)));
                continue;
            }
            self.rules.budget.charge_name(&name);
            let item = self.field(&inner, element, item);
            items.insert(name, item);
        }
        Fact::Map(Elements { items, partial })
    }

    /// The facts that are computed from a secret. Nothing that the plugin sent of it stays, not even its reason.
    fn derive(&mut self, name: &str, field: &Field, sent: Option<Fact>, kept: &mut BTreeMap<String, Fact>) {
        for derived in &field.derived {
            let fact = match (&sent, derived) {
                (Some(Fact::Text(value)), Derived::Present) => Fact::Bool(!value.is_empty()),
                (Some(Fact::Text(value)), Derived::IsDefault) => {
                    Fact::Bool(field.default.as_ref() == Some(value))
                }
                (Some(Fact::Text(value)), Derived::LengthClass) => length_class(value).into(),
                (Some(Fact::Unknown(cause)), _) if (self.rules.issued)(cause) => bounded_cause(cause).into(),
                (Some(Fact::Unknown(cause)), _) => bare_cause(cause.kind).into(),
                (Some(_), _) => {
                    Fact::unknown(CauseKind::WrongType, "the plugin sent something else than text")
                }
                (None, Derived::Present) if field.optional => Fact::Bool(false),
                (None, _) if field.optional => continue,
                (None, _) => Fact::unknown(CauseKind::NotReported, "the plugin did not report it"),
            };
            let fact = self.charged(fact);
            kept.insert(derived.fact_name(name), fact);
        }
    }
}

/// Whether `name` is derived from a secret among `fields`.
fn computed(fields: &BTreeMap<String, Field>, name: &str) -> bool {
    fields.iter().any(|(secret, field)| field.derived.iter().any(|derived| derived.fact_name(secret) == name))
}

fn length_class(value: &str) -> &'static str {
    match value.chars().count() {
        0 => "empty",
        1..8 => "short",
        8..16 => "medium",
        _ => "long",
    }
}

/// Whether `value` has the form `2026-11-22T02:13:00Z`, in which times compare as text.
pub fn is_time(value: &str) -> bool {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    value.len() == FORM.len()
        && value.bytes().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            _ => byte == *form,
        })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde_json::json;

    use super::*;
    use crate::contract::{RawContract, validate};
    use crate::document::Document;

    fn contract() -> Contract {
        #[derive(Deserialize)]
        struct File {
            facts: RawContract,
        }
        let document = Document::new(
            "plugin.toml",
            "[facts]\nport = { type = 'int' }\nratio = { type = 'float' }\nnote = { type = 'text', optional = true }\n\
             started = { type = 'time', optional = true }\n\
             disks = { type = 'list', key = 'name' }\n'disks[].name' = { type = 'text' }\n\
             settings = { type = 'map', of = 'scalar' }\n\
             password = { type = 'text', sensitivity = 'secret', derived = ['present', 'length-class', 'is-default'], default = 'changeme' }\n",
        );
        let file: File = document.parse().unwrap();
        validate("demo", file.facts, &document).unwrap()
    }

    fn admitted(sent: serde_json::Value) -> (serde_json::Value, Vec<String>) {
        let admitted = admit(&contract(), Fact::from_json(sent).unwrap());
        (admitted.facts.to_json(), admitted.notes)
    }

    #[test]
    fn what_fits_passes_and_the_secret_does_not() {
        let (facts, notes) = admitted(json!({
            "port": 1, "ratio": 2, "disks": [{"name": "a"}], "settings": {"x": true, "y": "z"}, "password": "changeme",
        }));
        assert_eq!(notes, Vec::<String>::new());
        assert_eq!(facts["ratio"], json!(2.0));
        assert_eq!(facts["password_is_default"], json!(true));
        assert_eq!(facts["password_length_class"], json!("medium"));
        assert!(!facts.to_string().contains("changeme"), "{facts}");
    }

    #[test]
    fn undeclared_facts_are_dropped_and_said() {
        let (facts, notes) =
            admitted(json!({"port": 1, "shadow": "x", "disks": [{"name": "a", "serial": 1}]}));
        assert!(facts.get("shadow").is_none());
        assert_eq!(
            notes,
            [
                "`demo.disks[].serial` is not in the contract and was dropped",
                "`demo.shadow` is not in the contract and was dropped"
            ]
        );
    }

    #[test]
    fn a_wrong_type_is_unknown_and_never_a_value() {
        let (facts, notes) = admitted(json!({"port": "5432", "started": "yesterday"}));
        assert_eq!(facts["port"]["$unknown"]["kind"], "wrong-type");
        assert_eq!(facts["started"]["$unknown"]["kind"], "wrong-type");
        assert_eq!(notes.len(), 2);
    }

    #[test]
    fn silence_is_unknown_unless_the_fact_may_be_absent() {
        let (facts, _) = admitted(json!({}));
        assert_eq!(facts["port"]["$unknown"]["kind"], "not-reported");
        assert!(facts.get("note").is_none());
        assert_eq!(facts["password_present"]["$unknown"]["kind"], "not-reported");
    }

    #[test]
    fn a_text_that_is_a_document_is_not_taken() {
        let (facts, notes) = admitted(json!({"note": "x".repeat(MAX_TEXT + 1)}));
        assert_eq!(facts["note"]["$unknown"]["kind"], "too-large");
        assert_eq!(notes.len(), 1);
    }

    /// What a plugin sends that declares nothing but facts, within so many bytes.
    fn strictly(sent: serde_json::Value, bytes: usize) -> Admitted {
        let issued = |cause: &Cause| cause.detail == "/etc/demo is not there";
        let budget = Budget::new(bytes);
        let rules = Rules { budget: &budget, own_causes: false, issued: &issued, names: false };
        let contract = contract();
        let json = sent.to_string();
        let (sent, left_out) =
            Fact::read_declared(json.as_bytes(), &contract.fields, &Budget::unlimited()).unwrap();
        admit_within(&contract, sent, left_out, &rules)
    }

    #[test]
    fn only_declared_facts_come_through_and_no_word_beside_them() {
        let cause = |kind: &str| json!({"kind": kind, "detail": "SMUGGLED", "remedy": "SMUGGLED"});
        let unknown = |kind: &str| json!({"$unknown": cause(kind)});
        let admitted = strictly(
            json!({
                "port": unknown("absent"), "ratio": "SMUGGLED", "password": unknown("not-permitted"),
                "SMUGGLED": 1, "SMUGGLED2": "SMUGGLED",
                "disks": {"$partial": [{"name": unknown("timed-out"), "SMUGGLED": 2}], "$cause": cause("partial")},
                "settings": {"$partial": {"a": unknown("absent")}, "$cause": cause("partial")},
            }),
            1 << 20,
        );
        let text = format!("{} {:?}", admitted.facts.to_json(), admitted.notes);
        assert!(!text.contains("SMUGGLED"), "{text}");
        let facts = admitted.facts.to_json();
        assert_eq!(facts["port"]["$unknown"], json!({"kind": "absent", "detail": "not there"}));
        assert_eq!(facts["password_present"]["$unknown"]["kind"], "not-permitted");
        assert_eq!(facts["disks"]["$cause"]["kind"], "partial");
        assert_eq!(
            admitted.notes,
            [
                "`demo.ratio` is declared as float, the plugin sent text",
                "2 facts that are not in the contract were dropped from `demo`",
                "1 fact that is not in the contract was dropped from `demo.disks[]`",
            ]
        );
    }

    #[test]
    fn the_agent_s_own_words_come_back_whole() {
        let cause = json!({"kind": "absent", "detail": "/etc/demo is not there", "remedy": "make it"});
        let facts =
            strictly(json!({"port": {"$unknown": cause}, "password": {"$unknown": cause}}), 1 << 20).facts;
        assert_eq!(facts.to_json()["port"]["$unknown"], cause);
        assert_eq!(facts.to_json()["password_present"]["$unknown"], cause);
    }

    #[test]
    fn a_cause_is_cut_and_has_nothing_that_acts() {
        let cause = json!({"kind": "absent", "detail": "\u{1b}[2J".repeat(1000), "remedy": "r".repeat(5000)});
        let (facts, _) = admitted(json!({"$unknown": cause}));
        let cause = &facts["port"]["$unknown"];
        let length = |key: &str| cause[key].as_str().unwrap().chars().count();
        assert_eq!((length("detail"), length("remedy")), (MAX_DETAIL, MAX_REMEDY));
        assert!(!facts.to_string().contains("\\u001b"), "{cause}");
    }

    /// The longest JSON that is to be admitted is no larger than the budget, whatever was sent.
    #[test]
    fn what_is_admitted_stays_within_the_budget() {
        const BYTES: usize = 200_000;
        let many = 30_000;
        let long = json!({"kind": "absent", "detail": "d".repeat(2000)});
        for sent in [
            json!({"disks": vec![json!({}); many]}),
            json!({"disks": vec![json!(1); many]}),
            json!({"disks": vec![json!({"name": "x", "other": [1, 2]}); many]}),
            json!({"settings": (0..many).map(|n| (n.to_string(), json!([]))).collect::<serde_json::Map<_, _>>()}),
            json!({"settings": (0..many).map(|n| (n.to_string(), json!({"$unknown": long}))).collect::<serde_json::Map<_, _>>()}),
            json!({"settings": (0..60).map(|n| (n.to_string(), json!("x".repeat(60_000)))).collect::<serde_json::Map<_, _>>()}),
            json!({"settings": {"x".repeat(MAX_NAME + 1): 1, "y": 2}}),
        ] {
            let Admitted { facts, notes } = strictly(sent, BYTES);
            let text = facts.to_json().to_string();
            assert!(text.len() < BYTES + (64 << 10), "{} bytes", text.len());
            assert!(text.contains("too-large") && notes.len() <= MAX_NOTES + 1, "{notes:?}");
        }
        let facts = strictly(json!({"settings": {"x".repeat(MAX_NAME + 1): 1, "y": 2}}), BYTES).facts;
        assert_eq!(facts.to_json()["settings"]["$partial"], json!({"y": 2}));
    }

    #[test]
    fn notes_are_bounded() {
        let many: serde_json::Map<_, _> = (0..100).map(|n| (format!("x{n}"), json!(n))).collect();
        let (_, notes) = admitted(many.into());
        assert_eq!(notes.len(), MAX_NOTES + 1);
        assert_eq!(notes.last().unwrap(), "and 80 more of the kind");
    }

    #[test]
    fn a_time_has_one_form() {
        assert!(is_time("2026-11-22T02:13:00Z"));
        assert!(!is_time("2026-11-22T02:13:00+01:00"));
        assert!(!is_time("2026-11-22T02:13:00.5Z"));
    }
}
